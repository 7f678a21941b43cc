"""Bytes of HTTP/1.1 in, requests out: httptools under the limits of a kube-apiserver."""

from collections import deque
from urllib.parse import unquote

import httptools

from kthena_sandbox.apiserver.web import MAX_BODY, Request, read_head

_MAX_HEAD = 64 * 1024


class Malformed(Exception):
    """The client does not speak HTTP/1.1, or says too much: `code` is the answer, then the connection ends."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Http1Parser:
    """Feed it what the socket gives; whole requests come out in `ready`, with whether the connection goes on.

    `wants_continue` is set while a client waits for `100 Continue` before it sends its body.
    """

    def __init__(self) -> None:
        self.ready: deque[tuple[Request, bool]] = deque()
        self.wants_continue = False
        self._in_head = False
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._head_size = self._body_size = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing has come of a next request."""
        return not (self.ready or self._target)

    def feed(self, data: bytes) -> None:
        """Take the next piece. Raises Malformed."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            raise Malformed(400, "only streams of pods can be upgraded") from error
        except httptools.HttpParserError as error:
            cause = error.__context__
            raise cause if isinstance(cause, Malformed) else Malformed(400, str(error)) from error
        if self._in_head:
            self._spend(len(data))

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._begin()
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """httptools: a piece of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header."""
        self._headers.append((name, value))

    def _spend(self, size: int) -> None:
        self._head_size += size
        if self._head_size > _MAX_HEAD:
            raise Malformed(431, "the header section is too large")

    def on_headers_complete(self) -> None:
        """httptools: the head is complete."""
        self._in_head = False
        expected = (value.lower() for name, value in self._headers if name.lower() == b"expect")
        self.wants_continue = b"100-continue" in expected

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self.wants_continue = False
        self._body_size += len(body)
        if self._body_size > MAX_BODY:
            raise Malformed(413, f"Request entity too large: limit is {MAX_BODY}")
        self._body.append(body)

    def on_message_complete(self) -> None:
        """httptools: the request is complete."""
        self.wants_continue = False
        target = httptools.parse_url(self._target)
        request = read_head(
            self._parser.get_method().decode("latin-1"),
            unquote((target.path or b"/").decode("latin-1")),
            (target.query or b"").decode("latin-1"),
            self._headers,
            b"".join(self._body),
        )
        self.ready.append((request, bool(self._parser.should_keep_alive())))
        self._target = b""
