"""What pods and Ingresses get from classes, and what of classes is refused, in the words of a kube-apiserver 1.34."""

from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import PODS, Client, pod

Document = dict[str, Any]
PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"
RUNTIMES = "/apis/node.k8s.io/v1/runtimeclasses"
INGRESS_CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"


async def made(client: Client, path: str, name: str, **fields: Any) -> None:
    metadata = {"name": name, "annotations": fields.pop("annotations", {})}
    answer = await client.post(path, {"metadata": metadata} | fields)
    assert answer.code == 201, answer.body


@pytest.mark.parametrize(
    ("given", "priority", "policy"),
    [
        ({}, 0, "PreemptLowerPriority"),
        ({"priorityClassName": "system-node-critical"}, 2000001000, "PreemptLowerPriority"),
        ({"priorityClassName": "calm"}, 7, "Never"),
        ({"priorityClassName": "calm", "priority": 7, "preemptionPolicy": "Never"}, 7, "Never"),
    ],
)
async def test_a_pod_has_the_priority_of_its_class(
    client: Client, given: Document, priority: int, policy: str
) -> None:
    await made(client, PRIORITIES, "calm", value=7, preemptionPolicy="Never")
    spec = (await client.post(PODS, pod("p", **given))).document["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (priority, policy)
    kept = await client.patch(f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}})
    assert kept.document["spec"]["priority"] == priority


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"priorityClassName": "x"}, "no PriorityClass with name x was found"),
        ({"priority": 5},
         ("the integer value of priority (5) must not be provided in pod spec; priority admission "
         "controller computed 0 from the given PriorityClass name")),
        ({"preemptionPolicy": "Never"},
         ("the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority "
         "admission controller computed PreemptLowerPriority from the given PriorityClass name")),
        ({"runtimeClassName": "x"}, 'pod rejected: RuntimeClass "x" not found'),
        ({"overhead": {"cpu": "1"}},
         "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"),
    ],
)  # fmt: skip
async def test_pods_that_are_refused(client: Client, given: Document, why: str) -> None:
    answer = await client.post(PODS, pod("p", **given))
    assert (answer.code, answer.message) == (403, f'pods "p" is forbidden: {why}')


async def test_one_class_at_most_is_the_default(client: Client) -> None:
    await made(client, PRIORITIES, "usual", value=3, globalDefault=True)
    spec = (await client.post(PODS, pod("p"))).document["spec"]
    assert (spec["priorityClassName"], spec["priority"]) == ("usual", 3)
    body = {"metadata": {"name": "other"}, "value": 4, "globalDefault": True}
    assert (await client.post(PRIORITIES, body)).message == (
        'priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass usual is already marked '
        "as default. Only one default can exist"
    )
    again = await client.patch(f"{PRIORITIES}/usual", {"globalDefault": True})
    assert again.code == 200
    none = await client.patch(f"{PRIORITIES}/usual", {"globalDefault": False})
    assert "globalDefault" not in none.document


async def test_classes_of_the_system(client: Client) -> None:
    listed = (await client.get(PRIORITIES)).document["items"]
    assert [(entry["metadata"]["name"], entry["value"]) for entry in listed] == [
        ("system-cluster-critical", 2000000000), ("system-node-critical", 2000001000),
    ]  # fmt: skip
    answer = await client.delete(f"{PRIORITIES}/system-node-critical")
    assert (answer.code, answer.message) == (
        403,
        (
            'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system '
            "priority class and cannot be deleted"
        ),
    )


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("system-x", 1,
         ("metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system "
         "use only. error: system-x is not a known system priority class")),
        ("system-node-critical", 1,
         ("metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system "
         "use only. error: value of system-node-critical PriorityClass must be 2000001000")),
        ("x", 1000000001,
         "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"),
    ],
)  # fmt: skip
async def test_reserved_priorities(client: Client, name: str, value: int, why: str) -> None:
    answer = await client.post(PRIORITIES, {"metadata": {"name": name}, "value": value})
    said = f'PriorityClass.scheduling.k8s.io "{name}" is invalid: {why}'
    assert (answer.code, answer.message) == (422, said)


async def test_a_priority_stays(client: Client) -> None:
    await made(client, PRIORITIES, "c", value=3)
    answer = await client.patch(f"{PRIORITIES}/c", {"value": 4, "preemptionPolicy": "Never"})
    assert answer.message == (
        'PriorityClass.scheduling.k8s.io "c" is invalid: [value: Forbidden: may not be changed in an '
        'update., preemptionPolicy: Invalid value: "Never": field is immutable]'
    )


async def test_a_pod_gets_what_its_runtime_class_says(client: Client) -> None:
    toleration = {"key": "x", "operator": "Exists"}
    scheduling = {"nodeSelector": {"a": "b"}, "tolerations": [toleration]}
    overhead = {"podFixed": {"cpu": "1"}}
    await made(client, RUNTIMES, "r", handler="r", overhead=overhead, scheduling=scheduling)
    spec = (await client.post(PODS, pod("p", runtimeClassName="r"))).document["spec"]
    assert (spec["overhead"], spec["nodeSelector"]) == ({"cpu": "1"}, {"a": "b"})
    assert [entry["key"] for entry in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "x",
    ]  # fmt: skip
    other = await client.post(PODS, pod("q", runtimeClassName="r", nodeSelector={"a": "c"}))
    assert other.message == (
        'pods "q" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[a] = b; '
        "pod.spec.nodeSelector[a] = c"
    )
    costly = await client.post(PODS, pod("q", runtimeClassName="r", overhead={"cpu": "2"}))
    assert costly.message == (
        "pods \"q\" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    )


async def test_a_runtime_class_changes_nothing_here(client: Client) -> None:
    said = '299 - "this sandbox runs all pods as processes of this machine, whatever their RuntimeClass says"'
    body = {"metadata": {"name": "r"}, "handler": "kata"}
    assert (await client.post(RUNTIMES, body)).headers["warning"] == said
    labelled = await client.patch(f"{RUNTIMES}/r", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.headers["warning"] == said


async def test_an_ingress_gets_the_default_class(client: Client) -> None:
    spec = {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    await made(client, INGRESS_CLASSES, "b", spec={"controller": "a.b/c"}, annotations=default)
    await made(client, INGRESS_CLASSES, "c", spec={"controller": "a.b/c"}, annotations=default)
    await made(client, INGRESS_CLASSES, "a", spec={"controller": "a.b/c"})
    plain = {"metadata": {"name": "plain"}, "spec": spec}
    assert (await client.post(INGRESSES, plain)).document["spec"]["ingressClassName"] == "b"
    chosen = {"metadata": {"name": "chosen"}, "spec": spec | {"ingressClassName": "a"}}
    assert (await client.post(INGRESSES, chosen)).document["spec"]["ingressClassName"] == "a"
    annotations = {"kubernetes.io/ingress.class": "old"}
    old = {"metadata": {"name": "old", "annotations": annotations}, "spec": spec}
    assert "ingressClassName" not in (await client.post(INGRESSES, old)).document["spec"]
