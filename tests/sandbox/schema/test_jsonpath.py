from typing import Any

import pytest

from kthena_sandbox.schema.jsonpath import JsonPathError, compile_path

DOCUMENT: dict[str, Any] = {
    "status": {
        "conditions": [
            {"type": "Accepted", "status": "False", "n": 1},
            {"type": "Programmed", "status": "True", "n": 2},
        ],
        "addresses": [{"value": "127.0.0.1"}, {"value": "::1"}],
    },
    "metadata": {"annotations": {"a.b/c": "x"}, "name": "me"},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".metadata.name", ["me"]),
        ("$.metadata.name", ["me"]),
        ("metadata.name", ["me"]),
        ('.status.conditions[?(@.type=="Programmed")].status', ["True"]),
        (".status.conditions[?(@.type=='Ready')].status", []),
        (".status.conditions[?(@.n > 1)].type", ["Programmed"]),
        (".status.conditions[?(@.n)].type", ["Accepted", "Programmed"]),
        ('.status.conditions[?(@.type != "Programmed")].n', [1]),
        (".status.conditions[?(@.type < 3)].n", []),
        (".status.addresses[*].value", ["127.0.0.1", "::1"]),
        (".status.addresses[0].value", ["127.0.0.1"]),
        (".status.addresses[-1].value", ["::1"]),
        (".status.addresses[0,1].value", ["127.0.0.1", "::1"]),
        (".status.addresses[7].value", []),
        (".status.addresses[1:].value", ["::1"]),
        (r".metadata.annotations.a\.b/c", ["x"]),
        (".metadata.annotations['a.b/c']", ["x"]),
        ("..value", ["127.0.0.1", "::1"]),
        (".metadata.*", [{"a.b/c": "x"}, "me"]),
        (".nothing.here", []),
    ],
)
def test_paths(path: str, found: list[Any]) -> None:
    assert compile_path(path)(DOCUMENT) == found


@pytest.mark.parametrize("path", [".a[", ".a[?(@.b==unquoted)]", "[x]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(JsonPathError):
        compile_path(path)
