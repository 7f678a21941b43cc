from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from kthena_router.wire.usage_filter import MAX_HELD_BYTES, UsageFilter

FIRST = b'data: {"id":"c","choices":[{"index":0,"text":"a"}]}\n\n'
SECOND = b'data: {"id":"c","choices":[{"index":0,"text":"\\n\\n\\"usage\\":{"}],"usage":null}\n\n'
USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
COMMENT = b": ping\n\n"


def filtered(*pieces: bytes) -> list[bytes]:
    one = UsageFilter()
    return [*(one.feed(piece) for piece in pieces), one.finish()]


def test_usage_chunk_goes_with_its_blank_line() -> None:
    assert [FIRST + DONE, b""] == filtered(FIRST + USAGE + DONE)


def test_pieces_of_whole_events_pass_at_once() -> None:
    assert [FIRST, SECOND, COMMENT, b"", DONE, b""] == filtered(FIRST, SECOND, COMMENT, USAGE, DONE)


def test_usage_beside_choices_stays() -> None:
    """Continuous usage: every chunk carries it, and none of them is extra."""
    both = b'data: {"choices":[{"text":"a"}],"usage":{"completion_tokens":1}}\n\n'

    assert [both, b""] == filtered(both)


def test_chunk_with_choices_is_not_held_back_when_it_is_cut() -> None:
    assert [FIRST[:45], FIRST[45:], b""] == filtered(FIRST[:45], FIRST[45:])


def test_what_may_be_usage_is_held_back_until_it_is_known() -> None:
    assert [b"", b"", DONE, b""] == filtered(USAGE[:30], USAGE[30:], DONE)


def test_nothing_is_lost_when_the_stream_ends_in_the_midst_of_an_event() -> None:
    assert [b"", USAGE[:30]] == filtered(USAGE[:30])


def test_no_more_than_a_limit_is_held_back() -> None:
    long = b"data: " + b"x" * MAX_HELD_BYTES

    assert [long, b"y\n\n", b"", b""] == filtered(long, b"y\n\n", USAGE)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_every_line_end_of_the_standard_ends_an_event(end: bytes) -> None:
    events = [one.replace(b"\n\n", end) for one in (FIRST, USAGE, DONE)]

    assert b"".join((events[0], events[2])) == b"".join(filtered(b"".join(events)))


events = st.lists(st.sampled_from([FIRST, SECOND, USAGE, DONE, COMMENT]), max_size=6)


@given(events, st.lists(st.integers(0, 500), max_size=8), st.sampled_from([b"\n\n", b"\r\n\r\n"]))
def test_how_a_stream_is_cut_makes_no_difference(
    stream: list[bytes], cuts: list[int], end: bytes
) -> None:
    whole = b"".join(stream).replace(b"\n\n", end)
    expected = b"".join(one for one in stream if one != USAGE).replace(b"\n\n", end)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})

    assert expected == b"".join(filtered(*(whole[a:b] for a, b in pairwise(places))))
