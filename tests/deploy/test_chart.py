"""The chart's parts fit each other, the router and the kustomization, as far as that can be seen without Helm."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kthena_router import __version__
from kthena_router.cli.build import check_flags
from kthena_router.cli.flags import FLAGS, parse_flags
from kthena_router.settings import parse_duration
from kthena_sandbox.schema.structural import validate

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
CHART = DEPLOY / "charts" / "kthena-router"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
FILES = {
    ".helmignore",
    "Chart.yaml",
    "README.md",
    "crds/networking.serving.volcano.sh_modelroutes.yaml",
    "crds/networking.serving.volcano.sh_modelservers.yaml",
    "templates/NOTES.txt",
    "templates/_helpers.tpl",
    "templates/deployment.yaml",
    "templates/poddisruptionbudget.yaml",
    "templates/rbac.yaml",
    "templates/services.yaml",
    "values.schema.json",
    "values.yaml",
}
# The rest has a value of its own, or steers what the chart does not bring.
PASSED_ON = {
    "bind-address", "gateway-address", "model-route-allowed-routes", "shutdown-delay", "connect-timeout",
    "idle-timeout", "stall-timeout", "max-request-body", "http1", "max-request-line", "max-header-bytes",
    "max-headers", "header-timeout", "body-timeout", "keep-alive-timeout", "max-requests-per-connection",
    "max-connections", "max-connections-per-client", "log-format", "log-level",
}  # fmt: skip
NOT_PASSED_ON = {
    "port", "tls-cert", "tls-key", "enable-gateway-api", "metrics-port", "management-port",
    "expose-metrics-on-router-port", "kube-api-qps", "kube-api-burst",
    "enable-gateway-api-inference-extension", "enable-webhook", "webhook-port", "webhook-tls-cert-file",
    "webhook-tls-private-key-file", "cert-secret-name", "webhook-service-name", "debug-port",
    "kubeconfig", "context", "config",
}  # fmt: skip
IN_THE_FILE = (
    "strategy", "resource", "podSecurityContext", "securityContext", "topologySpreadConstraints",
)  # fmt: skip


def inlined(schema: Any) -> Any:
    """Return the schema with its definitions in the places that refer to them."""
    if isinstance(schema, list):
        return [inlined(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")]
    return {key: inlined(entry) for key, entry in schema.items() if not key.startswith("$")}


WHOLE = inlined(SCHEMA)


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what an operator sets, below the common prefix; empty mappings and lists are such values too."""
    if not isinstance(values, dict) or not values:
        yield path.removeprefix("networking.kthenaRouter."), values
        return
    for name, value in values.items():
        yield from leaves(value, f"{path}.{name}" if path else name)


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return the values with one changed, as `--set` does."""
    changed: dict[str, Any] = json.loads(json.dumps(VALUES))
    *parents, last = path.split(".")
    place = changed
    for name in parents:
        place = place[name]
    place[last] = value
    return changed


def test_files() -> None:
    assert {str(path.relative_to(CHART)) for path in CHART.rglob("*") if path.is_file()} == FILES


def test_versions() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == __version__


def test_values_fit_their_schema() -> None:
    assert validate(VALUES, WHOLE) == []


def walk(schema: Any, values: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield every schema that names its properties and has values, with these."""
    if "properties" in schema and values:
        yield path, schema, values
        for name, entry in schema["properties"].items():
            yield from walk(entry, values.get(name), f"{path}.{name}")


def test_schema_knows_the_values_and_demands_them() -> None:
    seen = set()
    for path, schema, values in walk(WHOLE, VALUES, ""):
        seen.add(path.rpartition(".")[2])
        assert schema["additionalProperties"] is False, path
        assert set(schema["properties"]) - {"global", "claims"} == set(values), path
        # Without maxSurge and maxUnavailable, and without both, is what Recreate wants.
        if path.rpartition(".")[2] != "rollingUpdate":
            assert set(schema["required"]) == set(values) - {"rollingUpdate"}, path
    assert {"", "kthenaRouter", "image", "rollingUpdate", "service"} <= seen


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replica", 2),
        ("networking.kthenaRouter.fairness", {"enabled": True}),
        ("networking.kthenaRouter.gatewayAPI.inferenceExtension", True),
        ("networking.kthenaRouter.replicas", "two"),
        ("networking.kthenaRouter.port", 0),
        ("networking.kthenaRouter.drainTimeout", "300"),
        ("networking.kthenaRouter.accessLog.output", "/var/log/access.log"),
        ("networking.kthenaRouter.metrics", None),
        ("networking.kthenaRouter.service.type", "ExternalName"),
        ("networking.kthenaRouter.service.gatewayPorts", [8081, 8081]),
        ("networking.kthenaRouter.flags", {"enable-webhook": True}),
        ("networking.kthenaRouter.podDisruptionBudget.maxUnavailable", "half"),
    ],
)
def test_schema_refuses(path: str, value: Any) -> None:
    assert validate(nested(path, value), WHOLE) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("global", {"registry": "example.org"}),
        ("networking.kthenaRouter.kubeAPIQPS", 2.5),
        ("networking.kthenaRouter.kubeAPIQPS", "0.5"),
        ("networking.kthenaRouter.drainTimeout", "1m30.5s"),
        ("networking.kthenaRouter.strategy", {"type": "Recreate"}),
        ("networking.kthenaRouter.podDisruptionBudget.maxUnavailable", "50%"),
        ("networking.kthenaRouter.resource.limits", {"nvidia.com/gpu": 1}),
    ],
)
def test_schema_takes(path: str, value: Any) -> None:
    assert validate(nested(path, value), WHOLE) == []


def test_flags_are_those_of_the_router() -> None:
    flags = WHOLE["properties"]["networking"]["properties"]["kthenaRouter"]["properties"]["flags"]

    assert {flag.name for flag in FLAGS} == PASSED_ON | NOT_PASSED_ON
    assert set(flags["properties"]) == PASSED_ON


def sample(schema: dict[str, Any]) -> list[Any]:
    """Return values that the schema of a flag takes, at its edges."""
    if "enum" in schema:
        return list(schema["enum"])
    if schema["type"] == "integer":
        return [schema["minimum"]]
    return ["1m30s", "250ms"] if "pattern" in schema else ["127.0.0.1", ""]


def test_router_takes_the_flags_that_the_schema_takes() -> None:
    flags = WHOLE["properties"]["networking"]["properties"]["kthenaRouter"]["properties"]["flags"]
    for name, schema in flags["properties"].items():
        for value in sample(schema):
            assert validate(nested("networking.kthenaRouter.flags", {name: value}), WHOLE) == []
            check_flags(parse_flags([f"--{name}={value}"]))


def test_templates_use_every_value_and_no_others() -> None:
    text = "".join((CHART / name).read_text() for name in FILES if name.startswith("templates/"))
    router = VALUES["networking"]["kthenaRouter"]
    used = set(re.findall(r"(?:\$router|\.Values\.networking\.kthenaRouter)\.([\w.]+)", text))

    assert {path.partition(".")[0] for path in used} == set(router)
    for path in used:
        place: Any = router
        for name in path.split("."):
            assert name in place, path
            place = place[name]


def shown(value: Any) -> str:
    if value in ("", [], {}):
        return "empty"
    return f"`{json.dumps(value).strip(chr(34))}`"


def test_readme_tells_every_value_and_its_default() -> None:
    readme = (CHART / "README.md").read_text()
    told = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", readme, re.MULTILINE))
    small = {
        name: shown(value) for name, value in leaves(VALUES) if not name.startswith(IN_THE_FILE)
    }

    assert told == small | dict.fromkeys(IN_THE_FILE, "see `values.yaml`")


def test_pods_are_given_the_time_that_the_router_may_take() -> None:
    router = VALUES["networking"]["kthenaRouter"]
    flags = parse_flags([])
    needed = parse_duration(router["drainTimeout"]) + flags["shutdown-delay"]

    assert needed + flags["stall-timeout"] <= router["terminationGracePeriodSeconds"]


def rules_of(text: str) -> list[Any]:
    """Return the rules of every role in a file of manifests or templates; no rule may depend on values."""
    parts = re.findall(r"^rules:\n(.*?)(?=^---$|\Z)", text, re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(part) for part in parts]


def test_roles_are_those_of_the_kustomization() -> None:
    found = rules_of((CHART / "templates" / "rbac.yaml").read_text())

    assert found == rules_of((DEPLOY / "kubernetes" / "rbac.yaml").read_text())
    assert [len(rules) for rules in found] == [5, 2]
