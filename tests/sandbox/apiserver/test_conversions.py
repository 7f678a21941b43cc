"""Definitions whose versions a webhook converts: a real TLS server, and what clients see in each version."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import CRDS, Client
from tests.sandbox.apiserver.tls_server import BUNDLE, serving

from kthena_sandbox.httpd.exchange import Exchange

Document = dict[str, Any]
V1 = "/apis/example.com/v1/namespaces/default/widgets"
V2 = V1.replace("/v1/", "/v2/")
NAME = "widgets.example.com"


@dataclass
class Converter:
    """`spec.size` of v1 is `spec.width` of v2. `change` spoils an answer."""

    port: int = 0
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    change: Document = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    spoil: Document = field(default_factory=dict)

    async def handle(self, exchange: Exchange) -> None:
        request = json.loads(exchange.request.body)["request"]
        version = request["desiredAPIVersion"]
        self.asked.append((version, [one["metadata"]["name"] for one in request["objects"]]))
        converted = [self._converted(one, version) for one in request["objects"]]
        response = {"uid": request["uid"], "result": {"status": "Success"}}
        response |= {"convertedObjects": converted} | self.change
        kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}
        await exchange.respond_json(200, kind | {"response": response})

    def _converted(self, one: Document, version: str) -> Document:
        assert "resourceVersion" not in one["metadata"]
        old, new = ("size", "width") if version.endswith("v2") else ("width", "size")
        spec = {new if name == old else name: value for name, value in one["spec"].items()}
        metadata = one["metadata"] | ({"labels": self.labels} if self.labels else {}) | self.spoil
        return one | {"apiVersion": version, "spec": spec, "metadata": metadata}


def _version(name: str, size: str, *, storage: bool) -> Document:
    spec = {"type": "object", "properties": {size: {"type": "integer"}}}
    schema = {"type": "object", "properties": {"spec": spec}}
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}}


def _definition(conversion: Document | None) -> Document:
    versions = [_version("v1", "size", storage=True), _version("v2", "width", storage=False)]
    spec: Document = {"group": "example.com", "scope": "Namespaced", "versions": versions,
                      "names": {"plural": "widgets", "kind": "Widget"}}  # fmt: skip
    return {"metadata": {"name": NAME}, "spec": spec | {"conversion": conversion}}


def _webhook(**client_config: Any) -> Document:
    return {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
            "clientConfig": client_config}}  # fmt: skip


def _widget(version: str, name: str, **spec: Any) -> Document:
    return {"apiVersion": f"example.com/{version}", "kind": "Widget", "metadata": {"name": name},
            "spec": spec}  # fmt: skip


@asynccontextmanager
async def _converting(client: Client) -> AsyncIterator[Converter]:
    converter = Converter()
    async with serving(converter.handle) as converter.port:
        where = {"url": f"https://127.0.0.1:{converter.port}/convert", "caBundle": BUNDLE}
        created = await client.post(CRDS, _definition(_webhook(**where)))
        assert created.code == 201, created.body
        yield converter


async def test_an_object_in_both_versions(client: Client) -> None:
    async with _converting(client) as converter:
        assert (await client.post(V1, _widget("v1", "a", size=1))).code == 201
        assert converter.asked == []
        made = (await client.post(V2, _widget("v2", "b", width=2))).document
        assert made["spec"] == {"width": 2}
        assert (await client.get(f"{V1}/b")).document["spec"] == {"size": 2}
        seen = (await client.get(f"{V2}/a")).document
        assert (seen["apiVersion"], seen["spec"]) == ("example.com/v2", {"width": 1})
        patched = await client.patch(f"{V2}/a", {"spec": {"width": 3}})
        assert patched.document["spec"] == {"width": 3}
        assert (await client.get(f"{V1}/a")).document["spec"] == {"size": 3}
        assert (await client.delete(f"{V2}/b")).code == 200
        assert (await client.get(f"{V2}/b")).code == 404
        generated = _widget("v2", "", width=4)
        generated["metadata"] = {"generateName": "g-"}
        assert (await client.post(V2, generated)).document["spec"] == {"width": 4}


async def test_a_list_asks_once_for_all(client: Client) -> None:
    async with _converting(client) as converter:
        for name in ("a", "b", "c"):
            await client.post(V1, _widget("v1", name, size=1))
        listed = (await client.get(V2)).document["items"]
        assert [item["spec"] for item in listed] == [{"width": 1}] * 3
        assert converter.asked == [("example.com/v2", ["a", "b", "c"])]


async def test_a_converter_is_asked_anew_after_some_seconds(client: Client) -> None:
    async with _converting(client) as converter:
        await client.post(V1, _widget("v1", "a", size=1))
        for _ in range(2):
            assert (await client.get(f"{V2}/a")).code == 200
        assert len(converter.asked) == 1
        client.clock.advance(10)
        assert (await client.get(f"{V2}/a")).code == 200
        assert len(converter.asked) == 2


async def test_watches_see_their_version(client: Client) -> None:
    async with _converting(client):
        await client.post(V1, _widget("v1", "a", size=1))
        async with client.watch(f"{V2}?watch=true") as stream:
            assert (await stream.next())["object"]["spec"] == {"width": 1}
            await client.post(V1, _widget("v1", "b", size=2))
            added = await stream.next()
            assert (added["type"], added["object"]["spec"]) == ("ADDED", {"width": 2})
            await client.delete(f"{V1}/a")
            deleted = await stream.next()
            assert (deleted["type"], deleted["object"]["spec"]) == ("DELETED", {"width": 1})


async def test_a_converter_may_change_labels(client: Client) -> None:
    async with _converting(client) as converter:
        created = (await client.post(V1, _widget("v1", "a", size=1))).document
        converter.labels = {"converted": "yes"}
        seen = (await client.get(f"{V2}/a")).document["metadata"]
        assert seen == created["metadata"] | {"labels": {"converted": "yes"}}


@pytest.mark.parametrize(
    ("change", "spoil", "why"),
    [
        ({"result": {"status": "Failed", "message": "cannot do it"}}, {}, "failed: cannot do it"),
        ({"convertedObjects": []}, {}, "returned 0 objects, expected 1"),
        ({}, {"name": "other"}, "returned invalid object: must have the same name: a != other"),
        ({"convertedObjects": [{"apiVersion": "example.com/v9"}]}, {},
         ("returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received "
         "example.com/v9)")),
    ],
)  # fmt: skip
async def test_a_converter_that_does_not_do_it(
    client: Client, change: Document, spoil: Document, why: str
) -> None:
    async with _converting(client) as converter:
        await client.post(V1, _widget("v1", "a", size=1))
        converter.change, converter.spoil = change, spoil
        refused = await client.get(f"{V2}/a")
        said = f"conversion webhook for example.com/v1, Kind=Widget {why}"
        assert (refused.code, refused.message) == (500, said)
        async with client.watch(f"{V2}?watch=true") as stream:
            event = await stream.next()
            assert (event["type"], event["object"]["message"]) == ("ERROR", said)
        assert (await client.get(f"{V1}/a")).code == 200


async def test_a_definition_goes_without_its_converter(client: Client) -> None:
    async with _converting(client):
        await client.post(V1, _widget("v1", "a", size=1))
    refused = await client.get(f"{V2}/a")
    assert refused.message.startswith(
        'conversion webhook for example.com/v1, Kind=Widget failed: Post "https://127.0.0.1:'
    )
    assert (await client.delete(f"{CRDS}/{NAME}")).code == 200
    assert (await client.get(f"{CRDS}/{NAME}")).code == 404


URL = {"url": "https://127.0.0.1/"}
CONFIG, VERSIONS = "spec.conversion.webhookClientConfig", "spec.conversion.conversionReviewVersions"
UNUSED = "Forbidden: should not be set when strategy is not set to Webhook"


@pytest.mark.parametrize(
    ("conversion", "causes"),
    [
        ({}, ["spec.conversion.strategy: Required value"]),
        ({"strategy": "Foo"},
         ['spec.conversion.strategy: Unsupported value: "Foo": supported values: "None", "Webhook"']),
        (_webhook(**URL) | {"strategy": "None"}, [f"{CONFIG}: {UNUSED}", f"{VERSIONS}: {UNUSED}"]),
        ({"strategy": "Webhook"},
         [f"{CONFIG}: Required value: required when strategy is set to Webhook", f"{VERSIONS}: Required value"]),
        ({"strategy": "Webhook", "webhook": {"clientConfig": URL, "conversionReviewVersions": ["v9"]}},
         [f'{VERSIONS}: Invalid value: ["v9"]: must include at least one of v1, v1beta1']),
        (_webhook(**URL, service={"name": "a", "namespace": "b"}),
         [f"{CONFIG}: Required value: exactly one of url or service is required"]),
        (_webhook(url="http://a/"),
         [(f"{CONFIG}.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: "
          "https://host[/path]")]),
    ],
)  # fmt: skip
async def test_conversions_that_cannot_be(
    client: Client, conversion: Document, causes: list[str]
) -> None:
    refused = await client.post(CRDS, _definition(conversion))
    assert refused.code == 422
    listed = refused.document["details"]["causes"]
    assert [f"{cause['field']}: {cause['message']}" for cause in listed] == causes


async def test_the_usual_port_of_a_service(client: Client) -> None:
    conversion = _webhook(service={"name": "a", "namespace": "b"})
    created = (await client.post(CRDS, _definition(conversion))).document
    config = created["spec"]["conversion"]["webhook"]["clientConfig"]
    assert config == {"service": {"name": "a", "namespace": "b", "port": 443}}
