"""The API server's command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kthena_sandbox.apiserver.admission.accounts import PLUGIN
from kthena_sandbox.arguments import port_number

_PLUGINS = (PLUGIN,)


@dataclass(frozen=True)
class Settings:
    """How to serve. `port` 0 is any free one; without `state` the objects live in memory only.

    `secure` is TLS and a token for everybody; otherwise it is plain HTTP, and who has no token is the administrator.
    """

    kubeconfig: Path
    port: int = 6443
    state: Path | None = None
    history: int = 1000
    bookmark_seconds: float = 60.0
    secure: bool = False
    disabled_plugins: frozenset[str] = frozenset()


def _plugins(text: str) -> frozenset[str]:
    names = frozenset(text.split(","))
    if unknown := sorted(names - {*_PLUGINS}):
        raise argparse.ArgumentTypeError(
            f"cannot disable {', '.join(unknown)}, only {', '.join(_PLUGINS)}"
        )
    return names


def parse_settings(argv: Sequence[str]) -> Settings:
    """Read the arguments; ends the process with a usage message where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m kthena_sandbox apiserver",
        description="A Kubernetes API on 127.0.0.1. POST /sandbox/compact forgets the watch history, "
        "POST /sandbox/cut-watches cuts all watches.",
    )
    parser.add_argument(
        "--port", type=port_number(), default=6443, help="port to listen on, 0 for any"
    )
    parser.add_argument("--kubeconfig", type=Path, required=True, help="kubeconfig file to write")
    parser.add_argument("--state", type=Path, help="file that keeps all objects over a restart")
    parser.add_argument(
        "--history", type=int, default=1000, help="changes of each kind kept for watches to resume"
    )
    parser.add_argument(
        "--bookmark-interval", type=float, default=60.0, metavar="SECONDS",
        help="seconds between watch bookmarks",
    )  # fmt: skip
    parser.add_argument(
        "--insecure", action="store_true",
        help="plain HTTP, where everybody without a token is the administrator",
    )  # fmt: skip
    parser.add_argument(
        "--disable-admission-plugins", type=_plugins, default=frozenset(), metavar="NAMES",
        help=f"admission plugins to do without, of {', '.join(_PLUGINS)}: pods then need no service account",
    )  # fmt: skip
    given = parser.parse_args(argv)
    if given.history < 1:
        parser.error("--history must be at least 1")
    if given.bookmark_interval <= 0:
        parser.error("--bookmark-interval must be positive")
    return Settings(
        given.kubeconfig, given.port, given.state, given.history, given.bookmark_interval,
        secure=not given.insecure, disabled_plugins=given.disable_admission_plugins,
    )  # fmt: skip
