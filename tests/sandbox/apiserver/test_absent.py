import pytest
from tests.sandbox.apiserver.asgi_client import Client

JOBS = "/apis/batch/v1/namespaces/default/jobs"
JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}


async def test_kinds_that_nothing_acts_on_list_as_empty(client: Client) -> None:
    listed = (await client.get("/apis/batch/v1/jobs")).document
    assert (listed["kind"], listed["items"]) == ("JobList", [])
    assert (await client.get(f"{JOBS}/a")).message == 'jobs.batch "a" not found'
    assert (await client.delete(f"{JOBS}/a")).message == 'jobs.batch "a" not found'


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_of_them_can_be_made(client: Client, method: str) -> None:
    path = f"{JOBS}/a" if method in {"PUT", "PATCH"} else JOBS
    answer = await client.call(method, path, JOB)
    assert (answer.code, answer.reason) == (405, "MethodNotAllowed")
    assert answer.message == (
        "jobs.batch are not supported by this sandbox, which has nothing that would act on them"
    )


async def test_discovery_says_that_they_can_only_be_read(client: Client) -> None:
    found = (await client.get("/apis/batch/v1")).document["resources"]
    assert [(entry["name"], entry["verbs"]) for entry in found] == [
        ("cronjobs", ["get", "list", "watch"]), ("jobs", ["get", "list", "watch"]),
    ]  # fmt: skip
