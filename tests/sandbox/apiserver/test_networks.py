from typing import Any

from tests.sandbox.apiserver.asgi_client import Client

NETWORKING = "/apis/networking.k8s.io/v1/namespaces/default"
POLICIES, INGRESSES = f"{NETWORKING}/networkpolicies", f"{NETWORKING}/ingresses"
SPEC = {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}
NOT_ENFORCED = '299 - "this sandbox does not enforce NetworkPolicies: all connections go through"'


def ingress(**more: Any) -> dict[str, Any]:
    annotations = {"kubernetes.io/ingress.class": "old"}
    return {"metadata": {"name": "i", "annotations": annotations}, "spec": SPEC | more}


async def test_every_write_of_a_policy_says_that_it_has_no_effect(client: Client) -> None:
    policy = {"metadata": {"name": "p"}, "spec": {"podSelector": {}}}
    made = await client.post(POLICIES, policy)
    assert (made.code, made.headers["warning"]) == (201, NOT_ENFORCED)
    changed = await client.patch(f"{POLICIES}/p", {"spec": {"policyTypes": ["Egress"]}})
    assert (changed.code, changed.headers["warning"]) == (200, NOT_ENFORCED)
    assert (await client.post(POLICIES, policy)).headers["warning"] == NOT_ENFORCED
    assert "warning" not in (await client.get(f"{POLICIES}/p")).headers
    assert "warning" not in (await client.delete(f"{POLICIES}/p")).headers


async def test_the_annotation_with_the_class_is_deprecated(client: Client) -> None:
    made = await client.post(INGRESSES, ingress())
    assert (made.code, made.document["status"]) == (201, {"loadBalancer": {}})
    assert made.headers["warning"] == (
        '299 - "annotation \\"kubernetes.io/ingress.class\\" is deprecated, '
        "please use 'spec.ingressClassName' instead\""
    )
    changed = await client.patch(f"{INGRESSES}/i", {"metadata": {"labels": {"a": "b"}}})
    assert "warning" not in changed.headers


async def test_the_annotation_may_not_name_another_class(client: Client) -> None:
    refused = await client.post(INGRESSES, ingress(ingressClassName="new"))
    assert refused.message == (
        'Ingress.networking.k8s.io "i" is invalid: annotations.kubernetes.io/ingress.class: Invalid '
        'value: "old": must match `ingressClassName` when both are specified'
    )
    assert (await client.post(INGRESSES, ingress(ingressClassName="old"))).code == 201
