"""LimitRanges and ResourceQuotas as they change and refuse writes; expected words are those of a kube-apiserver 1.34."""

from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, PODS, Answer, Client

BASE = "/api/v1/namespaces/default"
RANGES, QUOTAS, CLAIMS = (
    f"{BASE}/{plural}" for plural in ("limitranges", "resourcequotas", "persistentvolumeclaims")
)
Resources = dict[str, dict[str, str]]


async def limit(client: Client, *items: dict[str, Any]) -> None:
    made = await client.post(RANGES, {"metadata": {"name": "l"}, "spec": {"limits": list(items)}})
    assert made.code == 201, made.body


async def grant(client: Client, hard: dict[str, str], *, name: str = "q", **spec: Any) -> None:
    """A quota that a controller has seen."""
    made = await client.post(QUOTAS, {"metadata": {"name": name}, "spec": {"hard": hard} | spec})
    assert made.code == 201, made.body
    status = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    told = await client.patch(f"{QUOTAS}/{name}/status", {"status": status})
    assert told.code == 200, told.body


async def pod(client: Client, *resources: Resources, name: str = "p", **spec: Any) -> Answer:
    containers = [
        {"name": f"c{index}", "image": "x", "resources": given}
        for index, given in enumerate(resources)
    ]
    body = {"metadata": {"name": name}, "spec": {"containers": containers} | spec}
    return await client.post(PODS, body)


def resources_of(made: Answer) -> list[Resources]:
    return [container["resources"] for container in made.document["spec"]["containers"]]


async def test_a_limit_range_without_a_name_gets_one(client: Client) -> None:
    made = await client.post(RANGES, {"spec": {"limits": []}})
    metadata = made.document["metadata"]
    assert (made.code, metadata["name"]) == (201, metadata["uid"])
    assert made.document["spec"] == {"limits": None}


async def test_containers_get_the_usual_limits_and_requests(client: Client) -> None:
    usual = {"default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "500m"}}
    await limit(client, {"type": "Container", **usual})
    made = await pod(client, {"requests": {"cpu": "1"}}, {})
    assert resources_of(made) == [
        {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}},
        {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}},
    ]
    assert made.document["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: memory request for container c0; cpu, memory limit for "
        "container c0; cpu, memory request for container c1; cpu, memory limit for container c1"
    }
    over = await pod(client, {"requests": {"cpu": "2"}}, name="over")
    assert (over.code, over.message) == (
        422,
        (
            'Pod "over" is invalid: spec.containers[0].resources.requests: Invalid value: "2": '
            "must be less than or equal to cpu limit of 1"
        ),
    )


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        ({"limits": {"cpu": "2"}}, "maximum cpu usage per Container is 1, but limit is 2"),
        ({"requests": {"cpu": "50m"}},
         ("[minimum cpu usage per Container is 100m, but request is 50m, "
         "cpu max limit to request ratio per Container is 2, but provided ratio is 20.000000]")),
        ({"requests": {"cpu": "100m"}, "limits": {"cpu": "500m", "memory": "2Gi"}},
         ("[maximum memory usage per Container is 1Gi, but limit is 2Gi, "
         "cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000]")),
        ({"requests": {"cpu": "0"}, "limits": {"cpu": "500m"}},
         ("[minimum cpu usage per Container is 100m, but request is 0, "
         "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0]")),
    ],
)  # fmt: skip
async def test_containers_stay_within_limits(
    client: Client, resources: Resources, why: str
) -> None:
    bounds = {"min": {"cpu": "100m"}, "max": {"cpu": "1", "memory": "1Gi"}}
    await limit(client, {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}, **bounds})
    refused = await pod(client, resources)
    assert (refused.code, refused.message) == (403, f'pods "p" is forbidden: {why}')
    assert refused.document["details"] == {"name": "p", "kind": "pods"}


async def test_pods_are_the_sum_of_their_containers(client: Client) -> None:
    bounds = {
        "min": {"cpu": "300m"},
        "max": {"cpu": "1"},
        "maxLimitRequestRatio": {"memory": "1.5"},
    }
    await limit(client, {"type": "Pod", **bounds})
    two = await pod(client, {"limits": {"cpu": "800m", "memory": "1"}}, {"limits": {"cpu": "700m"}})
    assert two.message == (
        'pods "p" is forbidden: maximum cpu usage per Pod is 1, but limit is 1500m'
    )
    init = [{"name": "i", "image": "x", "resources": {"limits": {"cpu": "2"}}}]
    first = await pod(client, {"limits": {"cpu": "800m", "memory": "1"}}, initContainers=init)
    assert first.message == 'pods "p" is forbidden: maximum cpu usage per Pod is 1, but limit is 2'
    none = await pod(client, {"requests": {"cpu": "200m"}})
    assert none.message == (
        'pods "p" is forbidden: [minimum cpu usage per Pod is 300m, but request is 200m, '
        "maximum cpu usage per Pod is 1.  No limit is specified, "
        "memory max limit to request ratio per Pod is 1500m, but no request is specified or request is 0]"
    )


async def test_claims_stay_within_limits(client: Client) -> None:
    bounds = {"min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}
    await limit(client, {"type": "PersistentVolumeClaim", **bounds})
    told = {}
    for size in ("500Mi", "3Gi", "1Gi"):
        requests = {"requests": {"storage": size}}
        spec = {"accessModes": ["ReadWriteOnce"], "resources": requests}
        made = await client.post(CLAIMS, {"metadata": {"name": "c"}, "spec": spec})
        told[size] = made.message if made.code == 403 else ""
    assert told == {
        "500Mi": 'persistentvolumeclaims "c" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi',
        "3Gi": 'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
        "1Gi": "",
    }  # fmt: skip


async def test_a_quota_counts_once_its_status_says_so(client: Client) -> None:
    spec = {"hard": {"configmaps": "0"}}
    await client.post(QUOTAS, {"metadata": {"name": "q"}, "spec": spec})
    assert (await client.post(CONFIGMAPS, {"metadata": {"name": "a"}})).code == 201
    await client.patch(f"{QUOTAS}/q/status", {"status": spec})
    unknown = await client.post(CONFIGMAPS, {"metadata": {"name": "b"}})
    assert unknown.message == (
        'configmaps "b" is forbidden: status unknown for quota: q, resources: configmaps'
    )


async def test_objects_are_counted(client: Client) -> None:
    await grant(client, {"configmaps": "1", "count/secrets": "1", "count/deployments.apps": "0"})
    made = [
        await client.post(path, {"metadata": {"name": name}})
        for name in ("a", "b")
        for path in (CONFIGMAPS, f"{BASE}/secrets")
    ]
    assert [answer.code for answer in made] == [201, 201, 403, 403]
    assert made[2].message == (
        'configmaps "b" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, '
        "limited: configmaps=1"
    )
    assert made[3].message == (
        'secrets "b" is forbidden: exceeded quota: q, requested: count/secrets=1, used: count/secrets=1, '
        "limited: count/secrets=1"
    )
    assert (await client.delete(f"{CONFIGMAPS}/a")).code == 200
    assert (await client.post(CONFIGMAPS, {"metadata": {"name": "b"}})).code == 201
    assert (await client.patch(f"{CONFIGMAPS}/b", {"data": {"x": "y"}})).code == 200


async def test_pods_say_what_they_need_and_get_what_is_left(client: Client) -> None:
    await grant(client, {"pods": "5", "requests.cpu": "1", "limits.memory": "1Gi"})
    silent = await pod(client, {"requests": {"cpu": "1"}}, {})
    assert silent.message == (
        'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c0,c1; requests.cpu for: c1'
    )
    enough = {"requests": {"cpu": "600m"}, "limits": {"memory": "512Mi"}}
    assert (await pod(client, enough)).code == 201
    over = await pod(client, {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}, name="b")
    assert over.message == (
        'pods "b" is forbidden: exceeded quota: q, requested: limits.memory=1Gi,requests.cpu=500m, '
        "used: limits.memory=512Mi,requests.cpu=600m, limited: limits.memory=1Gi,requests.cpu=1"
    )
    await client.patch(f"{PODS}/p/status", {"status": {"phase": "Succeeded"}})
    assert (
        await pod(client, {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}, name="b")
    ).code == 201


async def test_services_may_come_to_use_more(client: Client) -> None:
    await grant(client, {"services.nodeports": "1", "services.loadbalancers": "0"})
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    spec = {"type": "NodePort", "ports": ports[:1]}
    services = f"{BASE}/services"
    assert (await client.post(services, {"metadata": {"name": "s"}, "spec": spec})).code == 201
    more = await client.patch(f"{services}/s", {"spec": {"ports": ports}})
    assert more.message == (
        'services "s" is forbidden: exceeded quota: q, requested: services.nodeports=1, '
        "used: services.nodeports=1, limited: services.nodeports=1"
    )
    moved = await client.patch(f"{services}/s", {"spec": {"type": "LoadBalancer"}})
    assert moved.message == (
        'services "s" is forbidden: exceeded quota: q, requested: services.loadbalancers=1, '
        "used: services.loadbalancers=0, limited: services.loadbalancers=0"
    )
    assert (await client.patch(f"{services}/s", {"spec": {"type": "ClusterIP"}})).code == 200


async def test_storage_is_counted_by_class(client: Client) -> None:
    name = "gold.storageclass.storage.k8s.io/requests.storage"
    await grant(client, {name: "500Mi", "requests.storage": "2Gi"})
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    gold = {"metadata": {"name": "c"}, "spec": spec | {"storageClassName": "gold"}}
    assert (await client.post(CLAIMS, gold)).message == (
        f'persistentvolumeclaims "c" is forbidden: exceeded quota: q, requested: {name}=1Gi, used: {name}=0, limited: {name}=500Mi'
    )
    assert (await client.post(CLAIMS, {"metadata": {"name": "c"}, "spec": spec})).code == 201


@pytest.mark.parametrize(
    ("scope", "within", "outside"),
    [
        ({"scopes": ["BestEffort"]}, {}, {"requests": {"cpu": "1"}}),
        ({"scopes": ["NotBestEffort"]}, {"limits": {"memory": "1"}}, {}),
    ],
)
async def test_quotas_are_about_pods_of_their_scope(
    client: Client, scope: dict[str, Any], within: Resources, outside: Resources
) -> None:
    await grant(client, {"pods": "0"}, **scope)
    assert (await pod(client, outside, name="out")).code == 201
    assert (await pod(client, within)).message == (
        'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0'
    )


async def test_quotas_are_about_pods_that_end_or_have_a_priority(client: Client) -> None:
    await grant(client, {"pods": "0"}, scopes=["Terminating"])
    chosen = [{"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}]
    await grant(client, {"pods": "0"}, name="r", scopeSelector={"matchExpressions": chosen})
    assert (await pod(client, {}, name="a")).code == 201
    refused = await pod(client, {}, name="b", activeDeadlineSeconds=5)
    assert "exceeded quota: q" in refused.message
    refused = await pod(client, {}, name="c", priorityClassName="system-node-critical")
    assert "exceeded quota: r" in refused.message
