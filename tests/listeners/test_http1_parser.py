"""Requests from bytes: what is read, what is refused with which status, and the limits."""

from dataclasses import dataclass

import pytest

from kthena_router.errors import RouterError
from kthena_router.listeners.http1_parser import (
    HTTP2_PREFACE,
    Header,
    Http2Spoken,
    Limits,
    RequestHead,
    RequestParser,
)

DEFAULTS = Limits()
HTTP2 = 2  # in place of a status
POST = b"POST /x HTTP/1.1\r\nhost: a\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Request:
    method: bytes
    target: bytes
    version: bytes
    headers: tuple[Header, ...]
    body: bytes
    keeps_alive: bool


@dataclass(frozen=True)
class Read:
    """What a parser made of some bytes: whole requests, the status of a refusal or 0, and what was not read."""

    requests: tuple[Request, ...]
    status: int
    unread: bytes


def read(pieces: list[bytes], limits: Limits = DEFAULTS) -> Read:
    parser = RequestParser(limits)
    requests: list[Request] = []
    head: RequestHead | None = None
    body = b""
    try:
        for piece in pieces:
            parser.feed(piece)
            while True:
                if head is None and (head := parser.read_head()) is None:
                    break
                body += parser.read_body()
                if not parser.complete:
                    break
                version = b"1.0" if head.http_1_0 else b"1.1"
                requests.append(
                    Request(
                        head.method,
                        head.target,
                        version,
                        tuple(head.headers),
                        body,
                        head.keeps_alive,
                    )
                )
                head, body = None, b""
                if not requests[-1].keeps_alive:
                    return Read(tuple(requests), 0, b"")  # the connection ends here
    except RouterError as error:
        return Read(tuple(requests), error.status, b"")
    except Http2Spoken:
        return Read(tuple(requests), HTTP2, b"")
    return Read(tuple(requests), 0, parser.unread)


def bytewise(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


def test_a_request_without_a_body() -> None:
    assert read([b"GET /a?b=c HTTP/1.1\r\nHost: A:80\r\nX-Y:  z \t\r\nEmpty:\r\n\r\n"]) == Read(
        (
            Request(
                b"GET",
                b"/a?b=c",
                b"1.1",
                ((b"host", b"A:80"), (b"x-y", b"z"), (b"empty", b"")),
                b"",
                True,
            ),
        ),
        0,
        b"",
    )


def test_a_body_with_a_length() -> None:
    seen = read([POST + b"content-length: 5\r\n\r\nhel", b"loGET"])
    assert ([one.body for one in seen.requests], seen.unread) == ([b"hello"], b"GET")


def test_a_body_in_chunks_with_extensions_and_trailers() -> None:
    message = (
        CHUNKED + b'3;a;b=c;d="e\\"\t"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\nGET'
    )
    for pieces in ([message], bytewise(message)):
        seen = read(pieces)
        assert ([one.body for one in seen.requests], seen.unread) == ([b"abc0123456789"], b"GET")
        assert seen.requests[0].headers == ((b"host", b"a"), (b"transfer-encoding", b"chunked"))


def test_requests_sent_ahead_are_read_one_after_the_other() -> None:
    message = (
        POST + b"content-length: 1\r\n\r\na" + CHUNKED + b"1\r\nb\r\n0\r\n\r\n" + POST + b"\r\n"
    )
    for pieces in ([message], bytewise(message)):
        assert [one.body for one in read(pieces).requests] == [b"a", b"b", b""]


def test_a_body_is_read_as_it_comes() -> None:
    parser = RequestParser()
    parser.feed(POST + b"content-length: 4\r\n\r\n")
    assert parser.read_head() is not None
    assert (parser.read_body(), parser.complete) == (b"", False)
    parser.feed(b"ab")
    assert (parser.read_body(), parser.complete) == (b"ab", False)
    parser.feed(b"cdef")
    assert (parser.read_body(), parser.complete, parser.unread) == (b"cd", True, b"ef")


@pytest.mark.parametrize(
    ("version", "connection", "keeps_alive"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"connection: Close\r\n", False),
        (b"1.1", b"connection: x-a , close\r\n", False),
        (b"1.1", b"connection: keep-alive\r\nconnection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"connection: keep-alive\r\n", False),
    ],
)
def test_what_a_client_says_about_its_connection(
    version: bytes, connection: bytes, keeps_alive: bool
) -> None:
    seen = read([b"GET / HTTP/%b\r\nhost: a\r\n%b\r\n" % (version, connection)])
    assert [one.keeps_alive for one in seen.requests] == [keeps_alive]


@pytest.mark.parametrize(
    ("version", "expect", "expects"),
    [(b"1.1", b"100-Continue", True), (b"1.0", b"100-continue", False), (b"1.1", b"x", False)],
)
def test_whether_a_client_waits_before_its_body(
    version: bytes, expect: bytes, expects: bool
) -> None:
    parser = RequestParser()
    parser.feed(b"POST / HTTP/%b\r\nhost: a\r\nexpect: %b\r\n\r\n" % (version, expect))
    head = parser.read_head()
    assert head is not None
    assert head.expects_continue is expects


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (b"GET http://a/x", b"a"),
        (b"GET HTTPS://A:443/x", b"a:443"),
        (b"GET http://a?x", b"a"),
        (b"GET http://a", b"a"),
        (b"OPTIONS *", b"a"),
        (b"GET /", b""),
        (b"GET /", b"[::1]:80"),
        (b"GET //a", b"xn--a.b-c_d"),
    ],
)
def test_targets_and_hosts_that_are_taken(line: bytes, host: bytes) -> None:
    seen = read([line + b" HTTP/1.1\r\nhost: " + host + b"\r\n\r\n"])
    assert [one.target for one in seen.requests] == [line.split()[1]]


def test_http_1_0_needs_no_host() -> None:
    assert len(read([b"GET / HTTP/1.0\r\n\r\n"]).requests) == 1


def test_an_offer_to_upgrade_is_a_request_like_any_other() -> None:
    offer = b"upgrade: h2c\r\nconnection: upgrade\r\n"
    seen = read([POST + offer + b"content-length: 2\r\n\r\nab" + POST + offer + b"\r\n"])
    assert [one.body for one in seen.requests] == [b"ab", b""]


SMUGGLING = {
    "Content-Length and Transfer-Encoding": (
        POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
        400,
    ),
    "Transfer-Encoding and Content-Length": (
        POST + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n",
        400,
    ),
    "two lengths": (POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\n", 400),
    "the same length twice": (POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\n", 400),
    "a list of lengths": (POST + b"content-length: 5, 5\r\n\r\n", 400),
    "a length with plus": (POST + b"content-length: +5\r\n\r\n", 400),
    "a length with minus": (POST + b"content-length: -5\r\n\r\n", 400),
    "a hexadecimal length": (POST + b"content-length: 0x5\r\n\r\n", 400),
    "a length as Python writes it": (POST + b"content-length: 1_0\r\n\r\n", 400),
    "a length with a space": (POST + b"content-length: 1 0\r\n\r\n", 400),
    "a length with a fraction": (POST + b"content-length: 5.0\r\n\r\n", 400),
    "an empty length": (POST + b"content-length:\r\n\r\n", 400),
    "a length of 20 digits": (POST + b"content-length: 18446744073709551616\r\n\r\n", 400),
    "a length with 20 zeros": (POST + b"content-length: 000000000000000000005\r\n\r\n", 400),
    "xchunked": (POST + b"transfer-encoding: xchunked\r\n\r\n", 501),
    "gzip, chunked": (POST + b"transfer-encoding: gzip, chunked\r\n\r\n", 501),
    "chunked, identity": (POST + b"transfer-encoding: chunked, identity\r\n\r\n", 501),
    "identity": (POST + b"transfer-encoding: identity\r\n\r\n", 501),
    "chunked twice": (CHUNKED[:-2] + b"transfer-encoding: chunked\r\n\r\n", 501),
    "chunked with a comma": (POST + b"transfer-encoding: chunked,\r\n\r\n", 501),
    "chunked in quotes": (POST + b'transfer-encoding: "chunked"\r\n\r\n', 501),
    "chunked after a vertical tab": (POST + b"transfer-encoding: \x0bchunked\r\n\r\n", 400),
    "an empty Transfer-Encoding": (POST + b"transfer-encoding:\r\n\r\n", 501),
    "Transfer-Encoding on HTTP/1.0": (
        b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
        400,
    ),
    "space before the colon": (POST + b"transfer-encoding : chunked\r\n\r\n", 400),
    "tab before the colon": (POST + b"content-length\t: 4\r\n\r\n", 400),
    "a folded header": (POST + b"a: b\r\n c: d\r\n\r\n", 400),
    "a folded header with a tab": (POST + b"transfer-encoding:\r\n\tchunked\r\n\r\n", 400),
    "a folded first header": (b"GET / HTTP/1.1\r\n host: a\r\n\r\n", 400),
    "bare LF after a header": (POST + b"a: b\ncontent-length: 4\r\n\r\n", 400),
    "bare LF after the request line": (b"GET / HTTP/1.1\nhost: a\r\n\r\n", 400),
    "bare LF everywhere": (b"GET / HTTP/1.1\nhost: a\n\n", 400),
    "a blank line with bare LF": (b"GET / HTTP/1.1\r\nhost: a\r\n\n", 400),
    "bare CR in a value": (POST + b"a: b\rcontent-length: 4\r\n\r\n", 400),
    "bare CR in the request line": (b"GET /\rx HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "bare CR before a line end": (POST + b"a: b\r\r\n\r\n", 400),
    "NUL in a value": (POST + b"a: b\x00c\r\n\r\n", 400),
    "NUL in a name": (POST + b"a\x00: b\r\n\r\n", 400),
    "NUL in the target": (b"GET /\x00 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a control character in a value": (POST + b"a: b\x01\r\n\r\n", 400),
    "DEL in a value": (POST + b"a: b\x7f\r\n\r\n", 400),
    "a name that is not ASCII": (POST + b"\xc3\xa4: b\r\n\r\n", 400),
    "an empty name": (POST + b": b\r\n\r\n", 400),
    "no colon": (POST + b"a\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\na: b\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
    "two Hosts on HTTP/1.0": (b"GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", 400),
    "a list of Hosts": (b"GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", 400),
    "a Host with a user": (b"GET / HTTP/1.1\r\nhost: u@a\r\n\r\n", 400),
    "a Host with a path": (b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
    "a Host with an odd port": (b"GET / HTTP/1.1\r\nhost: a:b\r\n\r\n", 400),
    "a URI of another host": (b"GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a URI with a user": (b"GET http://a@b/ HTTP/1.1\r\nhost: b\r\n\r\n", 400),
    "a URI of another scheme": (b"GET ftp://a/ HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a URI without a host": (b"GET http:///x HTTP/1.1\r\nhost:\r\n\r\n", 400),
    "a target without a slash": (b"GET x HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "an authority as target": (b"GET a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", 400),
    "an asterisk as target": (b"GET * HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a fragment": (b"GET /x#y HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a target that is not ASCII": (b"GET /\xc3\xa4 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", 501),
    "a method that nobody knows": (b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
    "a method in lower case": (b"get / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/0.9 with a version": (b"GET / HTTP/0.9\r\nhost: a\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nhost: a\r\n\r\n", 505),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
    "HTTP/3.0": (b"GET / HTTP/3.0\r\nhost: a\r\n\r\n", 505),
    "http/1.1 in lower case": (b"GET / http/1.1\r\nhost: a\r\n\r\n", 400),
    "HTTP/1.10": (b"GET / HTTP/1.10\r\nhost: a\r\n\r\n", 400),
    "HTTP/01.1": (b"GET / HTTP/01.1\r\nhost: a\r\n\r\n", 400),
    "no version": (b"GET / HTTP\r\nhost: a\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a space at the end": (b"GET / HTTP/1.1 \r\nhost: a\r\n\r\n", 400),
    "a tab as separator": (b"GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a space in the target": (b"GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "an empty line first": (b"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "an answer": (b"HTTP/1.1 200 OK\r\n\r\n", 400),
    "half a preface": (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505),
    "the preface's method": (b"PRI / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
}


@pytest.mark.parametrize(("message", "status"), SMUGGLING.values(), ids=SMUGGLING.keys())
def test_heads_that_two_servers_might_read_differently_are_refused(
    message: bytes, status: int
) -> None:
    for pieces in ([message], bytewise(message)):
        assert read(pieces) == Read((), status, b"")


CHUNKS = {
    "a negative size": b"-3\r\nabc\r\n",
    "a size with plus": b"+3\r\nabc\r\n",
    "a size with 0x": b"0x3\r\nabc\r\n",
    "no hexadecimal": b"g\r\nabc\r\n",
    "a size with underscore": b"1_0\r\nabc\r\n",
    "a space before the size": b" 3\r\nabc\r\n",
    "a space after the size": b"3 \r\nabc\r\n",
    "no size": b"\r\nabc\r\n",
    "an extension only": b";x\r\nabc\r\n",
    "an extension without a name": b"3;\r\nabc\r\n",
    "an extension with a space": b"3; x\r\nabc\r\n",
    "an extension with bare CR": b"3;x\ry\r\nabc\r\n",
    "an extension with bare LF": b"3;x\ny\r\nabc\r\n",
    "an extension with NUL": b"3;x\x00\r\nabc\r\n",
    "an extension in open quotes": b'3;x="y\r\nabc\r\n',
    "bare LF after the size": b"3\nabc\r\n",
    "bare CR after the size": b"3\rabc\r\n",
    "bare LF after the data": b"3\r\nabc\n0\r\n\r\n",
    "more data than announced": b"3\r\nabcd\r\n",
    "less data than announced": b"3\r\nab\r\n0\r\n\r\n",
    "a size of 17 digits": b"00000000000000003\r\nabc\r\n",
    "a size beyond 64 bits": b"fffffffffffffffff\r\nabc\r\n",
    "a chunk line without end": b"3;" + b"x" * 1100,
    "extensions without end": (b"1;" + b"x" * 1000 + b"\r\na\r\n") * 70,
    "a folded trailer": b"0\r\na: b\r\n c: d\r\n\r\n",
    "a first trailer that is folded": b"0\r\n a: b\r\n\r\n",
    "a trailer without a colon": b"0\r\na\r\n\r\n",
    "a trailer with a space before the colon": b"0\r\na : b\r\n\r\n",
    "a trailer with bare LF": b"0\r\na: b\n\r\n",
    "trailers with bare LF": b"0\r\na: b\n\n",
    "a bare LF as the end": b"0\r\n\n",
    "a length as trailer": b"0\r\nContent-Length: 3\r\n\r\n",
    "a coding as trailer": b"0\r\na: b\r\ntransfer-encoding: gzip\r\n\r\n",
    "a Host as trailer": b"0\r\nhost: b\r\n\r\n",
    "trailers without end": b"0\r\n" + b"a: b\r\n" * 12_000,
    "a trailer without end": b"0\r\na: " + b"x" * 9000,
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
def test_malformed_chunks_are_refused(chunks: bytes) -> None:
    assert read([CHUNKED + chunks]) == Read((), 400, b"")
    assert read([CHUNKED, *bytewise(chunks)]) == Read((), 400, b"")


@pytest.mark.parametrize("excess", [b"\r\n", b"\n", b"\r", b"\x00", b" "])
@pytest.mark.parametrize(
    "message",
    [POST + b"content-length: 1\r\n\r\na", CHUNKED + b"1\r\na\r\n0\r\n\r\n"],
)
def test_bytes_after_the_end_are_not_skipped(message: bytes, excess: bytes) -> None:
    seen = read([message + excess + POST + b"\r\n"])
    assert ([one.body for one in seen.requests], seen.status) == ([b"a"], 400)


@pytest.mark.parametrize("length", [b"5", b"005", b"0000000000000000005"])
def test_zeros_before_a_length_change_nothing(length: bytes) -> None:
    seen = read([POST + b"content-length: " + length + b"\r\n\r\nhello"])
    assert [one.body for one in seen.requests] == [b"hello"]


def test_the_preface_of_http2_counts_at_the_beginning_of_a_connection() -> None:
    for pieces in ([HTTP2_PREFACE + b"\x00"], bytewise(HTTP2_PREFACE)):
        parser = RequestParser()
        with pytest.raises(Http2Spoken):  # noqa: PT012 - every byte but the last is waited for
            for piece in pieces:
                parser.feed(piece)
                assert parser.read_head() is None
        assert parser.unread == b"".join(pieces)


def test_the_preface_of_http2_does_not_count_later() -> None:
    seen = read([b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + HTTP2_PREFACE])
    assert (len(seen.requests), seen.status) == (1, 505)


def test_a_request_line_has_a_limit() -> None:
    limits = Limits(request_line_bytes=100)
    fits = b"GET /" + b"x" * 84 + b" HTTP/1.1\r\n"
    assert len(fits) == 100
    assert len(read([fits + b"host: a\r\n\r\n"], limits).requests) == 1
    for too_long in (b"GET /x" + fits[5:] + b"host: a\r\n\r\n", b"GET /" + b"x" * 96):
        for pieces in ([too_long], bytewise(too_long)):
            assert read(pieces, limits).status == 414


def test_a_head_has_a_limit() -> None:
    limits = Limits(head_bytes=100)
    fits = b"GET / HTTP/1.1\r\nhost: a\r\na: " + b"x" * 68 + b"\r\n\r\n"
    assert len(fits) == 100
    for pieces in ([fits], bytewise(fits)):
        assert len(read(pieces, limits).requests) == 1
    for too_large in (fits.replace(b"\r\na:", b"\r\naa:"), fits[:-4] + b"x" * 10):
        for pieces in ([too_large], bytewise(too_large)):
            assert read(pieces, limits).status == 431


def test_headers_are_counted() -> None:
    limits = Limits(headers=3)
    assert len(read([POST + b"a: 1\r\nb: 2\r\n\r\n"], limits).requests) == 1
    assert read([POST + b"a: 1\r\nb: 2\r\nc: 3\r\n\r\n"], limits).status == 431


def test_a_body_is_limited_when_asked() -> None:
    limits = Limits(body_bytes=5)
    assert len(read([POST + b"content-length: 5\r\n\r\nhello"], limits).requests) == 1
    assert read([POST + b"content-length: 6\r\n\r\n"], limits).status == 413
    assert len(read([CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"], limits).requests) == 1
    assert read([CHUNKED + b"3\r\nabc\r\n3\r\n"], limits).status == 413
