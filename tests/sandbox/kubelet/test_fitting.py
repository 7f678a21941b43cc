from typing import Any

import pytest

from kthena_sandbox.kubelet.fitting import NO_NODES, claims_reason, unfit_reason

LABELS = {"zone": "a", "cores": "8"}
TAINT = {"key": "gpu", "value": "a100", "effect": "NoSchedule"}


def reason(pod: dict[str, Any], **node: Any) -> str:
    found = {"metadata": {"name": "sandbox", "labels": LABELS}, "spec": node}
    whole = unfit_reason({"spec": pod}, found)
    start = "0/1 nodes are available: 1 node(s) "
    end = ". preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    assert not whole or (whole.startswith(start) and whole.endswith(end))
    return whole.removeprefix(start).removesuffix(end)


def affinity(*terms: dict[str, Any]) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [*terms]}}
    return {"affinity": {"nodeAffinity": required}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": [*values]}]}


def test_without_a_node() -> None:
    assert unfit_reason({"spec": {}}, None) == NO_NODES


def test_a_cordoned_node() -> None:
    assert reason({}, unschedulable=True) == "were unschedulable"
    anyhow = {"tolerations": [{"operator": "Exists"}]}
    assert reason(anyhow, unschedulable=True) == ""


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "gpu", "operator": "Exists"},
        {"key": "gpu", "value": "a100"},
        {"key": "gpu", "operator": "Equal", "value": "a100", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoSchedule"},
    ],
)
def test_taints_that_are_tolerated(toleration: dict[str, str]) -> None:
    assert reason({"tolerations": [toleration]}, taints=[TAINT]) == ""


@pytest.mark.parametrize(
    "tolerations",
    [[], [{"key": "gpu", "value": "h100"}], [{"key": "cpu", "operator": "Exists"}],
     [{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}]],
)  # fmt: skip
def test_taints_that_are_not(tolerations: list[dict[str, str]]) -> None:
    found = reason({"tolerations": tolerations}, taints=[TAINT])
    assert found == "had untolerated taint {gpu: a100}"


def test_a_taint_that_only_advises_against() -> None:
    assert reason({}, taints=[TAINT | {"effect": "PreferNoSchedule"}]) == ""


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"zone": "a"}},
        affinity(expression("zone", "In", "b"), expression("zone", "In", "a")),
        affinity(expression("cores", "Gt", "4")),
        affinity({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["sandbox"]}]}),
    ],
)  # fmt: skip
def test_selectors_that_fit(spec: dict[str, Any]) -> None:
    assert reason(spec) == ""


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"zone": "b"}},
        affinity(expression("zone", "NotIn", "a")),
        affinity(expression("cores", "Lt", "4")),
        affinity(expression("zone", "Gt", "4")),
        affinity({}),
        affinity(),
    ],
)
def test_selectors_that_do_not(spec: dict[str, Any]) -> None:
    assert reason(spec) == "didn't match Pod's node affinity/selector"


def _pod(uid: str, **status: str) -> dict[str, Any]:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    metadata = {"name": uid, "namespace": "default", "uid": uid}
    return {"metadata": metadata, "spec": {"volumes": volumes}, "status": status}


def _claim(mode: str = "ReadWriteOnce", phase: str = "Bound") -> dict[str, Any]:
    return {
        "metadata": {"name": "c", "namespace": "default"},
        "spec": {"accessModes": [mode]},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        (None, 'persistentvolumeclaim "c" not found'),
        (_claim(phase="Pending"), "pod has unbound immediate PersistentVolumeClaims"),
        (_claim() | {"metadata": {"name": "c", "deletionTimestamp": "2026-01-02T03:04:05Z"}},
         'persistentvolumeclaim "c" is being deleted'),
        (_claim("ReadWriteOncePod"),
         "1 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"),
    ],
)  # fmt: skip
def test_claims_that_keep_a_pod_waiting(claim: dict[str, Any] | None, why: str) -> None:
    assert claims_reason(_pod("new"), {"c": claim}, [_pod("old", phase="Running")]) == (
        f"0/1 nodes are available: {why}. preemption: 0/1 nodes are available: "
        "1 Preemption is not helpful for scheduling."
    )


def test_claims_that_let_a_pod_go() -> None:
    others = [_pod("old", phase="Running")]
    assert claims_reason(_pod("new"), {"c": _claim()}, others) == ""
    ended = [_pod("old", phase="Succeeded")]
    assert claims_reason(_pod("new"), {"c": _claim("ReadWriteOncePod")}, ended) == ""
