"""Bytes in, requests out: the door to httptools."""

from collections import deque
from urllib.parse import parse_qsl

import httptools

from kthena_sandbox.httpd.messages import Request

MAX_BODY = 64 * 1024 * 1024
_MAX_HEAD = 256 * 1024


class BadRequest(Exception):
    """The client does not speak HTTP/1.1; `status` is what to answer before the connection ends."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RequestParser:
    """Feed it what the socket gives; whole requests come out in `ready`.

    `wants_continue` is set while a client waits for `100 Continue` before it sends its body.
    """

    def __init__(self) -> None:
        self.ready: deque[Request] = deque()
        self.wants_continue = False
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._head_size = self._body_size = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing has come of a next request."""
        return not (self.ready or self._target)

    def feed(self, data: bytes) -> None:
        """Take the next piece. Raises BadRequest."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            raise BadRequest(400, "upgrades are not supported") from error
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, BadRequest):
                raise cause from None
            raise BadRequest(400, f"invalid HTTP request: {error}") from error

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._spend_on_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))
        self._spend_on_head(len(name) + len(value))

    def _spend_on_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > _MAX_HEAD:
            raise BadRequest(431, "the header section is too large")

    def on_headers_complete(self) -> None:
        expected = (value.lower() for name, value in self._headers if name == "expect")
        self.wants_continue = "100-continue" in expected

    def on_body(self, body: bytes) -> None:
        self.wants_continue = False
        self._body_size += len(body)
        if self._body_size > MAX_BODY:
            raise BadRequest(413, "the body is too large")
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.wants_continue = False
        self.ready.append(self._request())
        self._target = b""

    def _request(self) -> Request:
        url = httptools.parse_url(self._target)
        return Request(
            method=self._parser.get_method().decode("latin-1"),
            path=(url.path or b"/").decode("latin-1"),
            query=dict(parse_qsl((url.query or b"").decode("latin-1"), keep_blank_values=True)),
            headers=tuple(self._headers),
            body=b"".join(self._body),
            keep_alive=bool(self._parser.should_keep_alive()),
        )
