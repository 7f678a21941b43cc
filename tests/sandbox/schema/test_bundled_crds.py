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


@pytest.mark.parametrize(
    ("listeners", "message"),
    [
        ([{"name": "a", "port": 0, "protocol": "HTTP"}],
         ("spec.listeners[0].port: Invalid value: 0: "
         "spec.listeners[0].port in body should be greater than or equal to 1")),
        ([{"name": "a", "port": 1}], "spec.listeners[0].protocol: Required value"),
        ([], "spec.listeners: Invalid value: 0: spec.listeners in body should have at least 1 items"),
        ([{"name": "a", "port": 1, "protocol": "HTTP"}, {"name": "a", "port": 2, "protocol": "HTTP"}],
         'spec.listeners[1]: Duplicate value: map[string]interface {}{"name":"a"}'),
        ([{"name": "a", "port": 1, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Moon"}}}],
         ('spec.listeners[0].allowedRoutes.namespaces.from: Unsupported value: "Moon": '
         'supported values: "All", "Selector", "Same"')),
    ],
)  # fmt: skip
def test_gateways_that_people_get_wrong(listeners: list[Document], message: str) -> None:
    assert GATEWAY.schema is not None
    found = structural.validate(gateway(*listeners), GATEWAY.schema)
    assert [error.message for error in found] == [message]


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
