"""`python -m kthena_sandbox`."""

import sys

from kthena_sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
