"""More scenarios of owners and what they own, of quotas, accounts, roles and claims."""

import trio
from tests.differential.controllers.scenarios import Scenario, Steps, template, workload
from tests.differential.controllers.world import World

from kthena_sandbox.kinds import Document

_HOLD = {"finalizers": ["example.com/hold"]}


async def _owned(world: World, name: str, *owners: Document, **metadata: object) -> None:
    await world.create("configmaps", name, metadata={"ownerReferences": list(owners)} | metadata)


async def owners_are_several(world: World) -> Steps:
    for name in ("one", "two"):
        await world.create("configmaps", name)
    one, two = [
        await world.reference("configmaps", name) | {"blockOwnerDeletion": True}
        for name in ("one", "two")
    ]
    await _owned(world, "of-both", one, two)
    await _owned(world, "of-one", one, **_HOLD)
    await _owned(world, "of-two", two)
    yield "created"
    await world.delete("configmaps", "one", propagationPolicy="Foreground")
    yield "the first is leaving"
    await world.patch("configmaps", "of-one", {"metadata": {"finalizers": None}})
    yield "it is gone"
    await world.delete("configmaps", "two", propagationPolicy="Orphan")
    yield "the second has left orphans"


async def owners_go_in_the_foreground(world: World) -> Steps:
    """A chain, of which some block and some do not."""
    await world.create("configmaps", "top")
    top = await world.reference("configmaps", "top")
    await _owned(world, "blocks", top | {"blockOwnerDeletion": True}, **_HOLD)
    await _owned(world, "does-not", top | {"blockOwnerDeletion": False}, **_HOLD)
    middle = await world.reference("configmaps", "blocks") | {"blockOwnerDeletion": True}
    await _owned(world, "leaf", middle)
    yield "created"
    await world.delete("configmaps", "top", propagationPolicy="Foreground")
    yield "leaving"
    await world.patch("configmaps", "blocks", {"metadata": {"finalizers": None}})
    yield "what blocked is gone"
    await world.patch("configmaps", "does-not", {"metadata": {"finalizers": None}})
    yield "all are gone"


async def owners_are_wrong(world: World) -> Steps:
    await world.create("configmaps", "owner")
    owner = await world.reference("configmaps", "owner")
    await _owned(world, "uid", owner | {"uid": "0" * 36})
    await _owned(world, "kind", owner | {"kind": "Secret"})
    await _owned(world, "version", owner | {"apiVersion": "v2"})
    await _owned(world, "nonsense", owner | {"kind": "Nonsense", "apiVersion": "x.example.com/v1"})
    await _owned(world, "right-and-wrong", owner, owner | {"uid": "1" * 36})
    spaces = {"apiVersion": "v1", "kind": "Namespace", "name": world.namespace}
    found = await world.reference("namespaces", world.namespace)
    await _owned(world, "of-its-namespace", spaces | {"uid": found["uid"]})
    node = await world.reference("nodes", "node")
    await _owned(world, "of-a-node", node)
    await _owned(world, "of-no-node", node | {"uid": "2" * 36})
    await trio.sleep(3)
    yield "created"
    await world.delete("configmaps", "owner", propagationPolicy="Background")
    await trio.sleep(2)
    yield "the owner is gone"


async def owners_are_of_the_cluster(world: World) -> Steps:
    role = f"{world.namespace}-owner"
    await world.create("clusterroles.rbac.authorization.k8s.io", role, rules=[])
    owner = await world.reference("clusterroles.rbac.authorization.k8s.io", role)
    await _owned(world, "of-a-role", owner)
    await world.create("secrets", "local")
    local = await world.reference("secrets", "local")
    await world.create(
        "clusterroles.rbac.authorization.k8s.io", f"{world.namespace}-child",
        metadata={"ownerReferences": [local]}, rules=[],
    )  # fmt: skip
    await trio.sleep(3)
    yield "created"
    await world.delete("clusterroles.rbac.authorization.k8s.io", role)
    await world.delete("secrets", "local")
    await trio.sleep(2)
    yield "the owners are gone"


async def orphans_stay(world: World) -> Steps:
    await world.create("configmaps", "owner", metadata=_HOLD)
    owner = await world.reference("configmaps", "owner")
    await _owned(world, "child", owner | {"blockOwnerDeletion": True})
    yield "created"
    await world.delete("configmaps", "owner", propagationPolicy="Orphan")
    yield "held, and without children"
    await world.patch("configmaps", "owner", {"metadata": {"finalizers": None}})
    yield "gone"
    await world.create("replicasets.apps", "web", spec=workload(2))
    yield "a ReplicaSet"
    await world.delete("replicasets.apps", "web", propagationPolicy="Orphan")
    yield "its pods stay"
    await world.create("replicasets.apps", "web", spec=workload(1))
    yield "another one takes them"
    await world.delete("replicasets.apps", "web")
    await world.let_go()
    yield "gone too"


async def owners_are_changed(world: World) -> Steps:
    for name in ("one", "two"):
        await world.create("configmaps", name)
    one, two = [await world.reference("configmaps", name) for name in ("one", "two")]
    await _owned(world, "child", one)
    yield "created"
    await world.patch("configmaps", "child", {"metadata": {"ownerReferences": [two]}})
    await world.rest()
    await world.delete("configmaps", "one")
    yield "it has another owner"
    await world.patch("configmaps", "two", {"metadata": {"finalizers": ["foregroundDeletion"]}})
    yield "a finalizer by hand"
    await world.delete("configmaps", "two")
    yield "all are gone"


async def namespace_has_custom_resources(world: World) -> Steps:
    await world.define("widgets", "Widget")
    await world.create("widgets", "held", metadata=_HOLD)
    await world.create("widgets", "free")
    await world.create("secrets", "held", metadata=_HOLD)
    yield "created"
    await world.delete_namespace()
    await trio.sleep(5)
    yield "held"
    await world.patch("widgets", "held", {"metadata": {"finalizers": None}})
    await trio.sleep(18)
    yield "held by a Secret"
    await world.patch("secrets", "held", {"metadata": {"finalizers": None}})
    await trio.sleep(20)
    yield "gone"


def _gets(resource: str) -> Document:
    return {"apiGroups": [""], "resources": [resource], "verbs": ["get"]}


async def roles_are_aggregated(world: World) -> Steps:
    roles, label = "clusterroles.rbac.authorization.k8s.io", f"{world.namespace}.example.com/in"
    matching = {"matchLabels": {label: "yes"}}
    rule = {"clusterRoleSelectors": [matching]}
    await world.create(
        roles, f"{world.namespace}-sum", aggregationRule=rule, rules=[_gets("nodes")]
    )
    for name, resource in (("b", "pods"), ("a", "secrets"), ("c", "pods")):
        await world.create(
            roles, f"{world.namespace}-{name}", metadata={"labels": {label: "yes"}},
            rules=[_gets(resource)],
        )  # fmt: skip
    yield "created"
    await world.patch(roles, f"{world.namespace}-a", {"rules": [_gets("events"), _gets("pods")]})
    yield "other rules"
    await world.patch(roles, f"{world.namespace}-sum", {"rules": []})
    yield "spoilt"
    await world.patch(roles, f"{world.namespace}-b", {"metadata": {"labels": {label: "no"}}})
    await world.delete(roles, f"{world.namespace}-c")
    yield "fewer"


async def accounts_have_tokens(world: World) -> Steps:
    await world.create("serviceaccounts", "robot")
    of = {"annotations": {"kubernetes.io/service-account.name": "robot"}}
    kind = {"type": "kubernetes.io/service-account-token"}
    await world.create("secrets", "one", metadata=of, **kind)
    yield "created"
    await world.patch("secrets", "one", {"data": {"ca.crt": None}})
    yield "without its authority"
    await world.patch("secrets", "one", {"data": {"namespace": "eA=="}})
    yield "of another namespace"
    wrong = {"annotations": {"kubernetes.io/service-account.uid": "x"}}
    await world.patch("secrets", "one", {"metadata": wrong})
    yield "of another account"
    await world.create("secrets", "late", metadata=of, **kind)
    await world.delete("serviceaccounts", "robot")
    await trio.sleep(1)
    yield "the account is gone"
    await world.create("serviceaccounts", "robot")
    await world.create("secrets", "new", metadata=of, **kind)
    yield "another of its name"


async def certificates_are_restored(world: World) -> Steps:
    await world.patch("configmaps", "kube-root-ca.crt", {"data": {"ca.crt": "x", "more": "y"}})
    yield "spoilt"
    await world.patch("configmaps", "kube-root-ca.crt", {"metadata": {"annotations": None}})
    yield "without a description"
    await world.delete("configmaps", "kube-root-ca.crt")
    yield "made anew"
    labels = {"metadata": {"labels": {"a": "b"}}}
    await world.patch("serviceaccounts", "default", labels)
    await world.delete("serviceaccounts", "default")
    yield "the account, too"


async def quotas_have_scopes(world: World) -> Steps:
    every = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}
    quotas = {
        "ended": {"hard": {"pods": "3"}, "scopes": ["Terminating"]},
        "lasting": {"hard": {"pods": "3", "requests.memory": "1Gi"}, "scopes": ["NotTerminating"]},
        "first": {"hard": {"pods": "3"}, "scopeSelector": every},
        "objects": {"hard": {"count/jobs.batch": "2", "services.nodeports": "1", "secrets": "9"}},
    }
    for name, spec in quotas.items():
        await world.create("resourcequotas", name, spec=spec)
    await trio.sleep(1)
    yield "created"
    resources = {"requests": {"memory": "100Mi"}}
    main = {"name": "main", "image": "x", "resources": resources}
    await world.create("pods", "lasting", spec={"containers": [main]})
    await world.create("pods", "ended", spec={"containers": [main], "activeDeadlineSeconds": 600})
    job = {"template": template(restartPolicy="Never"), "suspend": True}
    await world.create("jobs.batch", "work", spec=job)
    await world.create("services", "s", spec={"type": "NodePort", "ports": [{"port": 80}]})
    yield "used"
    await world.run_pods()
    (ended,) = [pod for pod in await world.pods() if pod["metadata"]["name"] == "ended"]
    await world.set_phase(ended, "Succeeded")
    await world.patch("services", "s", {"spec": {"type": "ClusterIP"}})
    await world.delete("jobs.batch", "work", propagationPolicy="Background")
    await trio.sleep(7)
    yield "less is used"


async def claims_are_protected(world: World) -> Steps:
    spec = {
        "accessModes": ["ReadWriteOnce"], "storageClassName": world.namespace,
        "resources": {"requests": {"storage": "1Gi"}},
    }  # fmt: skip
    for name in ("used", "unused"):
        await world.create("persistentvolumeclaims", name, spec=spec)
    source = [{"name": "v", "persistentVolumeClaim": {"claimName": "used"}}]
    for name in ("waiting", "runs"):
        await world.create("pods", name, spec=template()["spec"] | {"volumes": source})
    yield "created"
    await world.delete("persistentvolumeclaims", "used")
    await world.delete("persistentvolumeclaims", "unused")
    yield "asked to go"
    await world.run_pods()
    await world.delete("pods", "waiting")
    await world.let_go()
    await trio.sleep(2)
    yield "one pod is gone"
    await world.end_pods("Failed", code=1)
    await trio.sleep(2)
    yield "the other has ended"


async def replication_controller_adopts(world: World) -> Steps:
    await world.create("pods", "stray", metadata={"labels": {"app": "a"}}, spec=template()["spec"])
    own = {"replicas": 2, "selector": {"app": "a"}, "template": template(), "minReadySeconds": 2}
    await world.create("replicationcontrollers", "old", spec=own)
    yield "created"
    await world.run_pods(since="now")
    await trio.sleep(4)
    yield "available"
    (stray,) = [pod for pod in await world.pods() if pod["metadata"]["name"] == "stray"]
    await world.set_phase(stray, "Failed", code=1)
    yield "one has failed"
    await world.delete("replicationcontrollers", "old", propagationPolicy="Orphan")
    yield "orphans"
    await world.create("replicationcontrollers", "new", spec=own | {"replicas": 1})
    await world.rest()
    await world.let_go()
    yield "adopted"


SCENARIOS: tuple[Scenario, ...] = (
    owners_are_several, owners_go_in_the_foreground, owners_are_wrong, owners_are_of_the_cluster,
    orphans_stay, owners_are_changed, namespace_has_custom_resources, roles_are_aggregated,
    accounts_have_tokens, certificates_are_restored, quotas_have_scopes, claims_are_protected,
    replication_controller_adopts,
)  # fmt: skip
