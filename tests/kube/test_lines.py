import itertools

from hypothesis import given, strategies as st

from kthena_router.kube.lines import LineSplitter


def feed_all(pieces: list[bytes]) -> list[bytes]:
    splitter = LineSplitter()
    return [line for piece in pieces for line in splitter.feed(piece)]


def test_line_is_handed_out_when_it_is_complete() -> None:
    splitter = LineSplitter()

    assert [] == splitter.feed(b'{"a"')
    assert [b'{"a":1}', b"{}"] == splitter.feed(b':1}\n{}\n{"b"')
    assert [b'{"b"}'] == splitter.feed(b"}\n")


def test_only_line_feeds_cut() -> None:
    text = '{"note":"a\u0085b\u2028c\x0cd"}'.encode()

    assert [text] == feed_all([text + b"\n"])


def test_empty_lines_are_skipped() -> None:
    assert [b"{}"] == feed_all([b"\n\r\n{}\n\n"])


@given(
    st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and line.strip())),
    st.lists(st.integers(0, 200)),
)
def test_lines_do_not_depend_on_pieces(lines: list[bytes], cuts: list[int]) -> None:
    body = b"".join(line + b"\n" for line in lines)
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(edges)]

    assert lines == feed_all(pieces)
