"""Every example is read by the structs and does what it says."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from tests.support.build import (
    from_all,
    listener,
    make_gateway,
    make_gateway_class,
    make_objects,
    make_pod,
)

from kthena_router.api.gateway import Gateway
from kthena_router.api.meta import Object
from kthena_router.api.networking import ModelRoute, ModelServer
from kthena_router.routing.model_routes import RouteRequest
from kthena_router.routing.snapshot import RoutingOptions, Snapshot, compile_snapshot

FOLDER = Path(__file__).parent.parent.parent / "examples" / "kthena-router"
STRUCTS: dict[str, type[Object]] = {
    "Gateway": Gateway,
    "ModelRoute": ModelRoute,
    "ModelServer": ModelServer,
}


def documents() -> list[dict[str, Any]]:
    return [
        one
        for path in sorted(FOLDER.glob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
    ]


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    found = [
        msgspec.convert(one, STRUCTS[one["kind"]]) for one in documents() if one["kind"] in STRUCTS
    ]
    pods = [
        make_pod(one["metadata"]["name"], labels=one["spec"]["template"]["metadata"]["labels"])
        for one in documents()
        if one["kind"] == "Deployment"
    ]
    gateway = make_gateway(namespace="kthena-system", listeners=[listener("default", **from_all())])
    objects = make_objects(make_gateway_class(), gateway, *found, *pods)
    return compile_snapshot(objects, RoutingOptions(gateway_api=True, default_port=8080))


@pytest.mark.parametrize(
    ("port", "model", "headers", "server"),
    [
        (8080, "deepseek-r1", {}, "deepseek-r1-1-5b"),
        (8081, "deepseek-r1", {}, "deepseek-r1-7b"),
        (8080, "deepseek-simple", {}, "deepseek-r1-1-5b"),
        (8080, "deepseek-multi-models", {"user-type": "premium"}, "deepseek-r1-7b"),
        (8080, "deepseek-multi-models", {}, "deepseek-r1-1-5b"),
        (8080, "lora-A", {}, "deepseek-r1-7b"),
    ],
)
def test_examples_route_as_they_say(
    snapshot: Snapshot, port: int, model: str, headers: dict[str, str], server: str
) -> None:
    through = snapshot.match_listener(port, "localhost")

    found = snapshot.route(through, RouteRequest(model, "/v1/completions", headers), lambda: 0.0)

    assert server == found.backend.key.name
    assert 1 == len(found.backend.endpoints)
