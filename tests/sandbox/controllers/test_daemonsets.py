from pathlib import Path

from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.controllers.daemonsets import Places, places_of, plan
from kthena_sandbox.controllers.revisions import HASH
from kthena_sandbox.controllers.run import utc_now
from kthena_sandbox.kinds import DAEMON_SETS, NODES, Document, Key, is_leaving, uid_of

WEB = Key("default", "web")


async def _status(cluster: Cluster) -> Document:
    return (await cluster.client.get(DAEMON_SETS, WEB)).get("status") or {}


async def _available(cluster: Cluster) -> bool:
    return bool((await _status(cluster)).get("numberAvailable", 0) == 1)


async def test_one_pod_on_the_node_and_a_new_one_after_a_change(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        template = {"metadata": {"labels": {"app": "a"}}, "spec": engine_pod()}
        spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
        await cluster.create(DAEMON_SETS, "web", spec=spec)
        await cluster.until(lambda: _available(cluster))
        (pod,) = await cluster.pods()
        assert pod["spec"]["nodeName"] == "sandbox"
        status = await _status(cluster)
        assert (status["desiredNumberScheduled"], status["numberMisscheduled"]) == (1, 0)
        changed = {"metadata": {"annotations": {"changed": "yes"}}}
        await cluster.client.patch(DAEMON_SETS, WEB, {"spec": {"template": changed}})

        async def replaced() -> bool:
            pods = [entry for entry in await cluster.pods() if not is_leaving(entry)]
            return [uid_of(entry) != uid_of(pod) for entry in pods] == [True] and await _available(
                cluster
            )

        await cluster.until(replaced)
        (after,) = [entry for entry in await cluster.pods() if not is_leaving(entry)]
        assert after["metadata"]["labels"][HASH] != pod["metadata"]["labels"][HASH]


async def test_a_node_that_does_not_match_has_none(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        pod = engine_pod() | {"nodeSelector": {"disk": "fast"}}
        template = {"metadata": {"labels": {"app": "a"}}, "spec": pod}
        spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
        await cluster.create(DAEMON_SETS, "web", spec=spec)

        async def observed() -> bool:
            return (await _status(cluster)).get("observedGeneration") == 1

        await cluster.until(observed)
        assert (await _status(cluster))["desiredNumberScheduled"] == 0
        label = {"metadata": {"labels": {"disk": "fast"}}}
        await cluster.client.patch(NODES, Key("", "sandbox"), label)
        await cluster.until(lambda: _available(cluster))


def _pod(node: str, revision: str, *, ready: bool) -> Document:
    status = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    return {
        "metadata": {"name": f"{node}-{revision}", "labels": {HASH: revision}},
        "spec": {"nodeName": node}, "status": {"phase": "Running", "conditions": [status]},
    }  # fmt: skip


def test_with_a_surge_new_pods_come_beside_the_old_ones() -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}
    owner: Document = {"spec": {"updateStrategy": rolling}}
    nodes = ["a", "b", "c"]
    old = {node: _pod(node, "old", ready=node != "c") for node in nodes}

    def next_steps(*pods: Document) -> tuple[list[str], list[Document]]:
        return plan(owner, pods, Places(nodes, frozenset(nodes)), "new", utc_now())

    assert next_steps(*old.values()) == (["c", "a", "b"], [])
    starting = [_pod(node, "new", ready=False) for node in nodes]
    assert next_steps(*old.values(), *starting) == ([], [])
    assert next_steps(*old.values(), starting[0]) == (["c", "b"], [])
    done = _pod("a", "new", ready=True)
    assert next_steps(*old.values(), done, *starting[1:]) == ([], [old["a"]])
    assert next_steps(done, *(_pod(node, "new", ready=True) for node in "bc")) == ([], [])


def test_a_taint_keeps_new_pods_away_and_drives_others_away_only_where_it_says_so() -> None:
    owner: Document = {
        "metadata": {"name": "web", "namespace": "default", "uid": "u"}, "apiVersion": "apps/v1",
        "kind": "DaemonSet", "spec": {"template": {"spec": {"containers": []}}},
    }  # fmt: skip

    def node(name: str, *effects: str, **spec: object) -> Document:
        taints = [{"key": "more", "effect": effect} for effect in effects]
        return {"metadata": {"name": name}, "spec": {"taints": taints} | spec}

    nodes = [node("free"), node("closed", "NoSchedule"), node("left", "NoExecute"),
             node("cordoned", unschedulable=True)]  # fmt: skip
    places = places_of(owner, nodes)
    assert places == Places(["free", "cordoned"], frozenset({"free", "closed", "cordoned"}))
    pods = [_pod(name, "new", ready=True) for name in ("free", "closed", "left", "cordoned")]
    assert plan(owner, pods, places, "new", utc_now()) == ([], [pods[2]])


def test_one_pod_too_many_goes_and_the_oldest_stays() -> None:
    owner: Document = {"spec": {"updateStrategy": {"type": "OnDelete"}}}
    first, second = _pod("a", "new", ready=False), _pod("a", "old", ready=True)
    first["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    second["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    places = Places(["a"], frozenset({"a"}))
    assert plan(owner, [second, first], places, "new", utc_now()) == ([], [second])
    surging = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    owner = {"spec": {"updateStrategy": surging}}
    assert plan(owner, [second, first], places, "new", utc_now()) == ([], [])
    third = _pod("a", "new", ready=True)
    third["metadata"] |= {"name": "third", "creationTimestamp": "2026-01-01T00:00:02Z"}
    assert plan(owner, [third, second, first], places, "new", utc_now()) == ([], [third])
