"""Where connections come in: hypercorn serves them until a request asks for another protocol.

hypercorn hands no connection over, so each stream is watched on its way to it. What looks like a request for a stream of a
pod, and comes when nothing else is under way, ends hypercorn's work on the connection, and we go on with it.
"""

import logging
import re
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import h11
import trio
from hypercorn.config import Config
from wsproto.utilities import RemoteProtocolError

from kthena_sandbox.apiserver.app import Api
from kthena_sandbox.apiserver.web import Request, Response, Takeover, read_head
from kthena_sandbox.connections import Connections

_LOG = logging.getLogger(__name__)
_STREAMS = re.compile(
    rb"(?:GET|POST) /api/v1/\S+/(?:portforward|exec|attach)(?:\?\S*)? HTTP/1\.1\r\n"
)
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_END = b"\r\n\r\n"
_LARGEST_HEAD = 64 * 1024


class WatchedStream:
    """A connection as hypercorn sees it. `asked` is the request at which it ended, with all that came after it."""

    def __init__(self, stream: Any, hypercorn: trio.CancelScope) -> None:
        self.asked = b""
        self._hypercorn = hypercorn
        self._stream = stream
        self._is_quiet = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)  # the parts in which TLS and plain streams differ

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What the client sends; nothing more when it asks for a stream."""
        data = bytes(await self._stream.receive_some(max_bytes))
        if self._is_quiet and _STREAMS.match(data):
            while _END not in data and len(data) < _LARGEST_HEAD:
                data += (more := bytes(await self._stream.receive_some()))
                if not more:
                    break
            if _UPGRADE.search(data.partition(_END)[0]):
                self.asked = data
                self._hypercorn.cancel()
                await trio.lowlevel.checkpoint()
        self._is_quiet = False
        return data

    async def send_all(self, data: bytes) -> None:
        """What the client is answered."""
        await self._stream.send_all(data)
        self._is_quiet = True

    async def send_eof(self) -> None:
        """The end, where it is one."""
        if not self.asked:
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """The same."""
        if not self.asked:
            await self._stream.aclose()


async def serve_connections(
    api: Api, config: Config, listeners: list[Any], stopped: trio.Event
) -> None:
    """Serve until *stopped*, and what is under way then for as long as the configuration says."""
    connections = Connections(config)

    async def serve(stream: trio.abc.Stream) -> None:
        with trio.CancelScope() as scope:
            watched = WatchedStream(stream, scope)
            await connections.serve(api, watched)
        if watched.asked:
            async with stream:
                await _answer(api, stream, watched.asked)

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(
                partial(trio.serve_listeners, serve, listeners, handler_nursery=nursery)
            )
            await stopped.wait()
            accepting.cancel_scope.cancel()
        await connections.end_idle()
        nursery.cancel_scope.deadline = trio.current_time() + config.graceful_timeout


async def _answer(api: Api, stream: trio.abc.Stream, asked: bytes) -> None:
    """Answer the request for a stream, and let what answers it have the connection."""
    try:
        request = _request(asked)
        answered = await api.answer(request)
        if isinstance(answered, Takeover):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when_interrupted, api, nursery.cancel_scope)
                await answered.run(stream, asked)
                nursery.cancel_scope.cancel()
        elif isinstance(answered, Response):
            await stream.send_all(_encoded(answered))
    except* (h11.RemoteProtocolError, RemoteProtocolError, trio.BrokenResourceError, OSError):
        pass  # the client is gone, or never spoke the protocol that it asked for
    except* Exception:  # noqa: BLE001  one connection must not take the others along
        _LOG.exception("a stream ended with an error of ours")


async def _cancel_when_interrupted(api: Api, scope: trio.CancelScope) -> None:
    await api.interruption.wait()
    scope.cancel()


def _encoded(response: Response) -> bytes:
    headers = [
        ("content-type", response.content_type), ("content-length", str(len(response.body))),
        ("connection", "close"), *response.headers,
    ]  # fmt: skip
    lines = [f"HTTP/1.1 {response.code} {HTTPStatus(response.code).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.body


def _request(asked: bytes) -> Request:
    """The request of a head. Raises h11.RemoteProtocolError."""
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(asked)
    event = parser.next_event()
    if not isinstance(event, h11.Request):
        raise h11.RemoteProtocolError("the head is not complete")
    path, _, query = event.target.partition(b"?")
    return read_head(
        event.method.decode(), unquote(path.decode("latin-1")), query.decode("latin-1"),
        [(bytes(name), bytes(value)) for name, value in event.headers],
    )  # fmt: skip
