import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kthena_router.errors import InvalidRequest, ModelMissing
from kthena_router.wire.request import parse_request

JSON = "application/json"
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values, max_size=5), st.text(min_size=1), st.booleans())
def test_only_the_model_changes(others: dict[str, Any], new: str, escaped: bool) -> None:
    document = {**others, "model": "old"}
    body = json.dumps(document, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    try:
        asked = parse_request(body, JSON)
    except InvalidRequest:
        return  # lone surrogates are not JSON

    changed = json.loads(asked.body_for(new).decode())

    assert {**document, "model": new} == changed


def test_white_space_and_order_stay() -> None:
    body = b' {"a" : 1.0,\n "model" :  "m" , "nested":{"model":"m"} } '

    changed = parse_request(body, JSON).body_for("big")

    assert b' {"a" : 1.0,\n "model" :  "big" , "nested":{"model":"m"} } ' == changed


def test_repeated_key_counts_as_the_last_and_all_are_replaced() -> None:
    asked = parse_request(b'{"model":"a","x":["\xc3\xa9"],"model":"b"}', JSON)

    assert "b" == asked.model
    assert b'{"model":"c","x":["\xc3\xa9"],"model":"c"}' == asked.body_for("c")


def test_escaped_key_is_still_the_model() -> None:
    asked = parse_request(b'{"mod\\u0065l":"a"}', JSON)

    assert b'{"mod\\u0065l":"c"}' == asked.body_for("c")


@pytest.mark.parametrize(
    ("body", "stream"),
    [(b'{"model":"m","stream":true}', True), (b'{"model":"m","stream":1}', False)],
)
def test_stream_is_a_boolean(body: bytes, stream: bool) -> None:
    assert stream == parse_request(body, JSON).stream


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"model":"m"} x', b"\xff"])
def test_what_is_no_object_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="invalid request body"):
        parse_request(body, JSON)


@pytest.mark.parametrize("body", [b"{}", b'{"model":null}', b'{"model":["m"]}', b'{"model":"  "}'])
def test_unusable_model_is_missing(body: bytes) -> None:
    with pytest.raises(ModelMissing, match="model not found"):
        parse_request(body, JSON)


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="model"\r\n\r\nname="model"\r\n'
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nold\r\n--B--\r\n'
)


def test_field_of_a_form_is_found_and_replaced() -> None:
    asked = parse_request(FORM, "multipart/form-data; boundary=B")

    assert "old" == asked.model
    assert FORM.replace(b"\r\n\r\nold", b"\r\n\r\nnew") == asked.body_for("new")


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=other"]
)
def test_form_that_cannot_be_read_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_request(FORM, content_type)
