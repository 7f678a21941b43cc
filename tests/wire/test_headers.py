"""Headers between two connections."""

import pytest
from hypothesis import given, strategies as st

from kthena_router.wire.headers import (
    HOP_BY_HOP,
    FirstValues,
    client_request_id,
    end_to_end,
    request_headers,
    response_headers,
)


def test_names_become_lower_case_and_values_stay_as_they_are() -> None:
    assert end_to_end([(b"X-Thing", b" A, b"), (b"Set-Cookie", b"1"), (b"set-cookie", b"2")]) == (
        (b"x-thing", b" A, b"),
        (b"set-cookie", b"1"),
        (b"set-cookie", b"2"),
    )


@pytest.mark.parametrize(
    "name",
    [
        b"Connection",
        b"Keep-Alive",
        b"Proxy-Authenticate",
        b"Proxy-Authorization",
        b"Proxy-Connection",
        b"TE",
        b"Trailer",
        b"Transfer-Encoding",
        b"Upgrade",
    ],
)
def test_headers_of_the_connection_stay_behind(name: bytes) -> None:
    assert end_to_end([(name, b"whatever"), (b"accept", b"*/*")]) == ((b"accept", b"*/*"),)


def test_headers_that_connection_names_stay_behind_wherever_they_stand() -> None:
    headers = [
        (b"x-one", b"1"),
        (b"Connection", b"close, X-One ,\tx-two"),
        (b"connection", b"x-three"),
        (b"X-Two", b"2"),
        (b"x-three", b"3"),
        (b"x-four", b"4"),
    ]
    assert end_to_end(headers) == ((b"x-four", b"4"),)


def test_an_endpoint_is_sent_credentials_and_wishes_of_the_client_unchanged() -> None:
    headers = [
        (b"Authorization", b"Bearer s"),
        (b"Cookie", b"a=b"),
        (b"Accept-Encoding", b"gzip"),
        (b"User-Agent", b"curl"),
        (b"traceparent", b"00-1-2-00"),
        (b"X-Forwarded-For", b"10.0.0.9"),
    ]
    assert request_headers(headers, b"id-1") == (
        (b"authorization", b"Bearer s"),
        (b"cookie", b"a=b"),
        (b"accept-encoding", b"gzip"),
        (b"user-agent", b"curl"),
        (b"traceparent", b"00-1-2-00"),
        (b"x-forwarded-for", b"10.0.0.9"),
        (b"x-request-id", b"id-1"),
    )


def test_an_endpoint_is_not_sent_what_the_transport_writes_itself() -> None:
    headers = [
        (b"Host", b"a"),
        (b"Content-Length", b"3"),
        (b"Expect", b"100-continue"),
        (b"Transfer-Encoding", b"chunked"),
        (b"x-request-id", b"other"),
    ]
    assert request_headers(headers, b"id-1") == ((b"x-request-id", b"id-1"),)


@pytest.mark.parametrize("name", [b"Transfer_Encoding", b"content_length"])
def test_what_a_server_behind_might_take_for_framing_is_left_out(name: bytes) -> None:
    assert request_headers([(name, b"0")], b"id-1") == ((b"x-request-id", b"id-1"),)


def test_a_client_is_sent_one_request_id_and_the_length() -> None:
    headers = [
        (b"Content-Length", b"3"),
        (b"X-Request-Id", b"the engine's"),
        (b"Transfer-Encoding", b"chunked"),
    ]
    assert response_headers(headers, b"id-1") == (
        (b"content-length", b"3"),
        (b"x-request-id", b"id-1"),
    )


@pytest.mark.parametrize(
    "value", [b"1", b"3f2b8c9e-9c0f-4a6e-8a44-6f8f3d1f0a11", b"a.b_c~d:e/f+g=h@i|j-k", b"x" * 128]
)
def test_a_sane_request_id_of_the_client_is_taken(value: bytes) -> None:
    assert client_request_id([(b"a", b"b"), (b"X-Request-ID", value)]) == value


@pytest.mark.parametrize(
    "value", [b"", b"x" * 129, b"a b", b'a"b', b"a,b", b"a\nb", b"a\n", b"\xc3\xa4", b"a\x00"]
)
def test_any_other_request_id_is_not(value: bytes) -> None:
    assert client_request_id([(b"x-request-id", value)]) is None


def test_two_request_ids_are_none() -> None:
    assert client_request_id([(b"x-request-id", b"a"), (b"X-Request-Id", b"a")]) is None
    assert client_request_id([]) is None


def test_routes_see_the_first_value_of_a_header() -> None:
    values = FirstValues([(b"x-a", b"1"), (b"x-a", b"2"), (b"x-b", b"\xff")])
    assert values == {"x-a": "1", "x-b": "ÿ"}
    assert (len(values), values.get("x-c"), values.get("x-\xff", "none")) == (2, None, "none")


NAMES = st.sampled_from([*sorted(HOP_BY_HOP), b"x-a", b"X-B", b"accept"])
HEADERS = st.lists(st.tuples(NAMES, st.sampled_from([b"x-a", b"close", b"x-b, te", b""])))


@given(HEADERS)
def test_passing_on_twice_changes_nothing_more(headers: list[tuple[bytes, bytes]]) -> None:
    once = end_to_end(headers)
    assert end_to_end(once) == once
    assert not {name for name, _ in once} & HOP_BY_HOP
