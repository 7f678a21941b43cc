"""The command line of the sandbox: `up` (the default), `apiserver`, `engine`."""

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    command, *rest = argv or ["up"]
    if command == "apiserver":
        from kthena_sandbox.apiserver import server

        return server.main(rest)
    if command == "engine":
        from kthena_sandbox.engine import command as engine

        return engine.main(rest)
    return 2
