from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import PODS, Client, pod, widget_definition

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
NAMESPACES = "/api/v1/namespaces"


def _deployment(replicas: int) -> dict[str, Any]:
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels}, "spec": pod("x")["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": "d"}, "spec": spec}


async def test_scale_is_a_view_of_the_replicas(client: Client) -> None:
    await client.post(DEPLOYMENTS, _deployment(2))
    scale = (await client.get(f"{DEPLOYMENTS}/d/scale")).document
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 0, "selector": "app=a"}
    scaled = await client.put(f"{DEPLOYMENTS}/d/scale", scale | {"spec": {"replicas": 5}})
    assert scaled.document["spec"] == {"replicas": 5}
    await client.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 3}})
    deployment = (await client.get(f"{DEPLOYMENTS}/d")).document
    assert deployment["spec"]["replicas"] == 3
    assert deployment["metadata"]["generation"] == 3
    stale = await client.put(f"{DEPLOYMENTS}/d/scale", scale | {"spec": {"replicas": 9}})
    assert stale.code == 409


async def test_the_scale_of_a_custom_resource_is_where_its_definition_says(client: Client) -> None:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    paths = {"specReplicasPath": ".spec.size.wanted", "statusReplicasPath": ".status.size",
             "labelSelectorPath": ".status.selector"}  # fmt: skip
    version = {"name": "v1", "served": True, "storage": True,
               "schema": {"openAPIV3Schema": anything},
               "subresources": {"status": {}, "scale": paths}}  # fmt: skip
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await client.post(definitions, widget_definition(versions=[version]))).code == 201
    widgets = "/apis/example.com/v1/namespaces/default/widgets"
    widget: dict[str, Any] = {"apiVersion": "example.com/v1", "kind": "Widget"}
    sized = widget | {"metadata": {"name": "w"}, "spec": {"size": {"wanted": 2}, "colour": "red"}}
    assert (await client.post(widgets, sized)).code == 201
    shown = {"status": {"size": 1, "selector": "app=w"}}
    await client.patch(f"{widgets}/w/status", shown)
    scale = (await client.get(f"{widgets}/w/scale")).document
    assert (scale["spec"], scale["status"]) == (
        {"replicas": 2}, {"replicas": 1, "selector": "app=w"},
    )  # fmt: skip
    await client.patch(f"{widgets}/w/scale", {"spec": {"replicas": 7}})
    found = (await client.get(f"{widgets}/w")).document
    assert found["spec"] == {"size": {"wanted": 7}, "colour": "red"}
    await client.post(widgets, widget | {"metadata": {"name": "bare"}, "spec": {}})
    missing = await client.get(f"{widgets}/bare/scale")
    assert (missing.code, missing.message) == (
        500,
        'Internal error occurred: the spec replicas field ".spec.size.wanted" does not exist',
    )


async def test_binding_puts_a_pod_on_a_node_once(client: Client) -> None:
    await client.post(PODS, pod("p"))
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"},
               "target": {"kind": "Node", "name": "sandbox"}}  # fmt: skip
    assert (await client.post(f"{PODS}/p/binding", binding)).code == 201
    assert (await client.get(f"{PODS}/p")).document["spec"]["nodeName"] == "sandbox"
    assert (await client.post(f"{PODS}/p/binding", binding)).code == 409


async def test_the_status_of_built_in_kinds_takes_labels_along(client: Client) -> None:
    await client.post(PODS, pod("p"))
    change = {"status": {"phase": "Running"}, "metadata": {"labels": {"a": "b"}},
              "spec": {"nodeName": "n"}}  # fmt: skip
    written = (await client.patch(f"{PODS}/p/status", change)).document
    assert written["status"]["phase"] == "Running"
    assert written["metadata"]["labels"] == {"a": "b"}
    assert "nodeName" not in written["spec"]
    assert (await client.get(f"{PODS}/p/status")).document == written


@pytest.mark.parametrize("name", ["exec", "attach"])
async def test_what_a_pod_cannot_do_here_is_said(client: Client, name: str) -> None:
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
    node = {"metadata": {"name": "n"}, "status": {"addresses": addresses}}
    assert (await client.post("/api/v1/nodes", node)).code == 201
    placed = pod("p")
    placed["spec"]["nodeName"] = "n"
    await client.post(PODS, placed)
    answer = await client.post(f"{PODS}/p/{name}?command=ls", None)
    assert (answer.code, answer.reason) == (501, "NotImplemented")
    assert "is not served by this sandbox" in answer.message


async def test_a_pod_without_a_node_has_nothing_in_its_log(client: Client) -> None:
    await client.post(PODS, pod("p"))
    answer = await client.get(f"{PODS}/p/log")
    assert (answer.code, answer.body) == (200, b"")
    assert (await client.get(f"{PODS}/q/log")).code == 404
    wrong = await client.get(f"{PODS}/p/log?container=other")
    assert wrong.message == "container other is not valid for pod p"


async def test_logs_of_several_containers_need_a_name(client: Client) -> None:
    containers = [{"name": name, "image": "x"} for name in ("a", "b")]
    initial = [{"name": "c", "image": "x"}]
    await client.post(PODS, pod("p", containers=containers, initContainers=initial))
    answer = await client.get(f"{PODS}/p/log")
    assert answer.message == (
        "a container name must be specified for pod p, choose one of: [a b] "
        "or one of the init containers: [c]"
    )


async def test_reviews_are_answered_and_not_kept(client: Client) -> None:
    url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    spec = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
    answer = await client.post(url, {"spec": spec})
    assert answer.code == 201
    assert answer.document["status"]["allowed"] is True
    assert (await client.get(url)).code == 405
    who = await client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert who.document["status"]["userInfo"]["username"] == "kubernetes-admin"


async def test_both_event_groups_show_the_same_events(client: Client) -> None:
    given = {
        "metadata": {"name": "e"}, "type": "Warning", "reason": "Bad", "message": "it broke",
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "source": {"component": "kubelet"}, "count": 2,
    }  # fmt: skip
    await client.post("/api/v1/namespaces/default/events", given)
    url = "/apis/events.k8s.io/v1/namespaces/default/events"
    found = (await client.get(f"{url}/e")).document
    assert found["apiVersion"] == "events.k8s.io/v1"
    assert (found["note"], found["regarding"]["name"]) == ("it broke", "p")
    assert (found["deprecatedCount"], found["reason"]) == (2, "Bad")
    await client.patch(f"{url}/e", {"note": "it broke again"})
    core = (await client.get("/api/v1/namespaces/default/events/e")).document
    assert (core["message"], core["apiVersion"]) == ("it broke again", "v1")


async def test_finalizers_of_a_namespace_are_qualified(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "n"}, "spec": {"finalizers": ["a.b/c"]}})
    body = {"metadata": {"name": "n", "annotations": {"a": "b"}}, "spec": {"finalizers": ["a.b/c", "odd"]}}  # fmt: skip
    refused = await client.put(f"{NAMESPACES}/n/finalize", body)
    assert refused.code == 422
    assert refused.message == (
        'Namespace "n" is invalid: spec.finalizers[1]: Invalid value: "odd": '
        "name is neither a standard finalizer name nor is it fully qualified"
    )
    kept = await client.put(f"{NAMESPACES}/n/finalize", body | {"spec": {"finalizers": ["a.b/c"]}})
    assert kept.document["metadata"]["annotations"] == {"a": "b"}
    assert kept.document["spec"] == {"finalizers": ["a.b/c"]}


async def test_namespace_without_finalizers_goes_with_the_second_deletion(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "n"}})
    await client.put(f"{NAMESPACES}/n/finalize", {"metadata": {"name": "n"}})
    for _ in range(2):
        going = await client.delete(f"{NAMESPACES}/n")
        assert going.document["status"] == {"phase": "Terminating"}
    assert (await client.get(f"{NAMESPACES}/n")).code == 404


async def test_deletion_of_a_job_says_that_its_pods_stay(client: Client) -> None:
    answer = await client.delete("/apis/batch/v1/namespaces/default/jobs/j")
    assert answer.code == 404
    assert answer.headers["warning"] == (
        '299 - "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background '
        'to remove them or set propagationPolicy=Orphan to suppress this warning"'
    )
