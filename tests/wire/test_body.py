"""Where the values of a key stand in a JSON object."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from kthena_router.wire.body import TooComplex, edited, members, value_spans

MEBIBYTE = 1 << 20


def found(body: bytes, key: str = "model") -> list[bytes]:
    return [body[start:end] for start, end in value_spans(body, members(body), key)]


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"{}", []),
        (b' \r\n\t{ \n "model" \t:\r1.50e9 , "x" : {} } \n', [b"1.50e9"]),
        (b'{"x":[{"model":"no"}],"model":"m"}', [b'"m"']),
        (b'{"x":"\\"model\\":\\"no\\"","model":"m"}', [b'"m"']),
        (b'{"x":"model","model":null}', [b"null"]),
        (b'{"mod\\u0065l":"m"}', [b'"m"']),
        (b'{"model":"a","model":"b"}', [b'"a"', b'"b"']),
        (b'{"model":[1,{"a":"]}"}],"x":"\\\\","mod\\u0065l":"b"}', [b'[1,{"a":"]}"}]', b'"b"']),
        # The length of the second `a` leads into the first one, where a `model` stands that is not ours.
        (b'{"a":{"model":"xyz"},"model":"abc","a":7}', [b'"abc"']),
        (b'{"a":1,"model":"m","a":12}', [b'"m"']),
        (b'{"a":"\xff","model":"m"}', [b'"m"']),
    ],
)
def test_values_of_the_top_level_are_found(body: bytes, values: list[bytes]) -> None:
    assert values == found(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":1}x',
        b'{"a":1}{}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":"\n"}',
        b'{"a":"\\ud800"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b"{'a':1}",
        b'{"a":1,}',
        b"[]",
        b"null",
        b'"x"',
    ],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        members(body)


def test_key_must_be_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        members(b'{"\xff":1}')


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
def test_deep_nesting_is_refused(body: bytes) -> None:
    with pytest.raises(RecursionError):
        members(b'{"a":' + body)


def test_nesting_of_any_real_request_is_not() -> None:
    assert [b'"m"'] == found(b'{"a":' + b"[" * 400 + b"]" * 400 + b',"model":"m"}')


def test_numbers_of_any_size_pass() -> None:
    assert [b"9" * 5000] == found(b'{"x":1e999999,"model":' + b"9" * 5000 + b"}")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","x":"' + b"x" * 32 * MEBIBYTE + b'"}',
        b'{"model":"m","x":"' + b"\\n" * 16 * MEBIBYTE + b'"}',
        b'{"model":"m","x":"' + b": " * 16 * MEBIBYTE + b'"}',
        b'{"' + b"\\n" * 16 * MEBIBYTE + b'":1,"model":"m"}',
        b'{"x":[' + b"1234," * 6 * MEBIBYTE + b'0],"model":"m"}',
        b'{"x":[' + b"[]," * 10 * MEBIBYTE + b'0],"model":"m"}',
        b'{"a":[' + b"1234," * 6 * MEBIBYTE + b'0],"a":0,"model":"m"}',
    ],
    ids=["text", "escapes", "colons", "key", "token ids", "brackets", "repeated key"],
)
def test_bodies_of_32_mib_take_a_fraction_of_a_second(body: bytes) -> None:
    began = time.process_time()
    assert [b'"m"'] == found(body)
    assert time.process_time() - began < 5.0  # at most 0.4 s, for the long key


@pytest.mark.parametrize(
    "body",
    [
        b"{" + b'"a":1,' * 5 * MEBIBYTE + b'"model":"m"}',
        b'{"a":[' + b"[]," * 10 * MEBIBYTE + b'0],"a":0,"model":"m"}',
        b'{"x":"' + b":" * 200_000 + b'","y":[' + b"[]," * 10 * MEBIBYTE + b'0],"model":"m"}',
    ],
    ids=["fields", "parts of a repeated key", "parts"],
)
def test_bodies_that_would_cost_seconds_are_refused(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(TooComplex):
        found(body)
    assert time.process_time() - began < 5.0  # 0.3 s


@pytest.mark.parametrize("end", [b"", b"[", b'"', b"}", b'"a":\n'])
def test_large_body_that_is_cut_off_is_still_malformed(end: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        members(b'{"x":"' + b":" * 600_000 + b'","y":' + end)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["model", "a", "", "\\", '"', "é"]) | st.text(max_size=3)
WHITE = st.sampled_from(["", " ", "\n", "\t \r\n"])


@given(st.lists(st.tuples(KEYS, VALUES), max_size=8), WHITE, st.booleans())
def test_every_value_of_every_key_is_found_and_replaced(
    pairs: list[tuple[str, Any]], white: str, escaped: bool
) -> None:
    def written(value: Any) -> str:
        return json.dumps(value, ensure_ascii=escaped, separators=(f"{white},", f":{white}"))

    def document(pairs: list[tuple[str, Any]]) -> bytes:
        inner = ",".join(f"{white}{written(k)}{white}:{white}{written(v)}" for k, v in pairs)
        return f"{white}{{{inner}{white}}}{white}".encode("utf-8", "surrogatepass")

    body = document(pairs)
    try:
        values = members(body)
    except msgspec.DecodeError:
        return  # lone surrogates are not JSON
    for key in ("model", "a", "other"):
        spans = value_spans(body, values, key)
        assert [v for k, v in pairs if k == key] == [json.loads(body[a:b]) for a, b in spans]
        changed = [(k, "new" if k == key else v) for k, v in pairs]
        assert document(changed) == edited(body, [(*span, b'"new"') for span in spans])
