from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.house import running, running_api

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.garbage import GarbageCollector
from kthena_sandbox.kinds import CONFIG_MAPS, DEFINITIONS, NAMESPACES, Document, Key, Kind, uid_of
from kthena_sandbox.mirror import Mirror

OWNER, CHILD = Key("default", "owner"), Key("default", "child")


def _reference(owner: Document, **more: Any) -> Document:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
            "uid": uid_of(owner)} | more  # fmt: skip


async def test_an_object_without_living_owner_goes(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        owner = await cluster.create(CONFIG_MAPS, "owner")
        false = _reference(owner) | {"uid": "00000000-0000-0000-0000-000000000000"}
        await cluster.create(CONFIG_MAPS, "child", metadata={"ownerReferences": [false]})
        await cluster.gone(CONFIG_MAPS, CHILD)
        assert await cluster.client.find(CONFIG_MAPS, OWNER) is not None


async def test_an_owner_of_another_kind_is_none(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        owner = await cluster.create(CONFIG_MAPS, "owner")
        wrong = _reference(owner, kind="Secret")
        await cluster.create(CONFIG_MAPS, "child", metadata={"ownerReferences": [wrong]})
        await cluster.gone(CONFIG_MAPS, CHILD)
        assert await cluster.client.find(CONFIG_MAPS, OWNER) is not None


async def test_one_of_two_owners_goes_and_the_object_stays(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        owners = [await cluster.create(CONFIG_MAPS, name) for name in ("owner", "other")]
        references = [_reference(owner) for owner in owners]
        await cluster.create(CONFIG_MAPS, "child", metadata={"ownerReferences": references})
        await cluster.client.delete(CONFIG_MAPS, OWNER)

        async def freed() -> bool:
            child = await cluster.client.get(CONFIG_MAPS, CHILD)
            return [entry["name"] for entry in child["metadata"]["ownerReferences"]] == ["other"]

        await cluster.until(freed)


async def test_what_an_owner_has_let_go_of_stays_where_that_is_not_known_yet(
    tmp_path: Path,
) -> None:
    async with running_api(tmp_path) as cluster:
        owner = await cluster.create(CONFIG_MAPS, "owner")
        metadata = {"ownerReferences": [_reference(owner)]}
        before = await cluster.create(CONFIG_MAPS, "child", metadata=metadata)
        after = await cluster.client.patch(
            CONFIG_MAPS, CHILD, {"metadata": {"ownerReferences": None}}
        )
        await cluster.client.delete(CONFIG_MAPS, OWNER)
        collector = GarbageCollector(cluster.client, Mirror(cluster.client, DEFINITIONS))
        collector._kinds = {("v1", "ConfigMap"): CONFIG_MAPS}
        told = collector._listener(CONFIG_MAPS)
        told(None, before)
        with pytest.raises(ApiError) as refused:
            await collector._collect(uid_of(before))
        assert (refused.value.code, refused.value.reason) == (409, "Conflict")
        told(before, after)
        await collector._collect(uid_of(before))
        assert await cluster.client.get(CONFIG_MAPS, CHILD) == after


async def test_foreground_deletion_waits_for_those_that_block(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        owner = await cluster.create(CONFIG_MAPS, "owner")
        blocking = [_reference(owner, blockOwnerDeletion=True, controller=True)]
        held = {"ownerReferences": blocking, "finalizers": ["example.com/hold"]}
        await cluster.create(CONFIG_MAPS, "child", metadata=held)
        await cluster.client.delete(CONFIG_MAPS, OWNER, propagationPolicy="Foreground")

        async def marked() -> bool:
            child = await cluster.client.get(CONFIG_MAPS, CHILD)
            return "deletionTimestamp" in child["metadata"]

        await cluster.until(marked)
        assert await cluster.client.find(CONFIG_MAPS, OWNER) is not None
        await cluster.client.patch(CONFIG_MAPS, CHILD, {"metadata": {"finalizers": None}})
        await cluster.gone(CONFIG_MAPS, OWNER)
        await cluster.gone(CONFIG_MAPS, CHILD)


async def test_custom_resources_are_followed_as_soon_as_they_are_defined(tmp_path: Path) -> None:
    crd = {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                "openAPIV3Schema": {"type": "object"}}}],
        },
    }  # fmt: skip
    widgets = Kind("example.com", "v1", "Widget", "widgets")
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.client.create(DEFINITIONS, crd)
        owner = await cluster.create(widgets, "owner")
        reference = _reference(owner) | {"apiVersion": "example.com/v1", "kind": "Widget"}
        await cluster.create(CONFIG_MAPS, "child", metadata={"ownerReferences": [reference]})
        await cluster.client.delete(widgets, OWNER)
        await cluster.gone(CONFIG_MAPS, CHILD)


async def test_foreground_deletion_spares_what_somebody_else_owns(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        owners = [await cluster.create(CONFIG_MAPS, name) for name in ("owner", "other")]
        references = [_reference(owner, blockOwnerDeletion=True) for owner in owners]
        await cluster.create(CONFIG_MAPS, "child", metadata={"ownerReferences": references})
        await cluster.client.delete(CONFIG_MAPS, OWNER, propagationPolicy="Foreground")
        await cluster.gone(CONFIG_MAPS, OWNER)
        child = await cluster.client.get(CONFIG_MAPS, CHILD)
        assert [entry["name"] for entry in child["metadata"]["ownerReferences"]] == ["other"]


async def test_orphans_stay_without_their_owner(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        owner = await cluster.create(CONFIG_MAPS, "owner")
        await cluster.create(
            CONFIG_MAPS, "child", metadata={"ownerReferences": [_reference(owner)]}
        )
        await cluster.client.delete(CONFIG_MAPS, OWNER, propagationPolicy="Orphan")
        await cluster.gone(CONFIG_MAPS, OWNER)
        child = await cluster.client.get(CONFIG_MAPS, CHILD)
        assert "ownerReferences" not in child["metadata"]


async def test_an_owner_in_another_namespace_is_none(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        owner = await cluster.create(CONFIG_MAPS, "owner", metadata={"namespace": "kube-public"})
        await cluster.create(
            CONFIG_MAPS, "child", metadata={"ownerReferences": [_reference(owner)]}
        )
        await cluster.gone(CONFIG_MAPS, CHILD)


async def test_what_belongs_to_the_cluster_is_not_collected_for_a_namespaced_owner(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        gone = _reference({"metadata": {"name": "owner", "uid": "0"}})
        metadata = {"name": "team", "ownerReferences": [gone]}
        await cluster.client.create(NAMESPACES, {"metadata": metadata})
        await cluster.create(CONFIG_MAPS, "child", metadata={"ownerReferences": [gone]})
        await cluster.gone(CONFIG_MAPS, CHILD)  # the collector has come this far
        assert await cluster.client.find(NAMESPACES, Key("", "team")) is not None


async def test_owners_in_a_circle_go_with_one_of_them(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        names = ["a", "b", "c"]
        made = {name: await cluster.create(CONFIG_MAPS, name) for name in names}
        for name, owner in zip(names, ["c", "a", "b"], strict=True):
            references = [_reference(made[owner], blockOwnerDeletion=True, controller=True)]
            change = {"metadata": {"ownerReferences": references}}
            await cluster.client.patch(CONFIG_MAPS, Key("default", name), change)
        await cluster.client.delete(
            CONFIG_MAPS, Key("default", "a"), propagationPolicy="Foreground"
        )
        for name in names:
            await cluster.gone(CONFIG_MAPS, Key("default", name))
