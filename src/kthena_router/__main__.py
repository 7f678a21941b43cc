"""`python -m kthena_router` is the command `kthena-router`."""

from kthena_router.cli import main

main()
