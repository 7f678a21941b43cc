import pytest
from hypothesis import given, strategies as st

from kthena_router.telemetry.lines import one_line


@pytest.mark.parametrize("text", ["", "a b", "a=b \"c\" 'd'", "é 漢 🙂", "a\\b"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert text is one_line(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nb", r"a\r\nb"),
        ("a\x00\x1b[31m\x7f", r"a\x00\x1b[31m\x7f"),
        ("a\x85b\u2028c\u2029", r"a\x85b\u2028c\u2029"),
        ("a\u202eb\u200b", r"a\u202eb\u200b"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, line: str) -> None:
    assert line == one_line(text)


def test_specials_are_escaped() -> None:
    assert r"a\x20b\x3dc\\d" == one_line("a b=c\\d", " =\\")


@given(st.text(), st.sampled_from(["\\", " \\", "=\\", ' "\\']))
def test_the_original_can_be_told_from_the_line(text: str, specials: str) -> None:
    line = one_line(text, specials)
    assert 1 == len((line + ".").splitlines())
    assert not set(specials) - {"\\"} & set(line)
    restored = line.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    assert text == _unescaped(restored)


def _unescaped(line: str) -> str:
    """Undo what Python's own notation says, but leave what is beyond Latin-1 and was not escaped."""
    pieces: list[str] = []
    position = 0
    lengths = {"x": 4, "u": 6, "U": 10}
    while position < len(line):
        size = lengths.get(line[position + 1], 2) if line[position] == "\\" else 1
        piece = line[position : position + size]
        pieces.append(piece.encode().decode("unicode_escape") if size > 1 else piece)
        position += size
    return "".join(pieces)
