from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.generate_crds import FOLDERS, render

from kthena_sandbox.schema.crdrules import validate_crd

ROUTE, SERVER = (yaml.safe_load(text) for text in render().values())
TEXT, TEXTS, NUMBER = {"type": "string"}, {"type": "array"}, {"type": "integer", "format": "int32"}
OBJECT, LABELS = {"type": "object"}, {"type": "object"}
DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
NAME = TEXT | {"minLength": 1, "maxLength": 253}
EITHER = (
    "(has(self.modelServerName) && self.modelServerName != '') != "
    "(has(self.externalModelProviderName) && self.externalModelProviderName != '')"
)
NAMES_SOMETHING = (
    "(has(self.modelName) && self.modelName != '') || "
    "(has(self.loraAdapters) && size(self.loraAdapters) > 0)"
)
REFERENCE = {
    "": OBJECT | {"required": ["name"]},
    ".group": TEXT | {"default": "gateway.networking.k8s.io", "maxLength": 253,
                      "pattern": "^$|" + DNS_SUBDOMAIN},
    ".kind": TEXT | {"default": "Gateway", "minLength": 1, "maxLength": 63,
                     "pattern": "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$"},
    ".name": NAME,
    ".namespace": TEXT | {"minLength": 1, "maxLength": 63, "pattern": DNS_LABEL},
    ".sectionName": NAME | {"pattern": DNS_SUBDOMAIN},
    ".port": NUMBER | {"minimum": 1, "maximum": 65535},
}  # fmt: skip


def texts(path: str) -> dict[str, Any]:
    return {path: OBJECT, f"{path}.exact": TEXT, f"{path}.prefix": TEXT, f"{path}.regex": TEXT}


ROUTE_SPEC = {
    "spec": OBJECT | {"required": ["rules"], "rules": [NAMES_SOMETHING]},
    "spec.modelName": TEXT | {"maxLength": 1024, "rules": ["self == oldSelf"]},
    "spec.loraAdapters": TEXTS | {"maxItems": 10},
    "spec.loraAdapters[]": TEXT,
    "spec.parentRefs": TEXTS,
    **{f"spec.parentRefs[]{path}": entry for path, entry in REFERENCE.items()},
    "spec.rules": TEXTS | {"maxItems": 16},
    "spec.rules[]": OBJECT | {"required": ["targetModels"]},
    "spec.rules[].name": TEXT,
    "spec.rules[].modelMatch": OBJECT,
    "spec.rules[].modelMatch.headers": OBJECT,
    **texts("spec.rules[].modelMatch.headers{}"),
    **texts("spec.rules[].modelMatch.uri"),
    "spec.rules[].modelMatch.body": OBJECT,
    "spec.rules[].modelMatch.body.model": TEXT,
    "spec.rules[].targetModels": TEXTS | {"minItems": 1, "maxItems": 16},
    "spec.rules[].targetModels[]": OBJECT | {"rules": [EITHER]},
    "spec.rules[].targetModels[].modelServerName": TEXT | {"maxLength": 253},
    "spec.rules[].targetModels[].externalModelProviderName": TEXT | {"maxLength": 253},
    "spec.rules[].targetModels[].weight": NUMBER | {"default": 100, "minimum": 0, "maximum": 100},
    "spec.rateLimit": OBJECT | {"required": ["unit"]},
    "spec.rateLimit.unit": TEXT | {"default": "second",
                                   "enum": ["second", "minute", "hour", "day", "month"]},
    "spec.rateLimit.inputTokensPerUnit": NUMBER | {"minimum": 1},
    "spec.rateLimit.outputTokensPerUnit": NUMBER | {"minimum": 1},
    "spec.rateLimit.global": OBJECT,
    "spec.rateLimit.global.redis": OBJECT | {"required": ["address"]},
    "spec.rateLimit.global.redis.address": TEXT,
}  # fmt: skip
SERVER_SPEC = {
    "spec": OBJECT | {"required": ["inferenceEngine", "workloadPort", "workloadSelector"]},
    "spec.inferenceEngine": TEXT | {"enum": ["vLLM", "SGLang"]},
    "spec.model": TEXT | {"maxLength": 256},
    "spec.workloadPort": OBJECT | {"required": ["port"]},
    "spec.workloadPort.port": NUMBER | {"minimum": 1, "maximum": 65535},
    "spec.workloadPort.protocol": TEXT | {"default": "http", "enum": ["http", "https"]},
    "spec.workloadSelector": OBJECT,
    "spec.workloadSelector.matchLabels": LABELS,
    "spec.workloadSelector.matchLabels{}": TEXT,
    "spec.workloadSelector.pdGroup": OBJECT | {"required": ["groupKey", "prefillLabels", "decodeLabels"]},
    "spec.workloadSelector.pdGroup.groupKey": TEXT,
    "spec.workloadSelector.pdGroup.prefillLabels": LABELS,
    "spec.workloadSelector.pdGroup.prefillLabels{}": TEXT,
    "spec.workloadSelector.pdGroup.decodeLabels": LABELS,
    "spec.workloadSelector.pdGroup.decodeLabels{}": TEXT,
    "spec.trafficPolicy": OBJECT,
    "spec.trafficPolicy.timeout": TEXT,
    "spec.trafficPolicy.retry": OBJECT,
    "spec.trafficPolicy.retry.attempts": NUMBER,
    "spec.trafficPolicy.retry.retryInterval": TEXT | {"default": "100ms"},
    "spec.kvConnector": OBJECT,
    "spec.kvConnector.type": TEXT | {"default": "http", "enum": ["http", "lmcache", "nixl", "mooncake"]},
}  # fmt: skip


def root_of(definition: dict[str, Any]) -> dict[str, Any]:
    (version,) = definition["spec"]["versions"]
    root: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return root


def walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema below, with its path."""
    yield path, schema
    for name, entry in schema.get("properties", {}).items():
        yield from walk(entry, f"{path}.{name}" if path else name)
    for mark, word in (("[]", "items"), ("{}", "additionalProperties")):
        if word in schema:
            yield from walk(schema[word], path + mark)


def essence(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema demands, without its children and its prose."""
    left_out = {"properties", "items", "additionalProperties", "description"}
    kept = {name: value for name, value in schema.items() if name not in left_out}
    rules = [entry["rule"] for entry in kept.pop("x-kubernetes-validations", [])]
    return kept | ({"rules": rules} if rules else {})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_definitions_are_those_that_the_structs_make(folder: Path) -> None:
    for name, text in render().items():
        assert text == (folder / name).read_text(), "run `make generate`"


@pytest.mark.parametrize(("definition", "expected"), [(ROUTE, ROUTE_SPEC), (SERVER, SERVER_SPEC)])
def test_every_field_with_its_default_and_limits(
    definition: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = {path: essence(schema) for path, schema in walk(root_of(definition), "")}

    assert expected == {path: entry for path, entry in found.items() if path.startswith("spec")}
    assert found[""] == OBJECT | ({"required": ["spec"]} if definition is ROUTE else {})


@pytest.mark.parametrize("definition", [ROUTE, SERVER])
def test_every_field_is_explained(definition: dict[str, Any]) -> None:
    for path, schema in walk(root_of(definition), ""):
        # An API server knows metadata, and refuses whatever else is said of it.
        assert schema == {"type": "object"} if path == "metadata" else schema["description"], path


@pytest.mark.parametrize("definition", [ROUTE, SERVER])
def test_an_api_server_accepts_the_definition(definition: dict[str, Any]) -> None:
    assert validate_crd(definition) == []
    for path, schema in walk(root_of(definition), ""):
        if keys := schema.get("x-kubernetes-list-map-keys"):
            assert set(keys) <= set(schema["items"]["required"]), path


def test_what_rules_look_at_is_bounded_so_that_their_cost_is() -> None:
    found = dict(walk(root_of(ROUTE), ""))
    bounded = ("spec.modelName", "spec.rules[].targetModels[].modelServerName",
               "spec.rules[].targetModels[].externalModelProviderName")  # fmt: skip

    assert all("maxLength" in found[path] for path in bounded)
    assert all("maxItems" in found[path] for path in ("spec.loraAdapters", "spec.rules"))


@pytest.mark.parametrize(
    ("definition", "columns"),
    [
        (ROUTE, ["Model", "Accepted", "Age", "Reason+", "Adapters+"]),
        (SERVER, ["Engine", "Port", "Protocol", "Ready", "Age", "Model+"]),
    ],
)
def test_columns(definition: dict[str, Any], columns: list[str]) -> None:
    (version,) = definition["spec"]["versions"]

    assert columns == [
        entry["name"] + ("+" if entry.get("priority") else "")
        for entry in version["additionalPrinterColumns"]
    ]


@pytest.mark.parametrize("definition", [ROUTE, SERVER])
def test_names_and_versions(definition: dict[str, Any]) -> None:
    spec = definition["spec"]
    (version,) = spec["versions"]

    assert ("networking.serving.volcano.sh", "Namespaced") == (spec["group"], spec["scope"])
    assert {"kind", "listKind", "plural", "singular"} == set(spec["names"])
    assert ("v1alpha1", True, True, {"status": {}}) == tuple(
        version[name] for name in ("name", "served", "storage", "subresources")
    )
