import pytest
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, PODS, Client, pod

NAMESPACES = "/api/v1/namespaces"


async def test_deletion_answers_with_a_status_and_the_uid(client: Client) -> None:
    created = await client.create_configmap("a")
    answer = await client.delete(f"{CONFIGMAPS}/a")
    assert answer.code == 200
    assert answer.document == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]},
    }  # fmt: skip
    assert (await client.delete(f"{CONFIGMAPS}/a")).code == 404


async def test_finalizers_hold_an_object(client: Client) -> None:
    await client.create_configmap("a", finalizers=["example.com/one", "example.com/two"])
    held = (await client.delete(f"{CONFIGMAPS}/a")).document
    assert held["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:05Z"
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    added = await client.patch(
        f"{CONFIGMAPS}/a", {"metadata": {"finalizers": ["example.com/three"]}}
    )
    assert added.message == (
        'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if '
        'the object is being deleted, found new finalizers []string{"example.com/three"}'
    )
    await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"finalizers": ["example.com/two"]}})
    assert (await client.get(f"{CONFIGMAPS}/a")).code == 200
    assert (await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"finalizers": None}})).code == 200
    assert (await client.get(f"{CONFIGMAPS}/a")).code == 404


async def test_a_second_deletion_changes_nothing(client: Client) -> None:
    await client.create_configmap("a", finalizers=["example.com/one"])
    first = await client.delete(f"{CONFIGMAPS}/a")
    client.clock.advance(60)
    assert (await client.delete(f"{CONFIGMAPS}/a")).document == first.document


@pytest.mark.parametrize(
    ("preconditions", "words"),
    [
        (
            {"uid": "other"},
            "the UID in the precondition (other) does not match the UID in record (",
        ),
        (
            {"resourceVersion": "1"},
            "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (",
        ),
    ],
)
async def test_preconditions(client: Client, preconditions: dict[str, str], words: str) -> None:
    await client.create_configmap("a")
    answer = await client.delete(f"{CONFIGMAPS}/a", {"preconditions": preconditions})
    assert (answer.code, answer.reason) == (409, "Conflict")
    assert answer.message.startswith(f'Operation cannot be fulfilled on ConfigMap "a": {words}')
    assert answer.document["details"] == {"name": "a", "kind": "ConfigMap"}


async def test_options_are_read_from_the_body_alone(client: Client) -> None:
    await client.create_configmap("a")
    answer = await client.delete(f"{CONFIGMAPS}/a?dryRun=All", {"kind": "DeleteOptions"})
    assert answer.code == 200
    assert (await client.get(f"{CONFIGMAPS}/a")).code == 404


async def test_body_that_cannot_be_read_is_an_error_of_the_server(client: Client) -> None:
    answer = await client.delete(f"{CONFIGMAPS}/a", ["x"])
    assert (answer.code, answer.reason) == (500, "")


async def test_name_is_taken_until_the_object_is_gone(client: Client) -> None:
    await client.create_configmap("a", finalizers=["example.com/one"])
    await client.delete(f"{CONFIGMAPS}/a")
    answer = await client.post(CONFIGMAPS, {"metadata": {"name": "a"}})
    assert (answer.code, answer.reason) == (409, "AlreadyExists")
    assert answer.message == 'object is being deleted: configmaps "a" already exists'


@pytest.mark.parametrize(
    ("policy", "finalizers"), [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"])]
)
async def test_propagation_is_left_to_the_garbage_collector(
    client: Client, policy: str, finalizers: list[str]
) -> None:
    await client.create_configmap("a")
    answer = await client.delete(f"{CONFIGMAPS}/a?propagationPolicy={policy}")
    assert answer.code == 200
    assert answer.document["metadata"]["finalizers"] == finalizers


async def test_unknown_propagation(client: Client) -> None:
    await client.create_configmap("a")
    answer = await client.delete(f"{CONFIGMAPS}/a", {"propagationPolicy": "Sideways"})
    assert (answer.code, answer.reason) == (422, "Invalid")


async def test_a_pod_without_a_node_goes_at_once(client: Client) -> None:
    await client.post(PODS, pod("p"))
    answer = await client.delete(f"{PODS}/p")
    assert answer.document["kind"] == "Pod"
    assert (await client.get(f"{PODS}/p")).code == 404


async def test_a_running_pod_goes_when_its_kubelet_says_so(client: Client) -> None:
    await client.post(PODS, pod("p", nodeName="sandbox", terminationGracePeriodSeconds=20))
    going = (await client.delete(f"{PODS}/p")).document["metadata"]
    assert going["deletionTimestamp"] == "2026-01-02T03:04:25Z"
    assert going["deletionGracePeriodSeconds"] == 20
    shorter = await client.delete(f"{PODS}/p", {"gracePeriodSeconds": 5})
    assert shorter.document["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:10Z"
    longer = await client.delete(f"{PODS}/p", {"gracePeriodSeconds": 50})
    assert longer.document["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:10Z"
    assert (await client.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})).code == 200
    assert (await client.get(f"{PODS}/p")).code == 404


async def test_a_collection_is_deleted_by_selector(client: Client) -> None:
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        await client.create_configmap(name, labels={"k": label})
    answer = await client.delete(f"{CONFIGMAPS}?labelSelector=k%3Dx")
    assert answer.document["kind"] == "ConfigMapList"
    assert [item["metadata"]["name"] for item in answer.document["items"]] == ["a", "b"]
    left = (await client.get(CONFIGMAPS)).document["items"]
    assert [item["metadata"]["name"] for item in left] == ["c"]


async def test_a_namespace_waits_to_be_finalized(client: Client) -> None:
    created = (await client.post(NAMESPACES, {"metadata": {"name": "n"}})).document
    assert created["spec"] == {"finalizers": ["kubernetes"]}
    assert created["status"] == {"phase": "Active"}
    assert created["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
    going = (await client.delete(f"{NAMESPACES}/n")).document
    assert going["status"]["phase"] == "Terminating"
    finalized = await client.put(f"{NAMESPACES}/n/finalize", going | {"spec": {}})
    assert finalized.code == 200
    assert (await client.get(f"{NAMESPACES}/n")).code == 404


async def test_a_namespace_that_is_not_going_survives_finalize(client: Client) -> None:
    created = (await client.post(NAMESPACES, {"metadata": {"name": "n"}})).document
    assert (await client.put(f"{NAMESPACES}/n/finalize", created | {"spec": {}})).code == 200
    assert (await client.get(f"{NAMESPACES}/n")).code == 200


async def test_the_first_namespaces_cannot_be_deleted(client: Client) -> None:
    answer = await client.delete(f"{NAMESPACES}/default")
    assert (answer.code, answer.reason) == (403, "Forbidden")
    assert answer.message == 'namespaces "default" is forbidden: this namespace may not be deleted'
