from hypothesis import given, strategies as st

from kthena_sandbox.engine.text import (
    answer_pieces,
    count,
    prolonged,
    sentence,
    split,
    token_ids,
)


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text
    assert len(token_ids(text)) == count(text)


@given(st.lists(st.text(min_size=1), min_size=1), st.integers(0, 100))
def test_a_prolonged_answer_has_the_asked_length(pieces: list[str], length: int) -> None:
    assert len(prolonged(pieces, length)) == length


def test_the_pieces_are_the_sentence() -> None:
    assert "".join(answer_pieces("a/b")) == sentence("a/b")
    assert sentence("a/b") == "This is simulated message from a/b!"
