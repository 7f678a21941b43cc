"""Responses from bytes."""

from dataclasses import dataclass
from itertools import pairwise

import h11
import pytest
from hypothesis import example, given, settings, strategies as st

from kthena_router.errors import BadResponse, ConnectionLost, ResponseCut, UpstreamError
from kthena_router.upstream.http1 import Headers, ResponseParser

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Read:
    """What a parser made of some bytes and the end of the connection; *error* is a class of ours or None."""

    status: int | None
    headers: Headers
    body: bytes
    complete_before_eof: bool
    reusable: bool
    error: type[UpstreamError] | None


def read(pieces: list[bytes], *, head_only: bool = False) -> Read:
    parser = ResponseParser(head_only=head_only)
    body, error = b"", None
    complete = False
    try:
        for piece in filter(None, pieces):
            body += parser.feed(piece)
        complete = parser.complete
        parser.feed_eof()
    except UpstreamError as caught:
        error = type(caught)
    head = parser.head
    return Read(
        None if head is None else head.status,
        () if head is None else head.headers,
        body,
        complete,
        parser.reusable and error is None,
        error,
    )


def test_a_body_with_a_length() -> None:
    assert read([OK + b"Content-Type:  a/b \r\nContent-Length: 3\r\n\r\nabc"]) == Read(
        200, ((b"content-type", b"a/b"), (b"content-length", b"3")), b"abc", True, True, None
    )


def test_a_body_in_chunks_with_extensions_and_trailers() -> None:
    seen = read([CHUNKED, b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n", b"0\r\nX-Trailer: 1\r\n\r\n"])
    assert seen == Read(
        200, ((b"transfer-encoding", b"chunked"),), b"abc0123456789", True, True, None
    )


def test_a_body_to_the_end_of_the_connection() -> None:
    assert read([OK + b"\r\nabc", b"def"]) == Read(200, (), b"abcdef", False, False, None)


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_never_have_a_body(status: int) -> None:
    seen = read([b"HTTP/1.1 %d X\r\ncontent-length: 5\r\n\r\n" % status])
    assert (seen.status, seen.body, seen.complete_before_eof, seen.reusable) == (
        status,
        b"",
        True,
        True,
    )


@pytest.mark.parametrize("framing", [b"content-length: 5", b"transfer-encoding: chunked", b"a: b"])
def test_the_answer_to_head_has_no_body(framing: bytes) -> None:
    seen = read([OK + framing + b"\r\n\r\n"], head_only=True)
    assert (seen.body, seen.complete_before_eof, seen.reusable) == (b"", True, True)


def test_interim_answers_are_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    assert read([interim + OK + b"content-length: 1\r\n\r\na"]) == Read(
        200, ((b"content-length", b"1"),), b"a", True, True, None
    )


@pytest.mark.parametrize(
    "line",
    [b"transfer-encoding: d", b"content-length: x", b"content-length: 1\r\ncontent-length: 1"],
)
def test_interim_answers_with_a_framing_that_is_none_are_refused(line: bytes) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n" + line + b"\r\n\r\n"
    assert read([interim + OK + b"content-length: 0\r\n\r\n"]).error is BadResponse


@pytest.mark.parametrize("upgrade", [b"", b"upgrade: h2c\r\nconnection: upgrade\r\n"])
def test_switching_protocols_is_refused(upgrade: bytes) -> None:
    assert read([b"HTTP/1.1 101 Switching\r\n" + upgrade + b"\r\n"]).error is BadResponse


@pytest.mark.parametrize(
    ("version", "connection", "reusable"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"connection: Close\r\n", False),
        (b"1.1", b"connection: x-a, close\r\n", False),
        (b"1.1", b"connection: keep-alive\r\nconnection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"connection: Keep-Alive\r\n", True),
    ],
)
def test_a_connection_is_used_again_only_if_both_sides_keep_it(
    version: bytes, connection: bytes, reusable: bool
) -> None:
    seen = read([b"HTTP/%b 200 OK\r\n%bcontent-length: 1\r\n\r\na" % (version, connection)])
    assert (seen.body, seen.error, seen.reusable) == (b"a", None, reusable)


NEXT = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"


@pytest.mark.parametrize("excess", [b"\r\n", b"\n", b"\r", b"x", b"\r\n\r\n", NEXT, CHUNKED])
@pytest.mark.parametrize(
    "message",
    [
        OK + b"content-length: 3\r\n\r\nabc",
        OK + b"content-length: 3\r\nconnection: close\r\n\r\nabc",
        CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"3\r\nabc\r\n0\r\nx: y\r\n\r\n",
    ],
)
def test_bytes_after_the_end_are_not_the_bodys_and_spoil_the_connection(
    message: bytes, excess: bytes
) -> None:
    whole = message + excess
    for pieces in ([whole], [message, excess], [message[:-2], message[-2:] + excess]):
        seen = read(pieces)
        assert (seen.body, seen.complete_before_eof, seen.reusable) == (b"abc", True, False)


def test_bytes_after_an_answer_without_a_body_spoil_the_connection() -> None:
    assert not read([b"HTTP/1.1 204 No\r\ncontent-length: 3\r\n\r\nabc"]).reusable
    assert not read([CHUNKED + b"3"], head_only=True).reusable


@pytest.mark.parametrize(
    "head",
    [
        OK + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
        OK + b"content-length: 3\r\ncontent-length: 4\r\n\r\n",
        OK + b"content-length: 3\r\ncontent-length: 3\r\n\r\n",
        OK + b"content-length: 3, 3\r\n\r\n",
        OK + b"content-length: +3\r\n\r\n",
        OK + b"content-length: -3\r\n\r\n",
        OK + b"content-length: 0x3\r\n\r\n",
        OK + b"content-length: 3_0\r\n\r\n",
        OK + b"content-length: 3 0\r\n\r\n",
        OK + b"content-length:\r\n\r\n",
        OK + b"content-length: 99999999999999999999999\r\n\r\n",
        OK + b"transfer-encoding: xchunked\r\n\r\n",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
        OK + b"transfer-encoding: chunked, identity\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
        OK + b"transfer-encoding:\r\n\r\n",
        OK + b"transfer-encoding: \x0bchunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        OK + b"a: b\r\n c: d\r\n\r\n",
        OK + b"a: b\r\n\tc\r\n\r\n",
        OK + b" a: b\r\n\r\n",
        OK + b"a: b\nc: d\r\n\r\n",
        OK + b"a: b\rc: d\r\n\r\n",
        OK + b"a: b\x00\r\n\r\n",
        OK + b"a : b\r\n\r\n",
        OK + b"a\r\n\r\n",
        OK + b": b\r\n\r\n",
        b"HTTP/1.1 200 OK\na: b\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"RTSP/1.1 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 +20 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_heads_that_two_parsers_might_read_differently_are_refused(head: bytes) -> None:
    for pieces in ([head], [bytes([byte]) for byte in head]):
        assert read(pieces).error is BadResponse


@pytest.mark.parametrize(
    "chunks",
    [
        b"-3\r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b"g\r\nabc\r\n",
        b" 3\r\nabc\r\n",
        b"3 \r\nabc\r\n",
        b"\r\nabc\r\n",
        b";x\r\nabc\r\n",
        b"3\nabc\r\n",
        b"3\rabc\r\n",
        b"3\r\nabc\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabcX\r\n",
        b"3;x\ny\r\nabc\r\n",
        b"fffffffffffffffff\r\nabc\r\n",
        b"0\r\n x: y\r\n\r\n",
        b"0\r\nx: y\n\r\n",
        b"0\r\nx y\r\n\r\n",
        b"0\r\ntransfer-encoding: gzip\r\n\r\n",
        b"0\r\nx: y\r\nContent-Length: 3\r\n\r\n",
    ],
)
def test_malformed_chunks_are_refused(chunks: bytes) -> None:
    assert read([CHUNKED + chunks]).error is BadResponse
    assert read([CHUNKED, *(bytes([byte]) for byte in chunks)]).error is BadResponse


def test_a_head_has_a_limit_which_the_interim_ones_share() -> None:
    filler = b"a: " + b"x" * (65_536 - len(OK) - len(b"a: \r\ncontent-length: 0\r\n\r\n")) + b"\r\n"
    fits = OK + filler + b"content-length: 0\r\n\r\n"
    assert len(fits) == 65_536
    assert read([fits]).error is None
    assert read([fits.replace(b"a: ", b"aa: ")]).error is BadResponse
    assert read([b"HTTP/1.1 100 C\r\n\r\n" + fits]).error is BadResponse
    assert read([OK + b"a: " + b"x" * 65_536]).error is BadResponse
    assert read([b"HTTP/1.1 100 C\r\n\r\n" * 4000]).error is BadResponse


def test_headers_are_counted() -> None:
    lines = b"".join(b"a%d: 1\r\n" % number for number in range(255))
    assert read([OK + lines + b"content-length: 0\r\n\r\n"]).error is None
    assert read([OK + lines + b"b: 1\r\ncontent-length: 0\r\n\r\n"]).error is BadResponse


def test_framing_without_a_body_is_limited() -> None:
    endless = b"1;" + b"x" * 40_000
    assert read([CHUNKED, endless, b"\r\na\r\n0\r\n\r\n"]).error is None
    assert read([CHUNKED, endless, endless]).error is BadResponse
    assert read([CHUNKED, b"0\r\n", b"a: b\r\n" * 300, b"\r\n"]).error is BadResponse


@pytest.mark.parametrize("sent", [b"", b"HTT", OK, OK + b"content-length: 1\r\n"])
def test_an_end_before_the_head_is_a_lost_connection(sent: bytes) -> None:
    seen = read([sent])
    assert (seen.error, seen.status) == (ConnectionLost, None)


@pytest.mark.parametrize(
    "sent",
    [
        OK + b"content-length: 4\r\n\r\nabc",
        OK + b"content-length: 4\r\n\r\n",
        CHUNKED,
        CHUNKED + b"3\r\nab",
        CHUNKED + b"3\r\nabc\r\n",
        CHUNKED + b"3\r\nabc\r\n0\r\n",
        CHUNKED + b"3\r\nabc\r\n0\r\nx: y\r\n",
    ],
)
def test_an_end_before_the_bodys_end_is_a_cut(sent: bytes) -> None:
    assert read([sent]).error is ResponseCut


def test_whether_a_byte_has_come_is_known() -> None:
    parser = ResponseParser()
    assert not parser.started
    parser.feed(b"H")
    assert parser.started


EXAMPLES = (
    OK + b"content-length: 11\r\n\r\nhello world",
    CHUNKED + b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n",
    OK + b"\r\nuntil the end",
    b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 503 No\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\nno",
    b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 204 \r\n\r\n",
    CHUNKED + b"0\r\n\r\n" + OK + b"content-length: 2\r\n\r\nno",
)
MESSAGES = st.sampled_from(EXAMPLES)
MUTATIONS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 3),
        st.one_of(
            st.binary(max_size=2),
            st.sampled_from(
                [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\x00", b"\x80", b"chunked", b"0", b","]
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
    return [message[start:end] for start, end in pairwise(bounds)]


def as_a_client_sees_it(seen: Read) -> Read:
    """A refused answer may show more or less of its beginning, depending on how it came; nothing else may differ."""
    return Read(None, (), b"", False, False, BadResponse) if seen.error is BadResponse else seen


@settings(max_examples=500)
@given(MESSAGES, MUTATIONS, st.lists(st.floats(0, 1), max_size=6))
def test_an_answer_does_not_depend_on_how_it_was_cut(
    message: bytes, mutations: list[tuple[float, int, bytes]], places: list[float]
) -> None:
    check_cut(mutate(message, mutations), places)


def check_cut(message: bytes, places: list[float]) -> None:
    whole = as_a_client_sees_it(read([message]))
    assert as_a_client_sees_it(read(cut(message, places))) == whole
    assert as_a_client_sees_it(read([bytes([byte]) for byte in message])) == whole


@settings(max_examples=300)
@given(
    st.lists(st.one_of(st.binary(max_size=40), MESSAGES), max_size=4),
    st.booleans(),
)
@example([CHUNKED, b"\xff" * 10], False)
def test_arbitrary_bytes_raise_nothing_but_our_errors(pieces: list[bytes], head_only: bool) -> None:
    read(pieces, head_only=head_only)


def read_with_h11(message: bytes) -> tuple[int, Headers, bytes] | None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    status, body = 0, b""
    headers: Headers = ()
    try:
        client.receive_data(message)
        client.receive_data(b"")
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status, headers = event.status_code, tuple(event.headers)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None
    return status, headers, body


@settings(max_examples=800)
@given(MESSAGES, MUTATIONS)
def test_what_we_accept_h11_accepts_and_reads_the_same(
    message: bytes, mutations: list[tuple[float, int, bytes]]
) -> None:
    check_against_h11(mutate(message, mutations))


def check_against_h11(message: bytes) -> None:
    seen = read([message])
    if seen.error is None:
        headers = tuple(
            # h11 tells "Chunked" in lower case; for us the word stays as it came.
            (name, value.lower() if name == b"transfer-encoding" else value)
            for name, value in seen.headers
        )
        assert read_with_h11(message) == (seen.status, headers, seen.body)
