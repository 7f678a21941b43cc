"""Texts that are no JSON, in the words in which a kube-apiserver refused them in a Secret."""

import pytest

from kthena_sandbox.schema.gojson import json_problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ('{"a":"b', "unexpected end of JSON input"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("not json", "invalid character 'o' in literal null (expecting 'u')"),
        ("tru1", "invalid character '1' in literal true (expecting 'e')"),
        ("nul", "invalid character ' ' in literal null (expecting 'l')"),
        ("1 2", "invalid character '2' after top-level value"),
        ('"a\\"b" c', "invalid character 'c' after top-level value"),
        ("{a}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        ('{"a":[1]]', "invalid character ']' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ('[{"a":1} 2]', "invalid character '2' after array element"),
    ],
)
def test_what_is_no_json(text: str, problem: str) -> None:
    assert json_problem(text) == problem


@pytest.mark.parametrize("text", ["1", "null", '{"a":[1,{"b":null}]}', ' "x" '])
def test_what_is_json(text: str) -> None:
    assert json_problem(text) == ""
