"""The head of a request as bytes."""

import h11
import pytest
from hypothesis import given, strategies as st

from kthena_router.errors import InvalidRequest
from kthena_router.upstream.request_head import encode_request_head


def test_a_request_with_a_body_states_its_length() -> None:
    head = encode_request_head(
        b"POST", b"/v1/completions?a=b", b"10.0.0.1:8000", [(b"accept", b"*/*"), (b"x", b"")], 12
    )
    assert head == (
        b"POST /v1/completions?a=b HTTP/1.1\r\nhost: 10.0.0.1:8000\r\naccept: */*\r\nx: \r\n"
        b"content-length: 12\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "framing"),
    [(b"GET", b""), (b"HEAD", b""), (b"DELETE", b""), (b"POST", b"content-length: 0\r\n")],
)
def test_an_empty_body_has_a_length_where_one_is_expected(method: bytes, framing: bytes) -> None:
    head = encode_request_head(method, b"/", b"a", [], 0)
    assert head == method + b" / HTTP/1.1\r\nhost: a\r\n" + framing + b"\r\n"


@pytest.mark.parametrize(
    ("method", "target", "host"),
    [
        (b"GE T", b"/", b"a"),
        (b"GET\r\n", b"/", b"a"),
        (b"", b"/", b"a"),
        (b"GET", b"", b"a"),
        (b"GET", b"/ HTTP/1.1\r\nx: y", b"a"),
        (b"GET", b"/a b", b"a"),
        (b"GET", b"/\n", b"a"),
        (b"GET", b"/\x00", b"a"),
        (b"GET", b"/\x7f", b"a"),
        (b"GET", b"/\xc3\xa4", b"a"),
        (b"GET", b"http://elsewhere/", b"a"),
        (b"GET", b"/", b""),
        (b"GET", b"/", b"a\r\nx: y"),
        (b"GET", b"/", b"a b"),
    ],
)
def test_what_could_end_the_line_or_the_word_is_refused(
    method: bytes, target: bytes, host: bytes
) -> None:
    with pytest.raises(InvalidRequest):
        encode_request_head(method, target, host, [], 0)


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"1\r\ny: 2"),
        (b"x", b"1\n2"),
        (b"x", b"1\r2"),
        (b"x", b"1\r\n"),
        (b"x", b"1\r\n\r\nGET / HTTP/1.1"),
        (b"x", b"\x00"),
        (b"x", b"\x1b[31m"),
        (b"x", b"\x7f"),
        (b"x: 1\r\ny", b"2"),
        (b"x\n", b"2"),
        (b"x ", b"1"),
        (b" x", b"1"),
        (b"", b"1"),
        (b"x:y", b"1"),
        (b"\xff", b"1"),
    ],
)
def test_a_header_that_would_be_two_or_none_is_refused(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(InvalidRequest):
        encode_request_head(b"GET", b"/", b"a", [(b"accept", b"*/*"), header], 0)


@pytest.mark.parametrize(
    "name", [b"host", b"Content-Length", b"transfer-encoding", b"connection", b"te", b"expect"]
)
def test_framing_is_not_for_the_caller_to_write(name: bytes) -> None:
    with pytest.raises(InvalidRequest):
        encode_request_head(b"GET", b"/", b"a", [(name, b"1")], 0)


@given(
    target=st.binary(max_size=20).map(lambda rest: b"/" + rest),
    host=st.binary(max_size=10),
    headers=st.lists(st.tuples(st.binary(max_size=6), st.binary(max_size=12)), max_size=4),
    length=st.integers(0, 99),
)
def test_whatever_is_accepted_another_parser_reads_the_same(
    target: bytes, host: bytes, headers: list[tuple[bytes, bytes]], length: int
) -> None:
    try:
        head = encode_request_head(b"POST", target, host, headers, length)
    except InvalidRequest:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(head)
    event = server.next_event()
    assert isinstance(event, h11.Request)
    assert event.target == target
    assert list(event.headers) == [
        (b"host", host),
        *((name.lower(), value.strip(b" \t")) for name, value in headers),
        (b"content-length", b"%d" % length),
    ]
