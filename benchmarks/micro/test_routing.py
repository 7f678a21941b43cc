"""Choosing an endpoint, in the configuration of the harness: 200 Gateways, their ModelRoutes, 100 endpoints."""

import random
from typing import Any

import msgspec
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.peers.ours import ENDPOINTS, GATEWAYS, manifests
from kthena_router.api.core import Pod
from kthena_router.api.gateway import Gateway, GatewayClass
from kthena_router.api.networking import ModelRoute, ModelServer
from kthena_router.routing.endpoint import Endpoint
from kthena_router.routing.model_routes import RouteRequest
from kthena_router.routing.snapshot import Objects, RoutingOptions, compile_snapshot
from kthena_router.scheduling.scheduler import Candidates, InferenceRequest, LeastInFlight
from kthena_router.settings import CONTROLLER_NAME

FIRST_PORT = 20000
OPTIONS = RoutingOptions(gateway_api=True, default_port=8080)
REQUEST = RouteRequest("bench", "/v1/chat/completions", {"content-type": "application/json"})
STRUCTS = {"Gateway": Gateway, "ModelRoute": ModelRoute, "ModelServer": ModelServer, "Pod": Pod}


def _objects() -> Objects:
    addresses = [f"127.77.0.{number + 1}" for number in range(ENDPOINTS)]
    tables: dict[str, dict[Any, Any]] = {kind: {} for kind in STRUCTS}
    for number, document in enumerate(manifests(addresses, 8000, FIRST_PORT)["items"]):
        kind = document["kind"]
        document["metadata"] |= {"uid": str(number), "creationTimestamp": "2026-01-01T00:00:00Z"}
        if kind == "Pod":
            address = document["metadata"]["annotations"]["sandbox.kthena.io/address"]
            ready = [{"type": "Ready", "status": "True"}]
            document["status"] = {"phase": "Running", "podIP": address, "conditions": ready}
        decoded = msgspec.convert(document, STRUCTS[kind])
        tables[kind][decoded.key] = decoded
    ours = {
        "metadata": {"name": "kthena-router", "uid": "class"},
        "spec": {"controllerName": CONTROLLER_NAME},
    }
    gateway_class = msgspec.convert(ours, GatewayClass)
    return Objects(
        gateway_classes={gateway_class.key: gateway_class},
        gateways=tables["Gateway"],
        model_routes=tables["ModelRoute"],
        model_servers=tables["ModelServer"],
        pods=tables["Pod"],
    )


def test_the_whole_configuration_is_compiled(benchmark: BenchmarkFixture) -> None:
    snapshot = benchmark(compile_snapshot, _objects(), OPTIONS)

    assert len(snapshot.endpoints) == ENDPOINTS
    assert len(snapshot.ports) >= GATEWAYS


def test_a_listener_is_found_and_a_route_chosen(benchmark: BenchmarkFixture) -> None:
    snapshot = compile_snapshot(_objects(), OPTIONS)

    def choose() -> str:
        listener = snapshot.match_listener(FIRST_PORT + 100, "127.0.0.1:20100")
        return snapshot.route(listener, REQUEST, random.random).upstream_model

    assert benchmark(choose) == "bench"


def test_endpoints_are_ordered_by_load(benchmark: BenchmarkFixture) -> None:
    snapshot = compile_snapshot(_objects(), OPTIONS)
    candidates = Candidates(snapshot.endpoints, {one.key: 1 for one in snapshot.endpoints[::3]})
    wanted = InferenceRequest("bench")

    def choose() -> Endpoint:
        return next(LeastInFlight().order(candidates, wanted, random.random))

    assert benchmark(choose) in snapshot.endpoints
