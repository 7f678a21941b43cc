"""`python -m kthena_sandbox`."""

import sys

_INTERRUPTED = 130  # 128 and the number of SIGINT, as a shell has it

if __name__ == "__main__":
    try:
        from kthena_sandbox.cli import (
            main,  # here, so that Ctrl-C is answered from the first moment
        )

        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
