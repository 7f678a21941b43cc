"""Requests and answers as values, and the ASGI conversation around them."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import trio

from kthena_sandbox.apiserver.auth.identity import ADMIN, User
from kthena_sandbox.apiserver.errors import ApiError
from kthena_sandbox.apiserver.gates import OPEN, Gate

MAX_BODY = 3 * 1024 * 1024

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGI = Callable[[Message, Receive, Send], Awaitable[None]]
Write = Callable[[bytes], Awaitable[None]]
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request with its whole body; header names are in lower case. `certificate` is the client's, in DER, if it has one."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    raw_query: str = ""
    user: User = ADMIN
    gate: Gate = OPEN
    certificate: bytes = b""

    def flag(self, name: str) -> bool:
        """A boolean query parameter as Kubernetes reads it: present and not "0" or "false"."""
        return self.query.get(name, "false").lower() not in {"0", "false"}


@dataclass(frozen=True, slots=True)
class Response:
    """One complete answer."""

    code: int
    body: bytes
    content_type: str = "application/json"
    headers: Headers = ()


CERTIFICATE = "kthena.client_certificate"  # in the scope of a request
NO_SUCH_PATH = Response(404, b"404 page not found\n", "text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A `Write` that has another way: `at_once` waits for nothing, and says whether all could be sent.

    What could not goes out with the next call of the first, be it one with nothing more.
    """

    write: Write
    at_once: Callable[[bytes], bool]

    def __call__(self, data: bytes) -> Awaitable[None]:
        """Write, and wait until it is sent."""
        return self.write(data)


@dataclass(frozen=True, slots=True)
class Streaming:
    """An answer that is written piece by piece by `run`, until it returns or the client leaves."""

    run: Callable[[Write], Awaitable[None]] = field(repr=False)
    content_type: str = "application/json"
    headers: Headers = ()
    code: int = 200


@dataclass(frozen=True, slots=True)
class Takeover:
    """An answer that takes the connection over: `run` gets its stream, and what was read of it with the request's head."""

    run: Callable[[trio.abc.Stream, bytes], Awaitable[None]] = field(repr=False)


def warning(text: str) -> tuple[str, str]:
    """A Warning header, which clients show to their users (RFC 7234, 5.5)."""
    shown = "".join(filter(str.isprintable, text))  # a header has one line
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    return "warning", f'299 - "{quoted}"'.encode("ascii", "replace").decode()


async def read_request(scope: Message, receive: Receive) -> Request | None:
    """Collect the whole request; None when the client left before its end.

    Raises ApiError 413 over 3 MiB, the limit of a kube-apiserver.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            text = f"Request entity too large: limit is {MAX_BODY}"
            raise ApiError(413, "RequestEntityTooLarge", text)
        if not message.get("more_body", False):
            return _request(scope, bytes(body))


def _request(scope: Message, body: bytes) -> Request:
    query = scope["query_string"].decode("latin-1")
    request = read_head(scope["method"], scope["path"], query, scope["headers"], body)
    return replace(request, certificate=scope.get(CERTIFICATE, b""))


def read_head(
    method: str,
    path: str,
    query_string: str,
    listed: Iterable[tuple[bytes, bytes]],
    body: bytes = b"",
) -> Request:
    """The request of a head; of a parameter that comes more than once the first counts, but of `ports` all."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in listed:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    query: dict[str, str] = {}
    for key, value in parse_qsl(query_string, keep_blank_values=True):
        if key == "ports" and key in query:
            query[key] += f",{value}"
        query.setdefault(key, value)
    return Request(method, path, query, headers, body, query_string)


async def write_response(send: Send, response: Response) -> None:
    """Send a complete answer."""
    sized = (*response.headers, ("content-length", str(len(response.body))))
    await _start(send, response.code, response.content_type, sized)
    await send({"type": "http.response.body", "body": response.body})


class Interruption:
    """How all streamed answers are ended at once: `close` for good, `cut` to rehearse a lost connection."""

    def __init__(self) -> None:
        self._ended = trio.Event()
        self.closing = False

    def close(self) -> None:
        """End every stream properly, also those that are yet to begin."""
        self.closing = True
        self._ended.set()

    def cut(self) -> None:
        """End every present stream without its end, which the server turns into a cut connection."""
        ended, self._ended = self._ended, trio.Event()
        ended.set()

    async def wait(self) -> None:
        """Return at the next `close` or `cut`."""
        await self._ended.wait()


async def write_stream(
    receive: Receive, send: Send, streaming: Streaming, interruption: Interruption
) -> None:
    """Send a streamed answer; a client that leaves, or an interruption, cancels its writer."""
    await _start(send, streaming.code, streaming.content_type, streaming.headers)
    cut = False

    async def write(chunk: bytes) -> None:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end_when_interrupted(scope: trio.CancelScope) -> None:
        nonlocal cut
        await interruption.wait()
        cut = not interruption.closing
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when_gone, receive, nursery.cancel_scope)
        nursery.start_soon(end_when_interrupted, nursery.cancel_scope)
        await streaming.run(write)
        nursery.cancel_scope.cancel()
    if not cut:
        await send({"type": "http.response.body", "body": b""})


async def _cancel_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _start(send: Send, code: int, content_type: str, headers: Headers) -> None:
    shown = [("content-type", content_type), ("cache-control", "no-cache, private")]
    own = {name for name, _ in headers}
    listed = [*(pair for pair in shown if pair[0] not in own), *headers]
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in listed]
    await send({"type": "http.response.start", "status": code, "headers": encoded})
