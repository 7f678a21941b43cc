import h11
import pytest
from hypothesis import given, strategies as st

from kthena_router.listeners.http1_response import BadAnswer, ResponseWriter

DATE = b"date: Mon, 27 Jul 2009 12:28:53 GMT\r\n"


def written(
    *pieces: bytes,
    status: int = 200,
    headers: list[tuple[bytes, bytes]] | None = None,
    http_1_0: bool = False,
    head_only: bool = False,
    closing: bool = False,
) -> tuple[bytes, ResponseWriter]:
    writer = ResponseWriter(head_only=head_only, http_1_0=http_1_0, keeps_alive=not http_1_0)
    first, *others = pieces or (b"",)
    out = writer.begin(status, headers or [], DATE, first, more=bool(others), closing=closing)
    for index, piece in enumerate(others, 1):
        out += writer.piece(piece, more=index < len(others))
    return out, writer


def test_body_of_known_length_passes_as_it_is() -> None:
    out, writer = written(b"ab", b"c", headers=[(b"Content-Length", b"3"), (b"X-A", b"1")])

    assert (
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-a: 1\r\n"
        b"date: Mon, 27 Jul 2009 12:28:53 GMT\r\n\r\nabc"
    ) == out
    assert (writer.complete, writer.keeps_alive) == (True, True)


def test_body_of_unknown_length_is_chunked() -> None:
    out, writer = written(b"ab", b"", b"c", b"")

    assert out.endswith(b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert writer.keeps_alive


def test_last_piece_and_the_end_are_one() -> None:
    assert written(b"", b"ab")[0].endswith(b"\r\n\r\n2\r\nab\r\n0\r\n\r\n")


def test_whole_answer_gets_its_length() -> None:
    assert written(b"ab")[0].endswith(b"\r\ncontent-length: 2\r\n\r\nab")


def test_http_1_0_gets_neither_chunks_nor_an_open_connection() -> None:
    out, writer = written(b"a", b"b", http_1_0=True)

    assert out.endswith(b"connection: close\r\n\r\nab")
    assert not writer.keeps_alive
    assert not writer.delimited


@pytest.mark.parametrize(("status", "head_only"), [(204, False), (304, False), (200, True)])
def test_answers_without_a_body(status: int, head_only: bool) -> None:
    out, writer = written(b"x", status=status, head_only=head_only)

    assert out.endswith(b"\r\n\r\n")
    assert b"transfer-encoding" not in out
    assert writer.complete


def test_head_request_keeps_the_length_of_what_it_did_not_get() -> None:
    out, _ = written(headers=[(b"content-length", b"9")], head_only=True)

    assert b"\r\ncontent-length: 9\r\n" in out


def test_own_headers_of_the_application_give_way() -> None:
    own = [(b"Date", b"x"), (b"Transfer-Encoding", b"gzip"), (b"Connection", b"Close")]
    out, writer = written(b"a", headers=own)

    assert 1 == out.count(b"date:")
    assert b"gzip" not in out
    assert 1 == out.count(b"connection: close\r\n")
    assert not writer.keeps_alive


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x", b"a\r\nb: c")],
        [(b"x\r\ny", b"a")],
        [(b"x", b"a\nb")],
        [(b"x", b"\0")],
        [(b"x y", b"a")],
        [(b"", b"a")],
        [(b"content-length", b"-1")],
        [(b"content-length", b"1"), (b"content-length", b"1")],
    ],
)
def test_headers_that_could_be_read_as_something_else(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(BadAnswer):
        written(headers=headers)


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"ab",), (b"abc", b"d")])
def test_body_that_is_not_as_long_as_announced(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(BadAnswer):
        written(*pieces, headers=[(b"content-length", b"3")])


def test_body_after_its_end() -> None:
    _, writer = written(b"a")

    with pytest.raises(BadAnswer):
        writer.piece(b"b", more=False)


@given(
    st.lists(st.binary(max_size=20), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([200, 201, 404, 503]),
)
def test_h11_reads_what_was_written(pieces: list[bytes], known: bool, status: int) -> None:
    length = [(b"content-length", b"%d" % len(b"".join(pieces)))] if known else []
    out, _ = written(*pieces, status=status, headers=length)
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(out)

    body = b""
    head = reader.next_event()
    assert isinstance(head, h11.Response)
    while isinstance(event := reader.next_event(), h11.Data):
        body += event.data
    assert (status, b"".join(pieces)) == (head.status_code, body)
    assert isinstance(event, h11.EndOfMessage)
