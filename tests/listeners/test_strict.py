"""Odd requests in HTTP/2: none reaches the application that would be another one, or two, when written down as HTTP/1.1.

The techniques are those of Kettle's "HTTP/2: The Sequel is Always Worse" (2021), as PortSwigger/http-request-smuggler lists
them, and of narfindustries/http-garden.
"""

import h2.config
import h2.connection
import h2.events
import pytest
from tests.listeners.test_http2 import serving

from kthena_router.listeners.asgi import Receive, Scope, Send, respond
from kthena_router.listeners.strict import strict

Fields = list[tuple[bytes, bytes]]

PSEUDO = {b":method": b"POST", b":path": b"/x", b":scheme": b"http", b":authority": b"a"}
# In place of a status: the connection ends with GOAWAY, the stream ends with RST_STREAM.
CUT, RESET = 0, 1


def head(*fields: tuple[bytes, bytes], **pseudo: bytes) -> Fields:
    named = {f":{name}".encode(): value for name, value in pseudo.items()}
    return [*(PSEUDO | named).items(), *fields]


async def send(fields: Fields) -> tuple[int, list[tuple[str, str]]]:
    """Return the status of the answer, CUT or RESET for none, and the method and path of each request that was taken."""
    taken: list[tuple[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        taken.append((scope["method"], scope["path"]))
        await respond(send, 200, b"hello")

    client = h2.connection.H2Connection(
        h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False
        )
    )
    client.initiate_connection()
    client.send_headers(1, fields)
    client.send_data(1, b"hello", end_stream=True)
    async with serving(strict(app)) as served:
        await served.say(client.data_to_send())
        while data := await served.client.receive_some(65536):
            for event in client.receive_data(bytes(data)):
                if isinstance(event, h2.events.ResponseReceived):
                    return int(dict(event.headers)[b":status"]), taken
                if isinstance(event, h2.events.ConnectionTerminated):
                    return CUT, taken
                if isinstance(event, h2.events.StreamReset):
                    return RESET, taken
    raise AssertionError("it ended without a word")


ODD = {
    "a transfer coding": (head((b"transfer-encoding", b"chunked")), CUT),
    "a header of the connection": (head((b"connection", b"close")), CUT),
    "TE of another kind": (head((b"te", b"gzip")), CUT),
    "a name in upper case": (head((b"Transfer-Encoding", b"chunked")), CUT),
    "CRLF in a value": (head((b"x", b"y\r\ntransfer-encoding: chunked")), CUT),
    "LF in a value": (head((b"x", b"y\ntransfer-encoding: chunked")), CUT),
    "CR in a value": (head((b"x", b"y\rtransfer-encoding: chunked")), CUT),
    "NUL in a value": (head((b"x", b"y\x00")), CUT),
    "a space before a value": (head((b"x", b" y")), CUT),
    "a tab after a value": (head((b"x", b"y\t")), CUT),
    "a colon in a name": (head((b"x: y", b"z")), CUT),
    "CRLF in a name": (head((b"x: y\r\ntransfer-encoding", b"chunked")), CUT),
    "a space in a name": (head((b"transfer-encoding chunked ", b"chunked")), CUT),
    "an empty name": (head((b"", b"x")), CUT),
    "an unknown pseudo-header": (head((b":x", b"y")), CUT),
    "two paths": (head((b":path", b"/y")), CUT),
    "another Host": (head((b"host", b"b")), CUT),
    "two lengths": (head((b"content-length", b"5"), (b"content-length", b"6")), CUT),
    "a length that is too small": (head((b"content-length", b"4")), CUT),
    "a length that is too large": (head((b"content-length", b"6")), CUT),
    "a length with plus": (head((b"content-length", b"+5")), CUT),
    "CRLF in the method": (head(method=b"GET / HTTP/1.1\r\nx: y"), CUT),
    "a space in the method": (head(method=b"GET /hidden"), 400),
    "a separator in the method": (head(method=b"GET/"), 400),
    "a tunnel": (head(method=b"CONNECT"), CUT),
    "CRLF in the path": (head(path=b"/x HTTP/1.1\r\nx: y"), CUT),
    "a space in the path": (head(path=b"/x HTTP/1.1"), 400),
    "a space in the query": (head(path=b"/x?y z"), 400),
    "a fragment": (head(path=b"/x#y"), 400),
    "no slash": (head(path=b"x"), 400),
    "a URI of another host": (head(path=b"http://b/x"), 400),
    "a method that is not ASCII": (head(method=b"G\xff"), RESET),
    "an empty path": (head(path=b""), CUT),
    "a path that is not ASCII": (head(path=b"/\xff"), RESET),
    "CRLF in the authority": (head(authority=b"a\r\nx: y"), CUT),
    "a path in the authority": (head(authority=b"a/b"), 400),
    "a user in the authority": (head(authority=b"a@b"), 400),
    "a space in the authority": (head(authority=b"a b"), 400),
    "no authority": (head()[:3], CUT),
}


@pytest.mark.parametrize(("fields", "status"), ODD.values(), ids=ODD)
async def test_odd_requests_are_refused(
    fields: Fields, status: int, autojump_clock: object
) -> None:
    assert await send(fields) == (status, [])


FINE = {
    "a path": head(path=b"/x?y=z"),
    "a port": head(authority=b"a:8080"),
    "an address": head(authority=b"[::1]:80"),
    "its length": head((b"content-length", b"5")),
    "trailers": head((b"te", b"trailers")),
    "the same Host": head((b"host", b"a")),
}


@pytest.mark.parametrize("fields", FINE.values(), ids=FINE)
async def test_other_requests_are_taken(fields: Fields, autojump_clock: object) -> None:
    assert await send(fields) == (200, [("POST", "/x")])


async def test_an_asterisk_is_for_options(autojump_clock: object) -> None:
    assert await send(head(method=b"OPTIONS", path=b"*")) == (200, [("OPTIONS", "*")])
    assert await send(head(path=b"*")) == (400, [])
