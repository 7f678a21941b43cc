import pytest
from tests.sandbox.apiserver.asgi_client import Client

CAPACITIES = "/apis/storage.k8s.io/v1/namespaces/default/csistoragecapacities"
CAPACITY = {"apiVersion": "storage.k8s.io/v1", "kind": "CSIStorageCapacity", "metadata": {"name": "a"}}  # fmt: skip
NOT_FOUND = 'csistoragecapacities.storage.k8s.io "a" not found'


async def test_kinds_that_nothing_acts_on_list_as_empty(client: Client) -> None:
    listed = (await client.get("/apis/storage.k8s.io/v1/csistoragecapacities")).document
    assert (listed["kind"], listed["items"]) == ("CSIStorageCapacityList", [])
    assert (await client.get(f"{CAPACITIES}/a")).message == NOT_FOUND
    assert (await client.delete(f"{CAPACITIES}/a")).message == NOT_FOUND


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_of_them_can_be_made(client: Client, method: str) -> None:
    path = f"{CAPACITIES}/a" if method in {"PUT", "PATCH"} else CAPACITIES
    answer = await client.call(method, path, CAPACITY)
    assert (answer.code, answer.reason) == (405, "MethodNotAllowed")
    assert answer.message == (
        "csistoragecapacities.storage.k8s.io are not supported by this sandbox, which has nothing that would act on them"
    )


async def test_discovery_says_that_they_can_only_be_read(client: Client) -> None:
    found = (await client.get("/apis/storage.k8s.io/v1")).document["resources"]
    verbs = {entry["name"]: entry["verbs"] for entry in found}
    assert verbs["csistoragecapacities"] == ["get", "list", "watch"]
