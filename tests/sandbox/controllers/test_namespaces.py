from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.controllers.namespaces import Remains, conditions_of, is_late
from kthena_sandbox.kinds import (
    CONFIG_MAPS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SERVICE_ACCOUNTS,
    Document,
    Key,
)


async def _with_account(cluster: Cluster) -> None:
    """Make namespace `team`; return when it has the account that its pods need."""
    await cluster.client.create(NAMESPACES, {"metadata": {"name": "team"}})
    await cluster.until(partial(cluster.client.find, SERVICE_ACCOUNTS, Key("team", "default")))


async def test_a_deleted_namespace_takes_its_contents_along(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _with_account(cluster)
        await cluster.create(CONFIG_MAPS, "settings", metadata={"namespace": "team"})
        await cluster.create(PODS, "engine", metadata={"namespace": "team"}, spec=engine_pod())
        await cluster.create(CONFIG_MAPS, "settings")
        await cluster.client.delete(NAMESPACES, Key("", "team"))
        await cluster.gone(NAMESPACES, Key("", "team"))
        assert await cluster.client.find(CONFIG_MAPS, Key("default", "settings")) is not None
        assert await cluster.pods("team") == []


async def test_a_finalizer_holds_the_namespace(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.client.create(NAMESPACES, {"metadata": {"name": "team"}})
        held = {"namespace": "team", "finalizers": ["example.com/hold"]}
        await cluster.create(CONFIG_MAPS, "held", metadata=held)
        await cluster.client.delete(NAMESPACES, Key("", "team"))

        async def marked() -> bool:
            found = await cluster.client.get(CONFIG_MAPS, Key("team", "held"))
            return "deletionTimestamp" in found["metadata"]

        await cluster.until(marked)

        async def explained() -> bool:
            return is_true(
                await cluster.client.get(NAMESPACES, Key("", "team")),
                "NamespaceFinalizersRemaining",
            )

        await cluster.until(explained)
        found = await cluster.client.get(NAMESPACES, Key("", "team"))
        assert found["status"]["phase"] == "Terminating"
        assert "deletionGracePeriodSeconds" not in found["metadata"]
        await cluster.client.patch(
            CONFIG_MAPS, Key("team", "held"), {"metadata": {"finalizers": None}}
        )
        await cluster.gone(NAMESPACES, Key("", "team"))


def test_the_conditions_say_what_is_left() -> None:
    left = Remains(
        Counter({"pods.": 2, "widgets.example.com": 1}), Counter({"example.com/hold": 1})
    )
    now = datetime(2026, 1, 2, tzinfo=UTC)
    shown = [
        (entry["type"], entry["status"], entry["message"]) for entry in conditions_of({}, left, now)
    ]
    assert shown == [
        ("NamespaceDeletionDiscoveryFailure", "False", "All resources successfully discovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", "False",
         "All legacy kube types successfully parsed"),
        ("NamespaceDeletionContentFailure", "False",
         "All content successfully deleted, may be waiting on finalization"),
        ("NamespaceContentRemaining", "True",
         ("Some resources are remaining: pods. has 2 resource instances, "
          "widgets.example.com has 1 resource instances")),
        ("NamespaceFinalizersRemaining", "True",
         ("Some content in the namespace has finalizers remaining: "
          "example.com/hold in 1 resource instances")),
    ]  # fmt: skip


def test_pods_that_stay_after_their_time_are_a_failure() -> None:
    namespace = {"metadata": {"deletionTimestamp": "2026-01-02T00:00:00Z"}}
    pod: Document = {"spec": {"terminationGracePeriodSeconds": 5}, "status": {"phase": "Running"}}
    ended = {"spec": {"terminationGracePeriodSeconds": 99}, "status": {"phase": "Failed"}}
    now = datetime(2026, 1, 2, 0, 0, 4, tzinfo=UTC)
    assert not is_late(namespace, [pod, ended], now)
    assert is_late(namespace, [pod, ended], now + timedelta(seconds=1))
    assert is_late(namespace, [ended], now)
    shown = [
        (entry["status"], entry["reason"], entry["message"])
        for entry in conditions_of({}, Remains(pods_of="team"), now)
    ]
    assert shown[2:] == [
        ("True", "ContentDeletionFailed",
         ("Failed to delete all resource types, 1 remaining: unexpected items still remain in "
         "namespace: team for gvr: /v1, Resource=pods")),
        ("False", "ContentRemoved", "All content successfully removed"),
        ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
    ]  # fmt: skip


async def test_what_pods_use_stays_until_they_are_gone(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await _with_account(cluster)
        await cluster.create(CONFIG_MAPS, "settings", metadata={"namespace": "team"})
        held = {"namespace": "team", "finalizers": ["example.com/hold"]}
        labels = {"labels": {"app": "a"}}
        await cluster.create(PODS, "engine", metadata=held | labels, spec=engine_pod())
        spec = {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": labels, "spec": engine_pod()},
        }
        await cluster.create(REPLICA_SETS, "web", metadata={"namespace": "team"}, spec=spec)

        async def adopted() -> bool:
            found = await cluster.client.get(REPLICA_SETS, Key("team", "web"))
            return bool((found.get("status") or {}).get("replicas"))

        await cluster.until(adopted)
        await cluster.client.delete(NAMESPACES, Key("", "team"))

        async def waiting() -> bool:
            found = await cluster.client.get(NAMESPACES, Key("", "team"))
            return "conditions" in (found.get("status") or {})

        await cluster.until(waiting)
        sets = await cluster.client.list(REPLICA_SETS, "team")
        assert [one["status"].get("conditions") for one in sets] == [None]
        settings = await cluster.client.get(CONFIG_MAPS, Key("team", "settings"))
        assert "deletionTimestamp" not in settings["metadata"]
        change = {"metadata": {"finalizers": None}}
        await cluster.client.patch(PODS, Key("team", "engine"), change)
        await cluster.gone(NAMESPACES, Key("", "team"))


async def test_every_namespace_has_a_service_account(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.client.create(NAMESPACES, {"metadata": {"name": "team"}})
        place = Key("team", "default")

        async def present() -> object:
            return await cluster.client.find(SERVICE_ACCOUNTS, place)

        await cluster.until(present)
        await cluster.client.delete(SERVICE_ACCOUNTS, place)
        await cluster.until(present)
        await cluster.client.delete(NAMESPACES, Key("", "team"))
        await cluster.gone(NAMESPACES, Key("", "team"))
