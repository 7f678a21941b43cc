from typing import Any

import pytest

from kthena_sandbox.controllers.endpoints_plan import (
    MIRRORING,
    Plan,
    Ports,
    endpoint_of,
    is_elsewhere,
    mirrored,
    plan_slices,
    pods_of,
    ports_for,
    selects_pods,
    subsets_of,
)
from kthena_sandbox.kinds import Document

HTTP: Ports = (("http", "TCP", 8000, ""),)
_PORTS = [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]


def _service(**spec: Any) -> Document:
    return {
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "default", "uid": "s", "labels": {"team": "x"}},
        "spec": {"selector": {"app": "a"}, "ports": _PORTS, "clusterIP": "127.96.0.1"} | spec,
    }  # fmt: skip


def _pod(name: str, *, ready: bool = True, port: int = 8000, leaving: bool = False,
         phase: str = "Running", **spec: Any) -> Document:  # fmt: skip
    metadata: Document = {"name": name, "namespace": "default", "uid": name, "labels": {"app": "a"}}
    if leaving:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    containers = [{"name": "c", "ports": [{"name": "web", "containerPort": port}]}]
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return {
        "metadata": metadata,
        "spec": {"nodeName": "sandbox", "containers": containers} | spec,
        "status": {"podIP": f"127.1.0.{len(name)}", "phase": phase, "conditions": [condition]},
    }


def _present(plan: Plan, *names: str) -> list[Document]:
    """What was planned, as the API gives it back."""
    return [
        document | {"metadata": document["metadata"] | {"name": name}}
        for name, document in zip(names, plan.create, strict=True)
    ]


def _endpoints(*addresses: str) -> list[Document]:
    return [{"addresses": [entry], "conditions": {"ready": True}} for entry in addresses]


def test_pods_with_an_address_that_have_not_ended() -> None:
    homeless = _pod("homeless")
    homeless["status"]["podIP"] = ""
    stranger = _pod("stranger")
    stranger["metadata"]["labels"] = {"app": "b"}
    pods = [_pod("b"), _pod("a"), _pod("done", phase="Succeeded"), homeless, stranger]
    assert [pod["metadata"]["name"] for pod in pods_of(_service(), pods)] == ["a", "b"]
    assert not selects_pods(_service(selector=None))
    assert is_elsewhere(_service(type="ExternalName"))
    assert not is_elsewhere(_service())


def test_targets_are_numbers_or_names() -> None:
    ports = [
        *_PORTS,
        {"name": "admin", "port": 9000, "targetPort": 9001, "appProtocol": "kubernetes.io/h2c"},
        {"name": "same", "port": 7},
        {"name": "lost", "port": 8, "targetPort": "nowhere"},
    ]
    assert ports_for(_service(ports=ports), _pod("a")) == (
        ("http", "TCP", 8000, ""), ("admin", "TCP", 9001, "kubernetes.io/h2c"), ("same", "TCP", 7, ""),
    )  # fmt: skip


def test_an_endpoint_tells_what_its_pod_does() -> None:
    def conditions(pod: Document, **spec: Any) -> tuple[bool, bool, bool]:
        found = endpoint_of(_service(**spec), pod, {})["conditions"]
        return found["ready"], found["serving"], found["terminating"]

    assert conditions(_pod("a")) == (True, True, False)
    assert conditions(_pod("a", ready=False)) == (False, False, False)
    assert conditions(_pod("a", leaving=True)) == (False, True, True)
    assert conditions(_pod("a", ready=False), publishNotReadyAddresses=True) == (True, False, False)
    named = _pod("a", hostname="a-0", subdomain="web")
    assert endpoint_of(_service(), named, {"sandbox": "z"}) == {
        "addresses": ["127.1.0.1"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": "default", "name": "a", "uid": "a"},
        "nodeName": "sandbox", "zone": "z", "hostname": "a-0",
    }  # fmt: skip


def test_a_slice_has_no_more_than_a_hundred_endpoints() -> None:
    many = _endpoints(*(f"127.1.1.{number}" for number in range(230)))
    plan = plan_slices(_service(), {HTTP: many}, [])
    assert [len(entry["endpoints"]) for entry in plan.create] == [100, 100, 30]
    first = plan.create[0]
    assert first["metadata"]["labels"] == {
        "team": "x",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert first["metadata"]["generateName"] == "web-"
    assert first["metadata"]["ownerReferences"][0]["uid"] == "s"
    assert first["ports"] == [{"name": "http", "protocol": "TCP", "port": 8000}]
    present = _present(plan, "web-1", "web-2", "web-3")
    assert plan_slices(_service(), {HTTP: many}, present) == Plan()
    fewer = plan_slices(_service(), {HTTP: many[:210]}, present)
    assert [entry["metadata"]["name"] for entry in fewer.update] == ["web-3"]
    more = plan_slices(_service(), {HTTP: [*many[1:], *_endpoints("127.1.2.1")]}, present)
    assert [entry["metadata"]["name"] for entry in more.update] == ["web-1"]
    assert plan_slices(_service(), {HTTP: many[:200]}, present).delete == present[2:]


def test_pods_with_other_ports_have_slices_of_their_own() -> None:
    other: Ports = (("http", "TCP", 9000, ""),)
    plan = plan_slices(_service(), {HTTP: _endpoints("a"), other: _endpoints("b")}, [])
    assert [(entry["ports"][0]["port"], len(entry["endpoints"])) for entry in plan.create] == [
        (8000, 1), (9000, 1),
    ]  # fmt: skip


def test_a_service_without_pods_keeps_an_empty_slice() -> None:
    plan = plan_slices(_service(), {HTTP: _endpoints("a")}, [])
    present = _present(plan, "web-1")
    emptied = plan_slices(_service(), {}, present)
    assert [
        (entry["metadata"]["name"], entry["endpoints"], entry["ports"]) for entry in emptied.update
    ] == [("web-1", [], [])]
    assert (emptied.create, emptied.delete) == ([], [])
    assert plan_slices(_service(), {}, emptied.update) == Plan()


def test_endpoints_have_the_pods_that_stay() -> None:
    pods = [_pod("a"), _pod("bb", ready=False), _pod("ccc", leaving=True)]
    (subset,) = subsets_of(_service(), pods)
    assert [entry["ip"] for entry in subset["addresses"]] == ["127.1.0.1"]
    assert [entry["ip"] for entry in subset["notReadyAddresses"]] == ["127.1.0.2"]
    assert subset["ports"] == [{"name": "http", "port": 8000, "protocol": "TCP"}]
    (subset,) = subsets_of(_service(publishNotReadyAddresses=True), pods)
    assert [entry["ip"] for entry in subset["addresses"]] == ["127.1.0.1", "127.1.0.2", "127.1.0.3"]


def test_what_was_written_by_hand_is_mirrored() -> None:
    subset = {
        "addresses": [{"ip": "127.0.0.1", "nodeName": "n"}],
        "notReadyAddresses": [{"ip": "127.0.0.2"}],
        "ports": [{"name": "http", "port": 8000}],
    }
    assert mirrored({"subsets": [subset]}) == (
        {
            HTTP: [
                {"addresses": ["127.0.0.1"], "conditions": {"ready": True}, "nodeName": "n"},
                {"addresses": ["127.0.0.2"], "conditions": {"ready": False}},
            ]
        },
        0,
    )
    many = [{"ip": f"10.0.{number // 200}.{number % 200}"} for number in range(1003)]
    found, skipped = mirrored({"subsets": [subset | {"addresses": many}]})
    assert (len(found[HTTP]), skipped) == (1000, 4)
    assert found[HTTP][-1] == {"addresses": ["10.0.4.199"], "conditions": {"ready": True}}
    plan = plan_slices(_service(), found, [], MIRRORING)
    assert [len(entry["endpoints"]) for entry in plan.create] == [1000]


@pytest.mark.parametrize(
    ("wish", "hints"),
    [
        (None, None),
        ("PreferClose", {"forZones": [{"name": "here"}]}),
        ("PreferSameZone", {"forZones": [{"name": "here"}]}),
        ("PreferSameNode", {"forZones": [{"name": "here"}], "forNodes": [{"name": "node"}]}),
    ],
)
def test_endpoints_are_meant_for_those_nearby(wish: str | None, hints: Document | None) -> None:
    pod = _pod("a")
    pod["spec"]["nodeName"] = "node"
    service = _service(trafficDistribution=wish) if wish else _service()
    assert endpoint_of(service, pod, {"node": "here"}).get("hints") == hints


def test_a_headless_service_lists_pods_without_its_ports_only_where_it_has_none() -> None:
    pod, headless = _pod("a"), {"clusterIP": "None"}
    absent = [{"name": "other", "port": 80, "targetPort": "absent"}]
    assert subsets_of(_service(**headless, ports=absent), [pod]) == []
    (subset,) = subsets_of(_service(**headless, ports=[]), [pod])
    assert [entry["ip"] for entry in subset["addresses"]] == ["127.1.0.1"]


def test_a_mirror_is_written_anew_under_its_name() -> None:
    other: Ports = (("other", "TCP", 9000, ""),)
    present = _present(plan_slices(_service(), {HTTP: _endpoints("a")}, [], MIRRORING), "web-x")
    (same,) = plan_slices(_service(), {HTTP: _endpoints("b")}, present, MIRRORING).update
    assert (same["metadata"]["name"], same["metadata"].get("generateName")) == ("web-x", None)
    (ports,) = plan_slices(_service(), {other: _endpoints("b")}, [same], MIRRORING).update
    assert (ports["metadata"]["name"], ports["metadata"]["generateName"]) == ("web-x", "web-")
