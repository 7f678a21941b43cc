"""FlowSchemas and PriorityLevelConfigurations: those of every cluster, and what others may be."""

from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import Answer, Client

GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1"
SCHEMAS, LEVELS = f"{GROUP}/flowschemas", f"{GROUP}/prioritylevelconfigurations"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
RULE = {
    "subjects": [{"kind": "User", "user": {"name": "anna"}}],
    "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["default"]}],
}  # fmt: skip
VERBS = '"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"'


async def make_schema(client: Client, **spec: Any) -> Answer:
    usual = {"priorityLevelConfiguration": {"name": "global-default"}, "rules": [RULE]}
    return await client.post(SCHEMAS, {"metadata": {"name": "s"}, "spec": usual | spec})


async def make_level(client: Client, **limited: Any) -> Answer:
    spec = {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}} | limited}
    return await client.post(LEVELS, {"metadata": {"name": "l"}, "spec": spec})


async def test_what_every_cluster_has(client: Client) -> None:
    found = (await client.get(SCHEMAS, headers=TABLE)).document["rows"]
    assert {tuple(row["cells"][:4]) + tuple(row["cells"][5:]) for row in found} == {
        ("catch-all", "catch-all", 10000, "ByUser", "False"),
        ("exempt", "exempt", 1, "<none>", "False"),
        ("global-default", "global-default", 9900, "ByUser", "False"),
        ("kube-controller-manager", "workload-high", 800, "ByNamespace", "False"),
        ("kube-scheduler", "workload-high", 800, "ByNamespace", "False"),
        ("kube-system-service-accounts", "workload-high", 900, "ByNamespace", "False"),
        ("probes", "exempt", 2, "<none>", "False"),
        ("service-accounts", "workload-low", 9000, "ByUser", "False"),
        ("system-leader-election", "leader-election", 100, "ByUser", "False"),
        ("system-node-high", "node-high", 400, "ByUser", "False"),
        ("system-nodes", "system", 500, "ByUser", "False"),
    }
    found = (await client.get(LEVELS, headers=TABLE)).document["rows"]
    assert {tuple(row["cells"][:6]) for row in found} == {
        ("catch-all", "Limited", 5, "<none>", "<none>", "<none>"),
        ("exempt", "Exempt", "<none>", "<none>", "<none>", "<none>"),
        ("global-default", "Limited", 20, 128, 6, 50),
        ("leader-election", "Limited", 10, 16, 4, 50),
        ("node-high", "Limited", 40, 64, 6, 50),
        ("system", "Limited", 30, 64, 6, 50),
        ("workload-high", "Limited", 40, 128, 6, 50),
        ("workload-low", "Limited", 100, 128, 6, 50),
    }


async def test_a_schema_of_every_cluster_is_written_as_kubernetes_writes_it(client: Client) -> None:
    found = (await client.get(f"{SCHEMAS}/probes")).document
    managers = found["metadata"]["managedFields"]
    assert {(one["manager"], one["operation"], one.get("subresource")) for one in managers} == {
        ("api-priority-and-fairness-config-producer-v1", "Update", None),
        ("api-priority-and-fairness-config-consumer-v1", "Apply", "status"),
    }
    assert found["metadata"]["annotations"] == {"apf.kubernetes.io/autoupdate-spec": "true"}
    (condition,) = found["status"]["conditions"]
    assert condition["message"] == (
        'This FlowSchema references the PriorityLevelConfiguration object named "exempt" and it exists'
    )


async def test_defaults(client: Client) -> None:
    assert (await make_schema(client)).document["spec"]["matchingPrecedence"] == 1000
    queue = {"type": "Queue", "queuing": {"queues": 10}}
    made = (await make_level(client, limitResponse=queue)).document["spec"]["limited"]
    assert made == {
        "nominalConcurrencyShares": 30, "lendablePercent": 0,
        "limitResponse": {"type": "Queue", "queuing": {"queues": 10, "handSize": 8, "queueLengthLimit": 50}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"priorityLevelConfiguration": {}}, "spec.priorityLevelConfiguration.name: Required value: must reference a priority level"),
        ({"matchingPrecedence": 1}, "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"),
        ({"matchingPrecedence": 10001}, "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"),
        ({"matchingPrecedence": -1}, "spec.matchingPrecedence: Invalid value: -1: must be a positive value"),
        ({"distinguisherMethod": {"type": "Odd"}}, 'spec.distinguisherMethod.type: Unsupported value: {"Type":"Odd"}: supported values: "ByNamespace", "ByUser"'),
        ({"rules": [RULE | {"subjects": []}]}, "spec.rules[0].subjects: Required value: subjects must contain at least one value"),
        ({"rules": [RULE | {"subjects": [{"kind": "Odd"}]}]}, 'spec.rules[0].subjects[0].kind: Unsupported value: "Odd": supported values: "Group", "ServiceAccount", "User"'),
        ({"rules": [RULE | {"subjects": [{"kind": "User"}]}]}, "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'"),
        ({"rules": [RULE | {"subjects": [{"kind": "User", "user": {"name": "a"}, "group": {"name": "b"}}]}]}, "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'"),
        ({"rules": [RULE | {"subjects": [{"kind": "ServiceAccount", "serviceAccount": {"name": "*", "namespace": ""}}]}]}, "spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account"),
        ({"rules": [RULE | {"resourceRules": []}]}, "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty"),
        ({"rules": [RULE | {"resourceRules": [{"verbs": ["odd"], "apiGroups": [""], "resources": ["pods"], "clusterScope": True}]}]}, f'spec.rules[0].resourceRules[0].verbs: Unsupported value: ["odd"]: supported values: {VERBS}'),
        ({"rules": [RULE | {"resourceRules": [{"verbs": ["*", "get"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}]}]}, """spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs"""),
        ({"rules": [RULE | {"resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]}]}, "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace"),
        ({"rules": [RULE | {"nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/a//b"]}]}]}, 'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a//b": must not contain double slash'),
    ],
)  # fmt: skip
async def test_schemas_that_are_refused(client: Client, spec: dict[str, Any], why: str) -> None:
    refused = await make_schema(client, **spec)
    assert refused.message == f'FlowSchema.flowcontrol.apiserver.k8s.io "s" is invalid: {why}'


async def test_a_status_is_written_by_others(client: Client) -> None:
    await make_schema(client)
    (row,) = (await client.get(f"{SCHEMAS}/s", headers=TABLE)).document["rows"]
    assert row["cells"][5] == "?"
    condition = {"type": "Dangling", "status": "True"}
    await client.patch(f"{SCHEMAS}/s/status", {"status": {"conditions": [condition]}})
    (row,) = (await client.get(f"{SCHEMAS}/s", headers=TABLE)).document["rows"]
    assert row["cells"][5] == "True"
