"""Kubernetes objects for tests: keywords in, structs out."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kthena_router.api.core import Namespace, Pod
from kthena_router.api.gateway import Gateway, GatewayClass
from kthena_router.api.meta import Object
from kthena_router.api.networking import ModelRoute, ModelServer
from kthena_router.routing.snapshot import Objects
from kthena_router.settings import CONTROLLER_NAME

CREATED = "2026-01-01T00:00:00Z"


def metadata(name: str, namespace: str = "default", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": CREATED,
        **fields,
    }


def make_gateway_class(
    name: str = "kthena-router", controller: str = CONTROLLER_NAME
) -> GatewayClass:
    body = {"metadata": metadata(name, ""), "spec": {"controllerName": controller}}
    return msgspec.convert(body, GatewayClass)


def listener(name: str = "http", port: int = 8080, **fields: Any) -> dict[str, Any]:
    return {"name": name, "port": port, "protocol": "HTTP", **fields}


def from_all(**fields: Any) -> dict[str, Any]:
    return {"allowedRoutes": {"namespaces": {"from": "All"}}, **fields}


def make_gateway(
    name: str = "default",
    namespace: str = "default",
    *,
    listeners: Iterable[Mapping[str, Any]] = (),
    gateway_class: str = "kthena-router",
    created: str = CREATED,
    **spec: Any,
) -> Gateway:
    body = {
        "metadata": metadata(name, namespace, creationTimestamp=created),
        "spec": {
            "gatewayClassName": gateway_class,
            "listeners": list(listeners) or [listener()],
            **spec,
        },
    }
    return msgspec.convert(body, Gateway)


def make_model_server(
    name: str = "server",
    namespace: str = "default",
    *,
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> ModelServer:
    body = {
        "metadata": metadata(name, namespace),
        "spec": {
            "inferenceEngine": "vLLM",
            "workloadSelector": {
                "matchLabels": dict(labels if labels is not None else {"app": name})
            },
            "workloadPort": {"port": 8000},
            **spec,
        },
    }
    return msgspec.convert(body, ModelServer)


def make_pod(
    name: str = "pod",
    namespace: str = "default",
    *,
    labels: Mapping[str, str] | None = None,
    address: str = "127.1.0.1",
    ready: bool = True,
    **fields: Any,
) -> Pod:
    body = {
        "metadata": metadata(name, namespace, labels=dict(labels or {}), **fields),
        "status": {
            "phase": "Running",
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }
    return msgspec.convert(body, Pod)


def target(name: str = "server", **fields: Any) -> dict[str, Any]:
    return {"modelServerName": name, **fields}


def make_model_route(
    name: str = "route",
    namespace: str = "default",
    *,
    model: str = "m",
    rules: Iterable[Mapping[str, Any]] = (),
    parents: Iterable[Mapping[str, Any]] = (),
    created: str = CREATED,
    **spec: Any,
) -> ModelRoute:
    body = {
        "metadata": metadata(name, namespace, creationTimestamp=created),
        "spec": {
            "modelName": model,
            "rules": list(rules) or [{"targetModels": [target()]}],
            "parentRefs": list(parents),
            **spec,
        },
    }
    return msgspec.convert(body, ModelRoute)


def make_namespace(name: str = "default", **labels: str) -> Namespace:
    return msgspec.convert({"metadata": metadata(name, "", labels=labels)}, Namespace)


def make_objects(*objects: Object) -> Objects:
    """Sort *objects* into the tables."""

    def of(kind: type[Any]) -> dict[Any, Any]:
        return {one.key: one for one in objects if isinstance(one, kind)}

    return Objects(
        gateway_classes=of(GatewayClass),
        gateways=of(Gateway),
        model_routes=of(ModelRoute),
        model_servers=of(ModelServer),
        pods=of(Pod),
        namespaces=of(Namespace),
    )
