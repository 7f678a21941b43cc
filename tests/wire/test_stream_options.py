import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kthena_router.wire.body import edited, members
from kthena_router.wire.stream_options import usage_edits


def asked(body: bytes) -> bytes:
    return edited(body, usage_edits(body, members(body)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"model":"m","stream":true}',
            b'{"stream_options":{"include_usage":true},"model":"m","stream":true}',
        ),
        (
            b' { "stream" : true , "stream_options" : null }',
            b' { "stream" : true , "stream_options" : {"include_usage":true} }',
        ),
        (
            b'{"stream":true,"stream_options":{}}',
            b'{"stream":true,"stream_options":{"include_usage":true}}',
        ),
        (
            b'{"stream":true,"stream_options":{ "x": [1] }}',
            b'{"stream":true,"stream_options":{"include_usage":true, "x": [1] }}',
        ),
        (
            b'{"stream_options":{"a":1,"include_usage": false},"stream":true}',
            b'{"stream_options":{"a":1,"include_usage": true},"stream":true}',
        ),
        (
            b'{"stream":true,"stream_options":{"include_usage":null}}',
            b'{"stream":true,"stream_options":{"include_usage":true}}',
        ),
        (  # of a repeated key the last one counts, whoever reads it
            b'{"stream_options":{},"stream":true,"stream_options":{"a":1}}',
            b'{"stream_options":{"include_usage":true},"stream":true,"stream_options":{"include_usage":true,"a":1}}',
        ),
    ],
)
def test_option_is_set_and_nothing_else_changes(body: bytes, expected: bytes) -> None:
    assert expected == asked(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m"}',
        b'{"stream":false}',
        b'{"stream":"true"}',
        b'{"stream":true,"stream_options":{"include_usage":true}}',
        b'{"stream":true,"stream_options":{"include_usage":"yes"}}',
        b'{"stream":true,"stream_options":[]}',
        b'{"stream":true,"stream_options":"x"}',
    ],
)
def test_body_stays_where_nothing_is_to_be_set(body: bytes) -> None:
    assert body == asked(body)


names = st.text().filter(lambda name: name not in {"stream", "stream_options"})
options = st.none() | st.dictionaries(
    st.text(), st.none() | st.booleans() | st.lists(st.integers()), max_size=3
)


@given(st.dictionaries(names, st.integers() | st.text(), max_size=4), options, st.booleans())
def test_only_the_option_differs(others: dict[str, Any], given: Any, first: bool) -> None:
    own = {"stream": True, "stream_options": given}
    document = {**own, **others} if first else {**others, **own}
    body = json.dumps(document).encode("utf-8", "surrogatepass")
    try:
        changed = json.loads(asked(body))
    except UnicodeDecodeError:
        return

    kept = {name: value for name, value in (given or {}).items() if name != "include_usage"}
    told = (given or {}).get("include_usage")
    assert {**others, "stream": True} == {
        name: value for name, value in changed.items() if name != "stream_options"
    }
    if told in {None, False, True} and not isinstance(told, list):
        assert {**kept, "include_usage": True} == changed["stream_options"]
