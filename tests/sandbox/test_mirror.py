from pathlib import Path

import trio
from tests.sandbox.house import Cluster, running_api

from kthena_sandbox.apiserver.server import serve
from kthena_sandbox.apiserver.settings import Settings
from kthena_sandbox.client import open_client
from kthena_sandbox.entrance import Entrance
from kthena_sandbox.kinds import CONFIG_MAPS, Document, Key
from kthena_sandbox.mirror import Mirror

A, B = Key("default", "a"), Key("default", "b")


async def _until_there(mirror: Mirror, *keys: Key) -> None:
    changed = [trio.Event()]
    mirror.subscribe(lambda before, after: changed[0].set())
    with trio.fail_after(60):
        while set(mirror.objects) != set(keys):
            changed[0] = trio.Event()
            await changed[0].wait()


def _mirror(cluster: Cluster) -> tuple[Mirror, list[str]]:
    mirror, told = Mirror(cluster.client, CONFIG_MAPS), list[str]()

    def listen(before: Document | None, after: Document | None) -> None:
        name = (after or before or {})["metadata"]["name"]
        told.append(f"{'+' if before is None else '-' if after is None else '~'}{name}")

    mirror.subscribe(listen)
    return mirror, told


async def test_it_follows_creations_changes_and_deletions(tmp_path: Path) -> None:
    async with running_api(tmp_path) as cluster, trio.open_nursery() as nursery:
        await cluster.create(CONFIG_MAPS, "a")
        mirror, told = _mirror(cluster)
        nursery.start_soon(mirror.run)
        await mirror.synced.wait()
        assert list(mirror.objects) == [A]
        await cluster.create(CONFIG_MAPS, "b")
        await cluster.client.patch(CONFIG_MAPS, A, {"data": {"x": "y"}})
        await cluster.client.delete(CONFIG_MAPS, A)
        await _until_there(mirror, B)
        assert told == ["+a", "+b", "~a", "-a"]
        nursery.cancel_scope.cancel()


async def test_it_survives_cut_watches_and_a_compacted_history(tmp_path: Path) -> None:
    async with running_api(tmp_path) as cluster, trio.open_nursery() as nursery:
        mirror, told = _mirror(cluster)
        nursery.start_soon(mirror.run)
        await mirror.synced.wait()
        await cluster.client.call("POST", "/sandbox/cut-watches")
        await cluster.create(CONFIG_MAPS, "a")
        await _until_there(mirror, A)
        await cluster.client.call("POST", "/sandbox/cut-watches")
        await cluster.create(CONFIG_MAPS, "b")
        await cluster.client.delete(CONFIG_MAPS, A)
        await cluster.client.call("POST", "/sandbox/compact")
        await _until_there(mirror, B)
        assert sorted(told) == ["+a", "+b", "-a"]
        nursery.cancel_scope.cancel()


async def test_it_outlives_the_server(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "kubeconfig", 0, tmp_path / "state")
    async with trio.open_nursery() as nursery:
        first, ended = trio.CancelScope(), trio.Event()

        async def serve_first(task_status: trio.TaskStatus[str]) -> None:
            with first:
                await serve(settings, task_status)
            ended.set()

        url = await nursery.start(serve_first)
        async with open_client(Entrance(url)) as client:
            cluster = Cluster(client, url)
            mirror, _ = _mirror(cluster)
            nursery.start_soon(mirror.run)
            await cluster.create(CONFIG_MAPS, "a")
            await _until_there(mirror, A)
            first.cancel()
            port = int(url.rsplit(":", 1)[1])
            await ended.wait()
            again = Settings(tmp_path / "kubeconfig", port, tmp_path / "state")
            await nursery.start(serve, again)
            await cluster.create(CONFIG_MAPS, "b")
            await _until_there(mirror, A, B)
            nursery.cancel_scope.cancel()


async def test_a_write_of_our_own_shows_before_the_watch_and_is_not_undone_by_it(
    tmp_path: Path,
) -> None:
    async with running_api(tmp_path) as cluster:
        mirror, told = _mirror(cluster)
        created = mirror.note(await cluster.create(CONFIG_MAPS, "a"))
        changed = mirror.note(await cluster.client.patch(CONFIG_MAPS, A, {"data": {"x": "y"}}))
        mirror.note(created)
        assert mirror.objects[A] == changed
        assert told == ["+a", "~a"]


async def test_a_write_that_the_watch_has_passed_does_not_bring_an_object_back(
    tmp_path: Path,
) -> None:
    async with running_api(tmp_path) as cluster, trio.open_nursery() as nursery:
        mirror, told = _mirror(cluster)
        nursery.start_soon(mirror.run)
        await mirror.synced.wait()
        created = await cluster.create(CONFIG_MAPS, "a")
        await cluster.create(CONFIG_MAPS, "b")
        await cluster.client.delete(CONFIG_MAPS, A)
        await _until_there(mirror, B)
        assert mirror.note(created) == created
        assert list(mirror.objects) == [B]
        assert told == ["+a", "+b", "-a"]
        nursery.cancel_scope.cancel()


async def test_metadata_is_all_that_a_metadata_mirror_asks_for(tmp_path: Path) -> None:
    async with running_api(tmp_path) as cluster, trio.open_nursery() as nursery:
        await cluster.create(CONFIG_MAPS, "a", data={"x": "y"})
        mirror = Mirror(cluster.client, CONFIG_MAPS, metadata_only=True)
        nursery.start_soon(mirror.run)
        await mirror.synced.wait()
        await cluster.create(CONFIG_MAPS, "b", data={"x": "y"})
        await _until_there(mirror, A, B)
        assert all("data" not in document for document in mirror.objects.values())
        nursery.cancel_scope.cancel()
