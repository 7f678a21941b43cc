"""`python -m kthena_sandbox engine`: one engine as a process of its own."""

import os
import signal
import sys
from collections.abc import Sequence

import trio

from kthena_sandbox.engine.engine import Engine
from kthena_sandbox.engine.settings import EngineSettings, SettingsError, parse_settings

_GRACE_SECONDS = 30.0


async def _serve(settings: EngineSettings) -> None:
    engine = Engine(settings)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            address = await nursery.start(engine.run)
            names = ", ".join(settings.models)
            print(
                f"{settings.engine} engine for {names} on http://{address.host}:{address.port}",
                flush=True,
            )
            async for _ in signals:
                break
            nursery.start_soon(_end, engine, nursery.cancel_scope)
            async for _ in signals:
                nursery.cancel_scope.cancel()


async def _end(engine: Engine, scope: trio.CancelScope) -> None:
    await engine.server.drain(_GRACE_SECONDS)
    scope.cancel()


def main(argv: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM (requests may finish), a second one ends it; 0, 1 or 2 for usage."""
    try:
        settings, unknown = parse_settings(argv, os.environ, command=True)
        if unknown:
            raise SettingsError(f"unrecognized arguments: {' '.join(unknown)}")
    except SettingsError as error:
        print(f"engine: {error}", file=sys.stderr)
        return 2
    failures: list[BaseException] = []
    try:
        trio.run(_serve, settings)
    except* OSError as errors:
        failures.append(_first(errors))
    for failure in failures:
        where = f"{settings.host}:{settings.port}"
        print(f"engine: cannot listen on {where}: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
