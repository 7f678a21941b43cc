"""`python -m kthena_sandbox.apiserver`: the API server alone."""

import sys

from kthena_sandbox.apiserver.server import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
