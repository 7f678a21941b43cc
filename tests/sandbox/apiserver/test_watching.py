from collections.abc import MutableMapping
from typing import Any

import trio
import trio.testing
from tests.sandbox.apiserver.asgi_client import (
    CONFIGMAPS,
    WIDGETS,
    Client,
    Document,
    make_client,
    widget,
)

TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def _seen(event: Document) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


async def test_a_watch_goes_on_where_a_list_ended(client: Client) -> None:
    await client.create_configmap("a")
    version = (await client.get(CONFIGMAPS)).version
    await client.patch(f"{CONFIGMAPS}/a", {"data": {"key": "2"}})
    async with client.watch(f"{CONFIGMAPS}?watch=1&resourceVersion={version}") as stream:
        assert _seen(await stream.next()) == ("MODIFIED", "a")
        await client.create_configmap("b")
        assert _seen(await stream.next()) == ("ADDED", "b")
        await client.delete(f"{CONFIGMAPS}/a")
        deleted = await stream.next()
        assert _seen(deleted) == ("DELETED", "a")
        latest = (await client.get(CONFIGMAPS)).version
        assert deleted["object"]["metadata"]["resourceVersion"] == latest


async def test_without_a_revision_a_watch_begins_with_what_is_there(client: Client) -> None:
    await client.create_configmap("a")
    async with client.watch(f"{CONFIGMAPS}?watch=true") as stream:
        assert _seen(await stream.next()) == ("ADDED", "a")
        assert stream.headers["content-type"] == "application/json"
        await client.create_configmap("b")
        assert _seen(await stream.next()) == ("ADDED", "b")


async def test_the_headers_of_a_quiet_watch_come_at_once(client: Client) -> None:
    version = (await client.get(CONFIGMAPS)).version
    async with client.watch(f"{CONFIGMAPS}?watch=1&resourceVersion={version}") as stream:
        assert stream.code == 200


async def test_objects_that_enter_and_leave_a_selector(client: Client) -> None:
    await client.create_configmap("a", labels={"k": "no"})
    version = (await client.get(CONFIGMAPS)).version
    url = f"{CONFIGMAPS}?watch=1&resourceVersion={version}&labelSelector=k%3Dyes"
    async with client.watch(url) as stream:
        await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"labels": {"k": "yes"}}})
        assert _seen(await stream.next()) == ("ADDED", "a")
        await client.patch(f"{CONFIGMAPS}/a", {"data": {"key": "2"}})
        assert _seen(await stream.next()) == ("MODIFIED", "a")
        left = (
            await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"labels": {"k": "no"}}})
        ).document
        event = await stream.next()
        assert _seen(event) == ("DELETED", "a")
        assert event["object"]["metadata"]["labels"] == {"k": "yes"}
        assert event["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]


async def test_a_watch_of_one_object(client: Client) -> None:
    await client.create_configmap("a")
    async with client.watch(f"{CONFIGMAPS}?watch=1&fieldSelector=metadata.name%3Db") as stream:
        await client.create_configmap("b")
        assert _seen(await stream.next()) == ("ADDED", "b")


async def test_a_revision_before_the_history_is_gone(client: Client) -> None:
    version = (await client.create_configmap("a"))["metadata"]["resourceVersion"]
    await client.patch(f"{CONFIGMAPS}/a", {"data": {"key": "2"}})
    await client.post("/sandbox/compact", None)
    async with client.watch(f"{CONFIGMAPS}?watch=1&resourceVersion={version}") as stream:
        event = await stream.next()
        assert stream.code == 200
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        assert event["object"]["message"].startswith(f"too old resource version: {version} (")
        await stream.wait_end()


async def test_a_watcher_that_cannot_keep_up_is_cut_and_not_stored_for() -> None:
    slow = make_client(history=5)
    gate, stuck = trio.Event(), trio.Event()
    asked: list[Document] = [{"type": "http.request", "body": b""}]
    sent: list[bytes] = []

    async def receive() -> Document:
        return asked.pop() if asked else await trio.sleep_forever()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message.get("body"):
            sent.append(message["body"])
            stuck.set()
            await gate.wait()

    scope = {"type": "http", "method": "GET", "path": CONFIGMAPS,
             "query_string": b"watch=1", "headers": []}  # fmt: skip
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow.api, scope, receive, send)
        await trio.testing.wait_all_tasks_blocked()
        await slow.create_configmap("first")
        await stuck.wait()
        for number in range(20):
            await slow.create_configmap(f"a{number}")
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert b'"code":410' in sent[-1]
    assert len(sent) < 5


async def test_bookmarks_tell_how_far_a_quiet_watch_has_come(autojump_clock: object) -> None:
    client = make_client(bookmark_seconds=60)
    version = (await client.get(CONFIGMAPS)).version
    url = f"{CONFIGMAPS}?watch=1&resourceVersion={version}&allowWatchBookmarks=true"
    async with client.watch(url) as stream:
        await client.post("/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
        started = trio.current_time()
        event = await stream.next()
        assert trio.current_time() - started == 60
        assert event == {
            "type": "BOOKMARK",
            "object": {
                "kind": "ConfigMap", "apiVersion": "v1",
                "metadata": {"resourceVersion": str(int(version) + 1), "creationTimestamp": None},
            },
        }  # fmt: skip


async def test_no_bookmarks_unless_wanted_and_an_end_when_the_time_is_up(
    autojump_clock: object,
) -> None:
    client = make_client(bookmark_seconds=1)
    started = trio.current_time()
    async with client.watch(f"{CONFIGMAPS}?watch=1&timeoutSeconds=30") as stream:
        await stream.wait_end()
        assert trio.current_time() - started == 30
        assert stream._lines == []


async def test_a_last_bookmark_before_the_end(autojump_clock: object) -> None:
    client = make_client(bookmark_seconds=60)
    url = f"{CONFIGMAPS}?watch=1&timeoutSeconds=30&allowWatchBookmarks=1"
    started = trio.current_time()
    async with client.watch(url) as stream:
        assert (await stream.next())["type"] == "BOOKMARK"
        assert trio.current_time() - started == 28
        await stream.wait_end()


async def test_streaming_lists_end_with_a_marked_bookmark(client: Client) -> None:
    await client.create_configmap("a")
    url = (
        f"{CONFIGMAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        "&allowWatchBookmarks=true"
    )
    async with client.watch(url) as stream:
        assert _seen(await stream.next()) == ("ADDED", "a")
        bookmark = (await stream.next())["object"]["metadata"]
        assert bookmark["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert bookmark["resourceVersion"] == (await client.get(CONFIGMAPS)).version


async def test_initial_events_need_their_match_option(client: Client) -> None:
    answer = await client.get(f"{CONFIGMAPS}?watch=1&sendInitialEvents=true")
    assert answer.code == 422
    assert (
        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan" in answer.message
    )


async def test_watching_as_tables(client: Client) -> None:
    async with client.watch(f"{CONFIGMAPS}?watch=1", TABLE) as stream:
        await client.create_configmap("a")
        event = await stream.next()
        assert (event["type"], event["object"]["kind"]) == ("ADDED", "Table")
        assert event["object"]["rows"][0]["cells"][0] == "a"


async def test_each_watcher_sees_its_own_version(widgets: Client) -> None:
    async with widgets.watch(f"{WIDGETS.replace('v1', 'v1beta1')}?watch=1") as stream:
        await widgets.post(WIDGETS, widget("w"))
        assert (await stream.next())["object"]["apiVersion"] == "example.com/v1beta1"


async def test_cut_watches_have_no_proper_end(client: Client) -> None:
    async with client.watch(f"{CONFIGMAPS}?watch=1") as stream:
        await client.post("/sandbox/cut-watches", None)
        await trio.testing.wait_all_tasks_blocked()
        assert not stream.ended


async def test_closing_the_server_ends_watches_properly(client: Client) -> None:
    async with client.watch(f"{CONFIGMAPS}?watch=1") as stream:
        client.api.interruption.close()
        await stream.wait_end()


async def test_a_watch_may_wait_for_a_revision_that_is_yet_to_come(client: Client) -> None:
    current = int((await client.get(CONFIGMAPS)).document["metadata"]["resourceVersion"])
    async with client.watch(f"{CONFIGMAPS}?watch=true&resourceVersion={current + 1}") as stream:
        await client.create_configmap("early")
        await client.create_configmap("late")
        assert (await stream.next())["object"]["metadata"]["name"] == "late"
