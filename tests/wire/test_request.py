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
    ("body", "phrase"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"null", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b"{", "not JSON: .*truncated; send a JSON object"),
        (b'{"model":"m"} x', "not JSON: .*trailing"),
        (b"model=m&prompt=x", "not JSON: .*, or multipart/form-data"),
        (b"\xff", "not JSON"),
        (b'{"\xff":1}', "must be UTF-8"),
        (b'{"model":"m","x":' + b"[" * 100_000, "nested too deeply"),
        (b"{" + b'"x":1,' * 200_000 + b'"model":"m"}', "too many fields"),
    ],
)
def test_what_is_no_object_is_invalid(body: bytes, phrase: str) -> None:
    with pytest.raises(InvalidRequest, match=f"invalid request body: .*{phrase}"):
        parse_request(body, JSON)


@pytest.mark.parametrize(
    ("body", "phrase"),
    [
        (b"{}", "must name a model"),
        (b'{"model":null}', "must be a string"),
        (b'{"model":["m"]}', "must be a string"),
        (b'{"model":"  "}', "must not be blank"),
        (b'{"model":"\xff"}', "must be UTF-8"),
        (b'{"nested":{"model":"m"}}', "must name a model"),
    ],
)
def test_unusable_model_is_missing(body: bytes, phrase: str) -> None:
    with pytest.raises(ModelMissing, match=f"model not found: .*{phrase}"):
        parse_request(body, JSON)


def test_name_that_no_route_can_have_is_not_repeated_in_the_message() -> None:
    assert "m" * 1024 == parse_request(b'{"model":"%b"}' % (b"m" * 1024), JSON).model
    with pytest.raises(InvalidRequest, match="at most 1024 characters, this one 2000") as caught:
        parse_request(b'{"model":"%b"}' % (b"m" * 2000), JSON)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; x=y"]
)
def test_json_is_json_whatever_it_is_called(content_type: str) -> None:
    assert "m" == parse_request(b'{"model":"m"}', content_type).model


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="model"\r\n\r\nname="model"\r\n'
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n old \r\n--B--\r\n'
)
FORM_TYPE = "Multipart/Form-Data; boundary=B"


def test_field_of_a_form_is_found_and_replaced() -> None:
    asked = parse_request(FORM, FORM_TYPE)

    assert "old" == asked.model
    assert FORM is asked.body_for("old")
    assert FORM.replace(b"\r\n\r\n old ", b"\r\n\r\nnew") == asked.body_for("new")


def test_field_that_stands_twice_counts_as_the_last_and_both_are_replaced() -> None:
    first = b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nfirst\r\n'
    asked = parse_request(first + FORM, FORM_TYPE)

    assert "old" == asked.model
    assert (first + FORM).replace(b"first", b"new").replace(b" old ", b"new") == asked.body_for(
        "new"
    )


@pytest.mark.parametrize(
    ("form", "phrase"),
    [
        (FORM.replace(b" old ", b" \t"), "must not be blank"),
        (FORM.replace(b" old ", b"\xff"), "must be UTF-8"),
        (FORM.replace(b"--B", b"--C"), "must name a model"),
    ],
)
def test_form_without_a_usable_model_says_so(form: bytes, phrase: str) -> None:
    with pytest.raises(ModelMissing, match=phrase):
        parse_request(form, FORM_TYPE)


@pytest.mark.parametrize(
    ("content_type", "phrase"),
    [
        ("multipart/form-data", "must name a valid boundary"),
        ('multipart/form-data; boundary="', "must name a valid boundary"),
    ],
)
def test_form_that_cannot_be_read_is_refused(content_type: str, phrase: str) -> None:
    with pytest.raises(InvalidRequest, match=phrase):
        parse_request(FORM, content_type)


def test_form_of_too_many_parts_is_refused() -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
    with pytest.raises(InvalidRequest, match="more than 1000 parts"):
        parse_request(part * 1001 + FORM, FORM_TYPE)
