"""h11 as the judge over our parser: we accept nothing that it refuses, and read what both accept in the same way."""

from itertools import pairwise

import h11
from hypothesis import example, given, settings, strategies as st
from tests.listeners.test_http1_parser import CHUNKED, CHUNKS, POST, SMUGGLING, Read, Request, read

from kthena_router.listeners.http1_parser import HTTP2_PREFACE

VALID = [
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /a?b HTTP/1.0\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\nX: \xff  y\t\r\n\r\n",
    POST + b"content-length: 0\r\n\r\n",
    POST + b"Content-Length: 011\r\n\r\nhello world",
    CHUNKED + b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer-X: x\r\n\r\n",
    CHUNKED + b"0\r\n\r\n",
    POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n\r\n",
    POST + b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nab",
    b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
]
BAD = [message for message, _ in SMUGGLING.values()] + [
    CHUNKED + chunks[:2000] for chunks in CHUNKS.values()
]
LINES = st.sampled_from(
    [
        b"Content-Length: 3",
        b"content-length: 03",
        b"content-length: 3, 3",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: Chunked",
        b"transfer-encoding: xchunked",
        b"host: b",
        b"connection: close",
        b"Connection: Keep-Alive",
        b"connection: upgrade",
        b"upgrade: h2c",
        b"expect: 100-continue",
        b" folded",
        b"x:\ty",
        b"x",
        b"x : y",
        b"x: \x01\x80\xff",
    ]
)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\n "])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"DELETE", b"OPTIONS", b"FOO"]))
    target = draw(st.sampled_from([b"/", b"/x?y", b"*", b"http://a/", b"http://b", b"a:80", b""]))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0", b"2.0", b"0.9"]))
    lines = [
        b"%b %b HTTP/%b" % (method, target, version),
        b"host: a",
        *draw(st.lists(LINES, max_size=4)),
    ]
    return b"".join(line + draw(ENDS) for line in lines) + draw(ENDS)


BODIES = st.sampled_from(
    [b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3;x\r\nabc\r\n0\r\nx: y\r\n\r\n", b"0\r\n\r\n"]
)
MESSAGES = st.one_of(
    st.sampled_from(VALID),
    st.sampled_from(BAD),
    st.tuples(heads(), BODIES).map(b"".join),
)
CONNECTIONS = st.lists(MESSAGES, min_size=1, max_size=3).map(b"".join)
MUTATIONS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 3),
        st.one_of(
            st.binary(max_size=2),
            st.sampled_from(
                [
                    b"\r\n",
                    b"\n",
                    b"\r",
                    b" ",
                    b"\t",
                    b":",
                    b"\x00",
                    b"\x80",
                    b"chunked",
                    b"0",
                    b",",
                    b";",
                ]
            ),
        ),
    ),
    max_size=3,
)


def mutate(message: bytes, mutations: list[tuple[float, int, bytes]]) -> bytes:
    for where, removed, added in mutations:
        at = int(where * len(message))
        message = message[:at] + added + message[at + removed :]
    return message


def cut(message: bytes, places: list[float]) -> list[bytes]:
    bounds = [0, *sorted(int(place * len(message)) for place in places), len(message)]
    return [message[start:end] for start, end in pairwise(bounds) if start < end]


def read_with_h11(message: bytes) -> Read:
    """Read as h11 with hypercorn does: one request after the other, each answered at its end."""
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=65_536)
    requests: list[Request] = []
    head, body = None, b""
    server.receive_data(message)
    try:
        while True:
            event = server.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                server.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
                server.send(h11.EndOfMessage())
                keeps_alive = server.our_state is h11.DONE
                requests.append(as_ours(head, body, keeps_alive))
                if not keeps_alive:
                    return Read(tuple(requests), 0, b"")
                server.start_next_cycle()
            else:
                return Read(tuple(requests), 0, server.trailing_data[0])
    except h11.RemoteProtocolError as error:
        return Read(tuple(requests), error.error_status_hint, b"")


def as_ours(head: h11.Request, body: bytes, keeps_alive: bool) -> Request:
    headers = tuple(
        # h11 tells "Chunked" in lower case; for us the word stays as it came.
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in head.headers
    )
    return Request(head.method, head.target, head.http_version, headers, body, keeps_alive)


def lowered(request: Request) -> Request:
    headers = tuple(
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in request.headers
    )
    return Request(
        request.method,
        request.target,
        request.version,
        headers,
        request.body,
        request.keeps_alive,
    )


@settings(max_examples=2000)
@given(CONNECTIONS, MUTATIONS)
@example(b"".join(VALID[3:6]), [])
@example(CHUNKED + b"0\r\nTransfer-Encoding: gzip\r\n\r\n", [])
@example(CHUNKED + b"0" * 30 + b"3\r\nabc\r\n0\r\n\r\n", [])
def test_what_we_accept_h11_accepts_and_reads_the_same(
    message: bytes, mutations: list[tuple[float, int, bytes]]
) -> None:
    check_against_h11(mutate(message, mutations))


def check_against_h11(message: bytes) -> None:
    ours, theirs = read([message]), read_with_h11(message)
    accepted = tuple(lowered(request) for request in ours.requests)
    assert accepted == theirs.requests[: len(accepted)]
    if ours.status == 0 and ours.requests:
        assert len(accepted) == len(theirs.requests)


TOKENS = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=5).map(str.encode)
OWS = st.sampled_from([b"", b" ", b" \t "])
FIELDS = st.tuples(
    TOKENS.map(lambda token: b"x-" + token),
    st.just(b":"),
    OWS,
    st.text("\t !~\x80\xff", max_size=5).map(lambda text: text.encode("latin-1")),
    OWS,
    st.just(b"\r\n"),
).map(b"".join)
EXTENSIONS = st.sampled_from([b"", b";a", b";a=b", b';a="b;\\"\xff"', b";a;b"])


@st.composite
def valid_messages(draw: st.DrawFn) -> bytes:
    """What RFC 9112's grammar generates, as far as we promise to take it."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD"]))
    target = b"/" + draw(st.text("!$?/%~az", max_size=5)).encode()
    fields = b"host: a\r\n" + b"".join(draw(st.lists(FIELDS, max_size=3)))
    framing, body = b"", b""
    if draw(st.booleans()):
        body = draw(st.binary(max_size=20))
        framing = b"Content-Length:%d\r\n" % len(body)
    elif draw(st.booleans()):
        framing = b"Transfer-Encoding: Chunked\r\n"
        for chunk in draw(st.lists(st.binary(min_size=1, max_size=20), max_size=3)):
            size = b"%x" % len(chunk) if draw(st.booleans()) else b"%08X" % len(chunk)
            body += size + draw(EXTENSIONS) + b"\r\n" + chunk + b"\r\n"
        body += b"0" + draw(EXTENSIONS) + b"\r\n" + b"".join(draw(st.lists(FIELDS, max_size=2)))
        body += b"\r\n"
    return b"%b %b HTTP/1.1\r\n%b%b\r\n%b" % (method, target, fields, framing, body)


@settings(max_examples=500)
@given(st.lists(st.one_of(st.sampled_from(VALID), valid_messages()), min_size=1, max_size=4))
def test_what_is_valid_both_accept(messages: list[bytes]) -> None:
    whole = b"".join(messages)
    ours, theirs = read([whole]), read_with_h11(whole)
    assert (ours.status, ours.unread) == (0, b"")
    assert tuple(lowered(request) for request in ours.requests) == theirs.requests
    assert len(theirs.requests) == len(messages) or not theirs.requests[-1].keeps_alive


@settings(max_examples=1000)
@given(CONNECTIONS, MUTATIONS, st.lists(st.floats(0, 1), max_size=6))
def test_requests_do_not_depend_on_how_they_were_cut(
    message: bytes, mutations: list[tuple[float, int, bytes]], places: list[float]
) -> None:
    check_cut(mutate(message, mutations), places)


def check_cut(message: bytes, places: list[float]) -> None:
    whole = read([message])
    for pieces in (cut(message, places), [bytes([byte]) for byte in message]):
        seen = read(pieces)
        assert seen.requests == whole.requests
        assert (seen.status == 0) == (whole.status == 0)
        assert seen.unread == whole.unread


@settings(max_examples=500)
@given(st.lists(st.one_of(st.binary(max_size=40), MESSAGES), max_size=4))
@example([HTTP2_PREFACE])
def test_arbitrary_bytes_raise_nothing_but_our_errors(pieces: list[bytes]) -> None:
    read(pieces)


BEYOND_H11 = {
    "Content-Length and Transfer-Encoding",
    "Transfer-Encoding and Content-Length",
    "the same length twice",
    "a list of lengths",
    "Transfer-Encoding on HTTP/1.0",
    "a folded header",
    "a folded header with a tab",
    "bare LF after a header",
    "bare LF after the request line",
    "bare LF everywhere",
    "a blank line with bare LF",
    "a control character in a value",
    "DEL in a value",
    "a list of Hosts",
    "a Host with a user",
    "a Host with a path",
    "a Host with an odd port",
    "a URI of another host",
    "a URI with a user",
    "a URI of another scheme",
    "a URI without a host",
    "a target without a slash",
    "an authority as target",
    "an asterisk as target",
    "a fragment",
    "CONNECT",
    "a method that nobody knows",
    "a method in lower case",
    "HTTP/0.9 with a version",
    "HTTP/1.2",
    "HTTP/2.0",
    "HTTP/3.0",
    "half a preface",
    "the preface's method",
}
CHUNKS_BEYOND_H11 = {
    "a space after the size",
    "an extension without a name",
    "an extension with a space",
    "an extension with bare CR",
    "an extension with NUL",
    "an extension in open quotes",
    "a size of 17 digits",
    "extensions without end",
    "a folded trailer",
    "a trailer with bare LF",
    "trailers with bare LF",
    "a bare LF as the end",
    "a length as trailer",
    "a Host as trailer",
    "trailers without end",
    "a trailer without end",
}


def test_h11_accepts_exactly_these_heads_that_we_refuse() -> None:
    bodies = (b"", b"abcd", b"x" * 20, b"0\r\n\r\n")
    taken = {
        name
        for name, (message, _) in SMUGGLING.items()
        if any(read_with_h11(message + body).requests for body in bodies)
    }
    assert taken == BEYOND_H11


def test_h11_accepts_exactly_these_chunks_that_we_refuse() -> None:
    endings = (b"", b"0\r\n\r\n", b"\r\n")
    taken = {
        name
        for name, chunks in CHUNKS.items()
        if any(read_with_h11(CHUNKED + chunks + ending).requests for ending in endings)
    }
    assert taken == CHUNKS_BEYOND_H11
