"""The command `kthena-router`: arguments, environment and file in, an exit code out."""

import logging
import os
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kthena_router.cli.build import build_settings
from kthena_router.cli.config_file import check_config_file
from kthena_router.cli.flags import UsageError, parse_flags
from kthena_router.settings import Settings

log = logging.getLogger("kthena_router")


def main() -> None:
    """Run the router, or hand over to the sandbox for `kthena-router sandbox …`."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["sandbox"]:
        os.execv(sys.executable, [sys.executable, "-m", "kthena_sandbox", *arguments[1:]])  # noqa: S606 - our own package
    sys.exit(run(arguments, os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the router until a signal ends it, and return the exit code."""
    try:
        flags = parse_flags(arguments)
        settings, warnings = build_settings(
            flags, environment, host_name=socket.gethostname(), nonce=secrets.token_hex(4)
        )
        check_config_file(Path(flags["config"]))
    except UsageError as error:
        print(f"kthena-router: {error}", file=sys.stderr)
        return 1
    return _start(settings, warnings, flags["shown"])


def _start(settings: Settings, warnings: Sequence[str], effective: Sequence[str]) -> int:
    from kthena_router.daemon import main as run_daemon
    from kthena_router.telemetry.logs import set_up_logging

    set_up_logging(settings.log_format, settings.log_level)
    for flag in effective:
        log.info("flag %s", flag)
    for warning in warnings:
        log.warning("%s", warning)
    return run_daemon(settings)
