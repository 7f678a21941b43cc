import pytest
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, Client

from kthena_sandbox.apiserver.duplicates import duplicate_fields


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b'{"a": 1, "b": {"a": 2}}', []),
        (b'{"a": 1, "a": 2, "a": 3}', ["a"]),
        (b'{"a": [{"b": 1, "b": 2}, {"c": {"d": 1, "d": 1}}]}', ["a[0].b", "a[1].c.d"]),
        (b"a: 1\na: 2\n", []),
    ],
)
def test_paths_of_repeated_keys(body: bytes, paths: list[str]) -> None:
    assert duplicate_fields(body) == paths


async def test_repeated_keys_are_told_or_refused(client: Client) -> None:
    body = b'{"metadata": {"name": "a"}, "data": {"x": "1", "x": "2"}}'
    strict = await client.post(f"{CONFIGMAPS}?fieldValidation=Strict", body)
    assert strict.message == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
        'strict decoding error: duplicate field "data.x"'
    )
    warned = await client.post(CONFIGMAPS, body)
    assert warned.document["data"] == {"x": "2"}
    assert warned.headers["warning"] == '299 - "duplicate field \\"data.x\\""'


async def test_keys_that_yaml_repeats_are_told_or_refused_too(client: Client) -> None:
    body = b"metadata: {name: a}\ndata:\n  x: '1'\n  x: '2'\n"
    kind = {"content-type": "application/yaml"}
    strict = await client.call("POST", f"{CONFIGMAPS}?fieldValidation=Strict", body, kind)
    assert strict.message == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        'yaml: unmarshal errors:\n  line 4: key "x" already set in map'
    )
    warned = await client.call("POST", CONFIGMAPS, body, kind)
    assert warned.headers["warning"] == ('299 - "line 4: key \\"x\\" already set in map"')
    ignored = await client.call("POST", f"{CONFIGMAPS}?fieldValidation=Ignore&dryRun=All",
                                body.replace(b"name: a", b"name: b"), kind)  # fmt: skip
    assert (ignored.code, "warning" in ignored.headers) == (201, False)
