"""The CRDs that come with the sandbox, as they are."""

from importlib import resources
from typing import Any

import pytest
import yaml

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import structural
from kthena_sandbox.schema.crd import resource_types, validate_crd

Document = dict[str, Any]
FOLDER = resources.files("kthena_sandbox") / "crds"
PUBLISHED = (
    "gateway.networking.k8s.io_backendtlspolicies", "gateway.networking.k8s.io_gatewayclasses",
    "gateway.networking.k8s.io_gateways", "gateway.networking.k8s.io_httproutes",
    "gateway.networking.k8s.io_listenersets", "gateway.networking.k8s.io_referencegrants",
    "inference.networking.k8s.io_inferencepools",
)  # fmt: skip


def read(name: str) -> Document:
    document: Document = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return document


def of(name: str) -> ResourceType:
    return resource_types(read(name))[0]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_definition_can_be_served(name: str) -> None:
    definition = read(name)
    assert validate_crd(definition) == []
    annotations = definition["metadata"]["annotations"]
    group = definition["spec"]["group"]
    expected = "v1.6.0" if group.startswith("inference") else "v1.6.1"
    assert annotations[f"{group}/bundle-version"] == expected
    assert "description: " not in yaml.safe_dump(without_properties(definition))


def without_properties(value: Any) -> Any:
    """Keywords only: a property may well be called `description`."""
    if isinstance(value, dict):
        return {key: (list(map(without_properties, entry.values())) if key == "properties"
                      else without_properties(entry)) for key, entry in value.items()}  # fmt: skip
    return [without_properties(entry) for entry in value] if isinstance(value, list) else value


GATEWAY = of("gateway.networking.k8s.io_gateways")


def gateway(*listeners: Document) -> Document:
    return {"spec": {"gatewayClassName": "c", "listeners": list(listeners)}}


def test_gateways_have_the_columns_of_the_guide() -> None:
    assert [column.name for column in GATEWAY.printer_columns] == [
        "Class",
        "Address",
        "Programmed",
        "Age",
    ]
    assert GATEWAY.short_names == ("gtw",)


def test_a_listener_gets_its_defaults() -> None:
    assert GATEWAY.schema is not None
    given = gateway({"name": "http", "port": 80, "protocol": "HTTP"})
    (listener,) = structural.default(given, GATEWAY.schema)["spec"]["listeners"]
    assert listener["allowedRoutes"] == {"namespaces": {"from": "Same"}}
    assert structural.validate(given, GATEWAY.schema) == []


UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was "
    "invalid; correct the existing errors to complete validation"
)
HTTP = {"name": "a", "port": 1, "protocol": "HTTP"}
EITHER = (
    'spec.rules[0].targetModels[0]: Invalid value: "object": exactly one of modelServerName '
    "or externalModelProviderName must be set"
)
NAMELESS = 'spec: Invalid value: "object": ModelName and LoraAdapters cannot both be empty'
ABSOLUTE = (
    "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']"
)
CHARACTERS = (
    "must only contain valid characters (matching ^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$) "
    "for types ['Exact', 'PathPrefix']"
)


@pytest.mark.parametrize(
    ("listeners", "messages"),
    [
        ([HTTP | {"port": 0}],
         [("spec.listeners[0].port: Invalid value: 0: "
           "spec.listeners[0].port in body should be greater than or equal to 1")]),
        ([{"name": "a", "port": 1}], ["spec.listeners[0].protocol: Required value", UNCHECKED]),
        ([], ["spec.listeners: Invalid value: 0: spec.listeners in body should have at least 1 items"]),
        ([HTTP, HTTP | {"port": 2}],
         ['spec.listeners[1]: Duplicate value: {"name":"a"}',
          'spec.listeners: Invalid value: "array": Listener name must be unique within the Gateway']),
        ([HTTP, HTTP | {"name": "b"}],
         [('spec.listeners: Invalid value: "array": Combination of port, protocol and hostname must '
           "be unique for each listener")]),
        ([HTTP | {"tls": {"mode": "Terminate", "certificateRefs": [{"name": "c"}]}}],
         [('spec.listeners: Invalid value: "array": tls must not be specified for protocols '
           "['HTTP', 'TCP', 'UDP']")]),
        ([HTTP | {"protocol": "HTTPS", "tls": {"mode": "Terminate"}}],
         [('spec.listeners[0].tls: Invalid value: "object": no such key: certificateRefs evaluating '
           "rule: certificateRefs or options must be specified when mode is Terminate")]),
        ([HTTP | {"allowedRoutes": {"namespaces": {"from": "Moon"}}}],
         [('spec.listeners[0].allowedRoutes.namespaces.from: Unsupported value: "Moon": '
           'supported values: "All", "Selector", "Same"'), UNCHECKED]),
        ([HTTP, HTTP | {"name": "b", "hostname": "a.example"},
          {"name": "c", "port": 1, "protocol": "TLS", "tls": {"mode": "Passthrough"}}], []),
    ],
)  # fmt: skip
def test_gateways_that_people_get_wrong(listeners: list[Document], messages: list[str]) -> None:
    assert GATEWAY.schema is not None
    whole = structural.default(gateway(*listeners), GATEWAY.schema)
    found = structural.validate(whole, GATEWAY.schema)
    assert [error.message for error in found] == messages


def model_route(target: Document | None = None, **spec: object) -> Document:
    rules = [{"targetModels": [target or {"modelServerName": "s"}]}]
    return {"spec": {"modelName": "m", "rules": rules} | spec}


@pytest.mark.parametrize(
    ("route", "old", "messages"),
    [
        (model_route(), None, []),
        (model_route(), model_route(), []),
        (model_route(loraAdapters=["a"]), model_route(), []),
        ({"spec": {"loraAdapters": ["a"], "rules": []}}, None, []),
        ({"spec": {"rules": []}}, None, [NAMELESS]),
        (model_route(modelName="", loraAdapters=[]), None, [NAMELESS]),
        (model_route(modelName="other"), model_route(),
         ['spec.modelName: Invalid value: "string": modelName is immutable']),
        (model_route({"weight": 1}), None, [EITHER]),
        (model_route({"modelServerName": "a", "externalModelProviderName": "b"}), None, [EITHER]),
        (model_route({"weight": 1}) | {"status": {"observedGeneration": 1}},
         model_route({"weight": 1}), []),
    ],
)  # fmt: skip
def test_the_rules_of_model_routes(
    route: Document, old: Document | None, messages: list[str]
) -> None:
    schema = of("networking.serving.volcano.sh_modelroutes").schema
    assert schema is not None
    assert [error.message for error in structural.validate(route, schema, old)] == messages


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("Exact", "/a", ""),
        ("PathPrefix", "a", ABSOLUTE),
        ("Exact", "/a//b", "must not contain '//' when type one of ['Exact', 'PathPrefix']"),
        ("Exact", "/a b", CHARACTERS),
        ("RegularExpression", "a b", ""),
    ],
)
def test_the_rules_of_paths_in_http_routes(kind: str, value: str, message: str) -> None:
    schema = of("gateway.networking.k8s.io_httproutes").schema
    assert schema is not None
    path = {"type": kind, "value": value}
    route = {"spec": {"rules": [{"matches": [{"path": path}]}]}}
    expected = f'spec.rules[0].matches[0].path: Invalid value: "object": {message}'
    found = structural.validate(route, schema)
    assert [error.message for error in found] == ([expected] if message else [])


def test_durations_in_http_routes() -> None:
    schema = of("gateway.networking.k8s.io_httproutes").schema

    def wrong(**timeouts: str) -> list[str]:
        assert schema is not None
        whole = structural.default({"spec": {"rules": [{"timeouts": timeouts}]}}, schema)
        found = structural.validate(whole, schema)
        return [error.path for error in found]

    assert wrong(request="1s", backendRequest="900ms") == []
    assert wrong(request="0s", backendRequest="1h") == []
    assert wrong(request="1s", backendRequest="1m") == ["spec.rules[0].timeouts"]


def test_a_route_gets_its_defaults() -> None:
    route = of("gateway.networking.k8s.io_httproutes")
    assert route.schema is not None
    given = {
        "spec": {
            "rules": [{"backendRefs": [{"name": "s", "port": 80}]}],
            "parentRefs": [{"name": "g"}],
        }
    }
    spec = structural.default(given, route.schema)["spec"]
    assert spec["parentRefs"] == [
        {"name": "g", "group": "gateway.networking.k8s.io", "kind": "Gateway"}
    ]
    (rule,) = spec["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule["backendRefs"] == [
        {"name": "s", "port": 80, "group": "", "kind": "Service", "weight": 1}
    ]
