"""The manifests fit each other and what the router does."""

from pathlib import Path
from typing import Any

import yaml

from kthena_router.api.kinds import watched_kinds
from kthena_router.cli.flags import parse_flags

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "kubernetes"


def manifests() -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    files = [name for name in kustomization["resources"] if name.endswith(".yaml")]
    return [one for name in files for one in yaml.safe_load_all((FOLDER / name).read_text())]


def of_kind(kind: str) -> dict[str, Any]:
    return next(one for one in manifests() if one["kind"] == kind)


def container() -> dict[str, Any]:
    found: dict[str, Any] = of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def test_role_lets_the_router_watch_every_kind() -> None:
    allowed = {
        (group, resource)
        for rule in of_kind("ClusterRole")["rules"]
        if {"list", "watch"} <= set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }

    assert {(kind.group, kind.plural) for kind in watched_kinds(gateway_api=True)} == allowed


def test_arguments_are_flags() -> None:
    assert parse_flags(container()["args"])["enable-gateway-api"]


def test_probes_and_ports_are_the_flags_defaults() -> None:
    ports = {one["name"]: one["containerPort"] for one in container()["ports"]}
    flags = parse_flags([])

    assert {
        "http": flags["port"],
        "metrics": flags["metrics-port"],
        "management": flags["management-port"],
    } == ports
    assert {"management"} == {
        container()[probe]["httpGet"]["port"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }


def test_services_select_the_pods() -> None:
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]

    assert {
        "app": "kthena-router",
        "app.kubernetes.io/component": "kthena-router",
    }.items() <= labels.items()
    for service in (one for one in manifests() if one["kind"] == "Service"):
        assert service["spec"]["selector"].items() <= labels.items()
