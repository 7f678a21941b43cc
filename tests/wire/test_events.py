"""An event of the router's own in an engine's stream."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from kthena_router.errors import ResponseCut
from kthena_router.wire.events import end_of, error_event, takes_events

EVENT = (
    b'data: {"error":{"message":"gone","type":"server_error","param":null,"code":"upstream_failed"}}'
    b"\n\n"
)
STREAM = (b"content-type", b"text/event-stream; charset=utf-8")


@pytest.mark.parametrize(
    "sent", [b"", b"data: 1\n\n", b"data: 1\r\n\r\n", b"data: 1\r\r", b"\n\r\n", b": ping\n\n\n"]
)
def test_event_follows_a_whole_one_at_once(sent: bytes) -> None:
    assert EVENT == error_event(ResponseCut("gone"), after=end_of(b"", sent))


@pytest.mark.parametrize(
    "sent", [b"d", b'data: {"a":', b"data: 1\n", b"data: 1\r\n", b"data: 1\r", b"\n\ndata"]
)
def test_event_that_was_cut_off_is_closed_first(sent: bytes) -> None:
    assert b"\n\n" + EVENT == error_event(ResponseCut("gone"), after=end_of(b"", sent))


@given(st.lists(st.integers(0, 19), max_size=8))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    stream = b"data: 1\r\n\r\ndata: 2\n\n"
    places = [0, *sorted(cuts), 20]
    seen = b""
    for start, end in pairwise(places):
        seen = end_of(seen, stream[start:end])
    assert b"2\n\n" == seen.removeprefix(b" ")
    assert EVENT == error_event(ResponseCut("gone"), after=seen)


@pytest.mark.parametrize(
    ("headers", "takes"),
    [
        ([STREAM], True),
        ([(b"content-type", b"Text/Event-Stream")], True),
        ([STREAM, (b"content-encoding", b"identity")], True),
        ([STREAM, (b"content-encoding", b"gzip")], False),
        ([STREAM, (b"content-length", b"99")], False),
        ([(b"content-length", b"99"), STREAM], False),
        ([(b"content-type", b"text/event-streams")], False),
        ([(b"content-type", b"application/json")], False),
        ([], False),
    ],
)
def test_only_a_plain_stream_of_events_takes_another(
    headers: list[tuple[bytes, bytes]], takes: bool
) -> None:
    assert takes == takes_events(headers)
