"""The command line of the sandbox: `up` (the default), `apiserver`, `engine`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kthena_sandbox.arguments import port_number
from kthena_sandbox.settings import GUIDE_PORT, Settings

_COMMANDS = ("up", "apiserver", "engine")
_PORTS = (
    ("--router-port", 8080, "the router's default Gateway"),
    ("--management-port", 15021, "the router's health"),
    ("--metrics-port", 9090, "the router's metrics"),
    ("--gateway-port", GUIDE_PORT, "the guide's second Gateway"),
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kthena-router sandbox", allow_abbrev=False,
        description="A Kubernetes-compatible cluster on this machine, with the router in it. "
        "Other commands: `apiserver` and `engine`, each with --help.",
    )  # fmt: skip
    add = parser.add_argument
    add("--api-port", type=port_number(), default=6443, metavar="PORT",
        help="Kubernetes API on 127.0.0.1, 0 for any port; default %(default)s")  # fmt: skip
    add(
        "--kubeconfig",
        type=Path,
        help="file to write; default: below ~/.cache, named in the output",
    )
    add("--state", type=Path, help="file that keeps all objects over a restart of the sandbox")
    add("--insecure", action="store_true",
        help="an API of plain HTTP, where everybody without a token is the administrator")  # fmt: skip
    add("--apply", type=Path, action="append", default=[], metavar="FILE", help="file or folder")
    add("--manifests", type=Path, metavar="DIR",
        help="folder of manifests to apply and to follow: changed files are applied, what goes is pruned")  # fmt: skip
    add("--router", action=argparse.BooleanOptionalAction, default=True, help="start the router")
    for flag, default, use in _PORTS:
        add(flag, type=port_number(1), default=default, metavar="PORT",
            help=f"{use}; default %(default)s")  # fmt: skip
    add("--router-arg", action="append", default=[], metavar="ARG", help="passed to the router")
    add("--demo", action="store_true", help="apply the guide's resources and wait for them")
    add("--check", action="store_true", help="run the guide's verification, then end with 0 or 1")
    return parser


def parse(argv: Sequence[str]) -> Settings:
    """The settings of `up`; ends the process with a usage message where they are wrong."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.manifests and not given.manifests.is_dir():
        parser.error(f"argument --manifests: {given.manifests} is no folder")
    return Settings(
        api_port=given.api_port,
        kubeconfig=given.kubeconfig,
        state=given.state,
        apply=tuple(given.apply),
        manifests=given.manifests,
        insecure=given.insecure,
        router=given.router,
        router_port=given.router_port,
        management_port=given.management_port,
        metrics_port=given.metrics_port,
        gateway_port=given.gateway_port,
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
