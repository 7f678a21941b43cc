"""The UDP mode of the echo server: each datagram is answered with what it said, and by which pod."""

from collections.abc import Callable

import trio

from kthena_sandbox.echo.answers import go_json
from kthena_sandbox.echo.settings import EchoSettings

_LONGEST = 1024


def answer_to(datagram: bytes, settings: EchoSettings) -> bytes:
    """The envelope, with who the pod is. Pure."""
    request = datagram.decode("utf-8", errors="replace")
    return go_json({"request": request} | settings.context)


async def serve_datagrams(
    bound: trio.socket.SocketType, settings: EchoSettings, say: Callable[[str], None]
) -> None:
    """Answer for ever on a bound socket."""
    while True:
        datagram, peer = await bound.recvfrom(_LONGEST)
        say(f"Received UDP {datagram.decode('utf-8', errors='replace')} from {peer[0]}:{peer[1]}")
        await bound.sendto(answer_to(datagram, settings), peer)
