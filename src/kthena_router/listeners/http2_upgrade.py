"""From HTTP/1.1 to HTTP/2 in clear text at the client's wish (RFC 7540 3.2; RFC 9113 3.1 keeps it for old clients)."""

from kthena_router.listeners.http1_parser import RequestHead
from kthena_router.listeners.http2 import Start

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
_CONNECTION_SPECIFIC = frozenset(
    {b"connection", b"host", b"http2-settings", b"keep-alive", b"proxy-connection", b"upgrade"}
)


class Http2Upgrade(Exception):
    """The client has been told that HTTP/2 follows; its request is stream 1 of *start*."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self.start = start


def upgraded(head: RequestHead, unread: bytes) -> Start | None:
    """Return how HTTP/2 begins for a request that asks for it, None for any other.

    A request with a body is answered as it stands: the body would have to come before anything else.
    """
    if not any(name == b"upgrade" for name, _ in head.headers):
        return None
    values = dict(head.headers)
    options = {option.strip().lower() for option in values.get(b"connection", b"").split(b",")}
    wanted = (
        values[b"upgrade"].strip().lower() == b"h2c" and {b"upgrade", b"http2-settings"} <= options
    )
    has_body = b"transfer-encoding" in values or values.get(b"content-length", b"0") != b"0"
    if not wanted or has_body or b"http2-settings" not in values:
        return None
    pseudo = [
        (b":method", head.method),
        (b":path", head.target),
        (b":scheme", b"http"),
        (b":authority", values.get(b"host", b"")),
    ]
    kept = [header for header in head.headers if header[0] not in _CONNECTION_SPECIFIC]
    return Start(unread, pseudo + kept, values[b"http2-settings"])
