"""Connections that speak HTTP/1.1: requests one after the other, and watches with one write for each batch of events.

hypercorn takes 110 µs of CPU for each event of a watch and 250 µs more than this for each request.
"""

import re
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import trio

from kthena_sandbox.apiserver.app import Api
from kthena_sandbox.apiserver.errors import ApiError
from kthena_sandbox.apiserver.sockets import PromptStream
from kthena_sandbox.apiserver.web import (
    MAX_BODY,
    Headers,
    Prompt,
    Request,
    Response,
    Streaming,
    Write,
    read_head,
)
from kthena_sandbox.httpd.messages import CONTINUE, LAST_CHUNK, chunk, head
from kthena_sandbox.httpd.parsing import Limits, Malformed, Received, RequestParser

_PIECE = 64 * 1024
_IDLE_SECONDS = 300.0
_PIPELINED = 8  # requests read ahead while an answer is streamed
_STREAMS = re.compile(
    rb"(?:GET|POST) /api/v1/\S+/(?:portforward|exec|attach)(?:\?\S*)? HTTP/1\.1\r\n"
)
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_END = b"\r\n\r\n"
_LIMITS = Limits(head=64 * 1024, body=MAX_BODY)
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class _AnotherProtocol(Exception):
    """A request for a stream of a pod; `asked` is its head and all that came after it."""

    def __init__(self, asked: bytes) -> None:
        super().__init__()
        self.asked = asked


class Http1Connection:
    """One connection of which *first* has been read, of a client that may have a certificate."""

    def __init__(self, api: Api, stream: Any, first: bytes, certificate: bytes = b"") -> None:
        self._idle: trio.CancelScope | None = None
        self._closing = False
        self._api = api
        self._stream = stream
        self._parser = RequestParser(_read, _LIMITS)
        self._first = first
        self._certificate = certificate

    def end(self) -> None:
        """Close when the answer that is under way is complete, or now."""
        self._closing = True
        if self._idle is not None:
            self._idle.cancel()

    async def serve(self) -> bytes:
        """Serve to the end, whatever the client does, or to a request for another protocol, which is returned."""
        try:
            await self._serve()
        except _GONE:
            pass
        except Malformed as error:
            await self._refuse(error)
        except _AnotherProtocol as found:
            return found.asked
        return b""

    async def _refuse(self, error: Malformed) -> None:
        reasons = {413: "RequestEntityTooLarge"}
        refused = ApiError(error.status, reasons.get(error.status, "BadRequest"), str(error))
        with suppress(*_GONE):
            await self._stream.send_all(encoded(self._api.refusal(refused), goes_on=False))

    async def _serve(self) -> None:
        await self._take(self._first)
        while (found := await self._next()) is not None:
            request, goes_on = found
            if self._certificate:
                request = replace(request, certificate=self._certificate)
            goes_on = goes_on and not self._closing
            async with self._api.answering(request) as answered:
                if isinstance(answered, Streaming):
                    if not await self._stream_out(answered, goes_on=goes_on):
                        return
                else:
                    bare = request.method == "HEAD"
                    await self._stream.send_all(encoded(answered, goes_on=goes_on, bare=bare))
            if not goes_on or self._closing:
                return

    async def _next(self) -> tuple[Request, bool] | None:
        if self._parser.ready:
            # others have their turns while one client sends on and on
            await trio.lowlevel.checkpoint()
        while not self._parser.ready:
            if self._parser.is_idle and self._closing:
                return None
            if not await self._receive():
                return None
        return self._parser.ready.popleft()

    async def _receive(self) -> bool:
        data = b""
        with trio.move_on_after(_IDLE_SECONDS) as scope:
            self._idle = scope if self._parser.is_idle else None
            data = bytes(await self._stream.receive_some(_PIECE))
        self._idle = None
        await self._take(data)
        return bool(data)

    async def _take(self, data: bytes) -> None:
        if self._parser.is_idle and _STREAMS.match(data):
            while _END not in data and len(data) < _LIMITS.head:
                data += (more := bytes(await self._stream.receive_some(_PIECE)))
                if not more:
                    return
            if _UPGRADE.search(data.partition(_END)[0]):
                raise _AnotherProtocol(data)
        if data:
            self._parser.feed(data)
        if self._parser.wants_continue:
            self._parser.wants_continue = False
            await self._stream.send_all(CONTINUE)

    async def _stream_out(self, answer: Streaming, *, goes_on: bool) -> bool:
        """Send a streamed answer; whether it came to its proper end."""
        chunked = (*answer.headers, ("transfer-encoding", "chunked"))
        await self._stream.send_all(
            _head(answer.code, answer.content_type, chunked, goes_on=goes_on)
        )
        interruption, complete = self._api.interruption, False

        async def end_when_interrupted(scope: trio.CancelScope) -> None:
            await interruption.wait()
            scope.cancel()

        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_when_gone, nursery.cancel_scope)
            nursery.start_soon(end_when_interrupted, nursery.cancel_scope)
            try:
                await answer.run(self._writer())
                complete = True
            except _GONE as error:
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None or not (complete or interruption.closing):
            return False
        await self._stream.send_all(LAST_CHUNK)
        return True

    def _writer(self) -> Write:
        stream = self._stream
        if not isinstance(stream, PromptStream):
            return self._write

        def at_once(data: bytes) -> bool:
            return stream.send_now(chunk(data))

        return Prompt(self._write, at_once)

    async def _write(self, data: bytes) -> None:
        """Write a chunk; without data, which would be the last one, what is left to be sent."""
        await self._stream.send_all(chunk(data) if data else b"")

    async def _cancel_when_gone(self, scope: trio.CancelScope) -> None:
        try:
            while len(self._parser.ready) < _PIPELINED:
                data = bytes(await self._stream.receive_some(_PIECE))
                if not data:
                    break
                self._parser.feed(data)
            else:
                return
        except (*_GONE, Malformed):
            pass
        scope.cancel()


def _read(received: Received) -> tuple[Request, bool]:
    """The request, and whether the connection goes on after it."""
    path = unquote(received.path)
    request = read_head(received.method, path, received.query, received.headers, received.body)
    return request, received.keep_alive


def encoded(response: Response, *, goes_on: bool, bare: bool = False) -> bytes:
    """A complete answer, *bare* without its body; whether the connection *goes_on* after it."""
    sized = (*response.headers, ("content-length", str(len(response.body))))
    start = _head(response.code, response.content_type, sized, goes_on=goes_on)
    return start if bare else start + response.body


def _head(code: int, content_type: str, headers: Headers, *, goes_on: bool) -> bytes:
    shown = [("content-type", content_type), ("cache-control", "no-cache, private")]
    own = {name for name, _ in headers}
    listed = [*(pair for pair in shown if pair[0] not in own), *headers]
    if not goes_on:
        listed.append(("connection", "close"))
    return head(code, listed, time.time())
