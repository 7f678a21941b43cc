from itertools import pairwise

from hypothesis import given, strategies as st

from kthena_router.wire.usage import Usage, UsageObserver

STREAM = (
    b'data: {"choices":[{"text":"a"}],"usage":{"prompt_tokens":4,"completion_tokens":1}}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":7,"total_tokens":11}}\n\n'
    b"data: [DONE]\n\n"
)


def observe(*pieces: bytes) -> Usage:
    observer = UsageObserver()
    for piece in pieces:
        observer.feed(piece)
    return observer.usage


def test_continuous_usage_counts_once() -> None:
    assert Usage(4, 7) == observe(STREAM)


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(places)]

    assert Usage(4, 7) == observe(*pieces)


def test_usage_that_is_null_or_absent_is_none() -> None:
    assert Usage(0, 0) == observe(b'{"usage":null,"x":{"prompt_tokens":3}}')
    assert Usage(0, 0) == observe(b"")


def test_names_of_the_responses_api() -> None:
    assert Usage(2, 3) == observe(b'{"usage": {"input_tokens": 2, "output_tokens": 3}}')
