"""The TCP mode of the echo server: a greeting, then an answer to each line that it knows."""

from collections.abc import Mapping
from typing import Any

import trio

from kthena_sandbox.echo.answers import go_json
from kthena_sandbox.echo.settings import EchoSettings

WELCOME = b"Gateway API Test TCP Server\n"
_LONGEST_LINE = 64 * 1024


def answer_to(line: bytes, settings: EchoSettings, tls: Mapping[str, Any] | None) -> bytes:
    """What a line is answered, b"" for one that means nothing. Pure."""
    match line:
        case b"TEST":
            ports = {"tcpport": str(settings.http_port), "tlsport": str(settings.https_port)}
            document = settings.context | ports | {"isTLS": tls is not None}
            shown: dict[str, Any] = document | ({"tls": tls} if tls is not None else {})
            return go_json(shown) + b"\n"
        case b"IS_TLS":
            return b"true\n" if tls is not None else b"false\n"
        case b"PING":
            return b"PONG\n"
    return b""


async def serve_lines(
    stream: trio.abc.Stream, settings: EchoSettings, tls: Mapping[str, Any] | None
) -> None:
    """One connection to its end."""
    rest = b""
    try:
        async with stream:
            await stream.send_all(WELCOME)
            while len(rest) < _LONGEST_LINE and (piece := bytes(await stream.receive_some())):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    await stream.send_all(answer_to(line.removesuffix(b"\r"), settings, tls))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return
