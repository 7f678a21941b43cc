import pytest
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, PODS, Client, pod


async def test_json_patch(client: Client) -> None:
    await client.create_configmap("a")
    operations = [
        {"op": "test", "path": "/data/key", "value": "value"},
        {"op": "replace", "path": "/data/key", "value": "other"},
    ]
    answer = await client.patch(f"{CONFIGMAPS}/a", operations, "json-patch+json")
    assert answer.document["data"] == {"key": "other"}
    again = await client.patch(f"{CONFIGMAPS}/a", operations, "json-patch+json")
    assert (again.code, again.reason) == (422, "Invalid")


async def test_strategic_merge_knows_the_names_of_containers(client: Client) -> None:
    await client.post(PODS, pod("p"))
    change = {"spec": {"containers": [{"name": "main", "image": "other"}]}}
    answer = await client.patch(f"{PODS}/p", change, "strategic-merge-patch+json")
    (container,) = answer.document["spec"]["containers"]
    assert (container["name"], container["image"]) == ("main", "other")


async def test_patches_of_unknown_kind_and_shape(client: Client) -> None:
    await client.create_configmap("a")
    assert (await client.patch(f"{CONFIGMAPS}/a", {}, "json")).code == 415
    assert (await client.patch(f"{CONFIGMAPS}/a", [], "merge-patch+json")).code == 400
    assert (await client.patch(f"{CONFIGMAPS}/a", {}, "json-patch+json")).code == 400
    broken = await client.patch(f"{CONFIGMAPS}/a", b"{a", "merge-patch+json")
    assert (broken.code, broken.message.partition(":")[0]) == (400, "error decoding patch")


async def test_a_patch_that_leaves_a_value_of_a_wrong_type(client: Client) -> None:
    await client.create_configmap("a")
    change = {"data": {"key": 1}}
    strategic = await client.patch(f"{CONFIGMAPS}/a", change, "strategic-merge-patch+json")
    assert (strategic.code, strategic.message) == (
        422,
        ' "" is invalid: patch: Invalid value: "map[data:map[key:1]]": cannot convert int64 to string',
    )
    merged = await client.patch(f"{CONFIGMAPS}/a", change)
    (cause,) = merged.document["details"]["causes"]
    assert merged.code == 422
    assert cause["message"].startswith('Invalid value: "{\\"')
    assert cause["message"].endswith(
        "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
    )


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        (
            {"containers": [{"image": "i"}]},
            500,
            "map: map[image:i] does not contain declared merge key: name",
        ),
        (
            {"containers": [{"name": "a", "$patch": "burn"}]},
            500,
            "unknown patch type: burn in map: map[$patch:burn name:a]",
        ),
        ({"$retainKeys": "x"}, 400, "invalid patch format of retainKeys"),
        (
            {"$setElementOrder/containers": "x"},
            400,
            "invalid patch format of setElementOrder list",
        ),
        (
            {"containers": [{"name": "a"}], "$setElementOrder/containers": [{"name": "b"}]},
            500,
            (
                "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n"
                "[map[name:b]]\n"
            ),
        ),
    ],
)
async def test_strategic_merges_that_cannot_be_done(
    client: Client, spec: dict[str, object], code: int, message: str
) -> None:
    await client.post(PODS, pod("p"))
    answer = await client.patch(f"{PODS}/p", {"spec": spec}, "strategic-merge-patch+json")
    assert (answer.code, answer.message) == (code, message)
