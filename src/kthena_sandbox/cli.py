"""The command line of the sandbox: `up` (the default), `apiserver`, `engine`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kthena_sandbox.settings import Settings

_COMMANDS = ("up", "apiserver", "engine")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kthena-router sandbox", allow_abbrev=False,
        description="A Kubernetes-compatible cluster on this machine, with the router in it. "
        "Other commands: `apiserver` and `engine`, each with --help.",
    )  # fmt: skip
    add = parser.add_argument
    add("--api-port", type=int, default=6443, help="Kubernetes API on 127.0.0.1, 0 for any port")
    add(
        "--kubeconfig",
        type=Path,
        help="file to write; default: below ~/.cache, named in the output",
    )
    add("--state", type=Path, help="file that keeps all objects over a restart of the sandbox")
    add("--apply", type=Path, action="append", default=[], metavar="FILE", help="file or folder")
    add("--router", action=argparse.BooleanOptionalAction, default=True, help="start the router")
    add("--router-port", type=int, default=8080)
    add("--management-port", type=int, default=15021, help="the router's health")
    add("--metrics-port", type=int, default=9090, help="the router's metrics")
    add("--router-arg", action="append", default=[], metavar="ARG", help="passed to the router")
    add("--demo", action="store_true", help="apply the guide's resources and wait for them")
    add("--check", action="store_true", help="run the guide's verification, then end with 0 or 1")
    return parser


def parse(argv: Sequence[str]) -> Settings:
    """The settings of `up`; ends the process with a usage message where they are wrong."""
    given = _parser().parse_args(argv)
    return Settings(
        api_port=given.api_port,
        kubeconfig=given.kubeconfig,
        state=given.state,
        apply=tuple(given.apply),
        router=given.router,
        router_port=given.router_port,
        management_port=given.management_port,
        metrics_port=given.metrics_port,
        router_args=tuple(given.router_arg),
        demo=given.demo,
        check=given.check,
    )


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    command, rest = (argv[0], argv[1:]) if argv[:1] and argv[0] in _COMMANDS else ("up", argv)
    if command == "apiserver":
        from kthena_sandbox.apiserver import server

        return server.main(rest)
    if command == "engine":
        from kthena_sandbox.engine import command as engine

        return engine.main(rest)
    from kthena_sandbox import supervisor

    return supervisor.main(parse(rest))
