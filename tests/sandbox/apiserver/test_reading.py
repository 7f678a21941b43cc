import pytest
from tests.sandbox.apiserver.asgi_client import (
    CONFIGMAPS,
    PODS,
    WIDGETS,
    Answer,
    Client,
    pod,
    widget,
)

TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
PARTIAL = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


def _names(answer: Answer) -> list[str]:
    return [item["metadata"]["name"] for item in answer.document["items"]]


async def test_lists_are_in_order_and_carry_the_global_revision(client: Client) -> None:
    for name in ("b", "a"):
        await client.create_configmap(name)
    await client.post(PODS, pod("p"))
    answer = await client.get(CONFIGMAPS)
    assert _names(answer) == ["a", "b"]
    latest = (await client.get(f"{PODS}/p")).version
    assert answer.version == latest


async def test_items_of_built_in_kinds_leave_out_kind_and_version(widgets: Client) -> None:
    await widgets.create_configmap("a")
    await widgets.post(WIDGETS, widget("w"))
    maps, found = await widgets.get(CONFIGMAPS), await widgets.get(WIDGETS)
    assert (maps.document["kind"], found.document["kind"]) == ("ConfigMapList", "WidgetList")
    assert "kind" not in maps.document["items"][0]
    assert found.document["items"][0]["kind"] == "Widget"


async def test_lists_across_namespaces(client: Client) -> None:
    await client.create_configmap("a")
    given = {"metadata": {"name": "b"}}
    await client.post("/api/v1/namespaces/kube-system/configmaps", given)
    assert _names(await client.get("/api/v1/configmaps")) == ["a", "b"]
    assert _names(await client.get(CONFIGMAPS)) == ["a"]


async def test_selectors(client: Client) -> None:
    await client.create_configmap("a", labels={"x": "1"})
    await client.create_configmap("b", labels={"x": "2"})
    assert _names(await client.get(f"{CONFIGMAPS}?labelSelector=x%3D2")) == ["b"]
    assert _names(await client.get(f"{CONFIGMAPS}?fieldSelector=metadata.name%3Da")) == ["a"]


async def test_chunks_show_one_moment(client: Client) -> None:
    for name in ("a", "b", "c"):
        await client.create_configmap(name)
    first = await client.get(f"{CONFIGMAPS}?limit=2")
    assert _names(first) == ["a", "b"]
    assert first.document["metadata"]["remainingItemCount"] == 1
    await client.create_configmap("bb")
    await client.delete(f"{CONFIGMAPS}/c")
    token = first.document["metadata"]["continue"]
    second = await client.get(f"{CONFIGMAPS}?limit=2&continue={token}")
    assert _names(second) == ["c"]
    assert second.version == first.version
    assert "continue" not in second.document["metadata"]


async def test_chunks_that_waited_too_long_can_go_on_inconsistently(client: Client) -> None:
    for name in ("a", "b"):
        await client.create_configmap(name)
    token = (await client.get(f"{CONFIGMAPS}?limit=1")).document["metadata"]["continue"]
    await client.create_configmap("c")
    await client.post("/sandbox/compact", None)
    gone = await client.get(f"{CONFIGMAPS}?limit=1&continue={token}")
    assert (gone.code, gone.reason) == (410, "Expired")
    token = gone.document["metadata"]["continue"]
    assert _names(await client.get(f"{CONFIGMAPS}?continue={token}")) == ["b", "c"]


async def test_a_broken_continue_token(client: Client) -> None:
    assert (await client.get(f"{CONFIGMAPS}?continue=xyz")).code == 400


async def test_lists_at_an_exact_revision(client: Client) -> None:
    version = (await client.create_configmap("a"))["metadata"]["resourceVersion"]
    await client.create_configmap("b")
    exact = f"{CONFIGMAPS}?resourceVersion={version}&resourceVersionMatch=Exact"
    assert _names(await client.get(exact)) == ["a"]
    newer = f"{CONFIGMAPS}?resourceVersion={version}&resourceVersionMatch=NotOlderThan"
    assert _names(await client.get(newer)) == ["a", "b"]
    await client.post("/sandbox/compact", None)
    gone = await client.get(exact)
    assert (gone.code, gone.reason) == (410, "Expired")


async def test_a_revision_that_is_yet_to_come(client: Client) -> None:
    answer = await client.get(f"{CONFIGMAPS}?resourceVersion=99999")
    assert (answer.code, answer.reason) == (504, "Timeout")
    assert answer.document["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("resourceVersion=x", 400),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("resourceVersion=1&resourceVersionMatch=About", 422),
        ("sendInitialEvents=true", 422),
        ("limit=x", 400),
        ("labelSelector=%3D%3D", 400),
        ("fieldSelector=data.key%3Da", 400),
    ],
)
async def test_options_that_make_no_sense(client: Client, query: str, code: int) -> None:
    answer = await client.get(f"{CONFIGMAPS}?{query}")
    assert (answer.code, answer.document["status"]) == (code, "Failure")


async def test_tables(client: Client) -> None:
    await client.create_configmap("a")
    for url in (CONFIGMAPS, f"{CONFIGMAPS}/a"):
        document = (await client.get(url, TABLE)).document
        assert (document["kind"], document["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        assert document["columnDefinitions"][0]["name"] == "Name"
        (row,) = document["rows"]
        assert row["cells"][0] == "a"
        assert row["object"]["kind"] == "PartialObjectMetadata"
        assert document["metadata"]["resourceVersion"]


async def test_errors_are_never_tables(client: Client) -> None:
    assert (await client.get(f"{CONFIGMAPS}/none", TABLE)).document["kind"] == "Status"


async def test_metadata_alone(client: Client) -> None:
    created = await client.create_configmap("a")
    one = (await client.get(f"{CONFIGMAPS}/a", {"accept": PARTIAL.format("")})).document
    assert one == {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                   "metadata": created["metadata"]}  # fmt: skip
    many = (await client.get(CONFIGMAPS, {"accept": PARTIAL.format("List")})).document
    assert (many["kind"], many["items"]) == ("PartialObjectMetadataList", [one])


async def test_why_options_of_lists_and_watches_make_no_sense(client: Client) -> None:
    for number in range(2):
        await client.create_configmap(f"c{number}")
    token = (await client.get(f"{CONFIGMAPS}?limit=1")).document["metadata"]["continue"]
    both = await client.get(f"{CONFIGMAPS}?limit=1&continue={token}&resourceVersion=5")
    assert (both.code, both.message) == (
        400,
        "specifying resource version is not allowed when using continue",
    )
    strange = await client.get(f"{CONFIGMAPS}?continue=%21")
    assert strange.code == 400
    assert strange.message.startswith("invalid continue token: continue key is not valid: ")
    watch = await client.get(
        f"{CONFIGMAPS}?watch=true&sendInitialEvents=true&resourceVersionMatch=Exact"
    )
    assert (watch.code, watch.message) == (
        422,
        (
            'ListOptions.meta.k8s.io "" is invalid: [resourceVersionMatch: Forbidden: '
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, "
            'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]'
        ),
    )


async def test_a_list_at_any_revision_comes_whole(client: Client) -> None:
    for name in ("a", "b"):
        await client.create_configmap(name)
    assert _names(await client.get(f"{CONFIGMAPS}?limit=1&resourceVersion=0")) == ["a", "b"]
