import pytest
from tests.sandbox.apiserver.asgi_client import Client

CRON_JOBS = "/apis/batch/v1/namespaces/default/cronjobs"
CRON_JOB = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"}}


async def test_kinds_that_nothing_acts_on_list_as_empty(client: Client) -> None:
    listed = (await client.get("/apis/batch/v1/cronjobs")).document
    assert (listed["kind"], listed["items"]) == ("CronJobList", [])
    assert (await client.get(f"{CRON_JOBS}/a")).message == 'cronjobs.batch "a" not found'
    assert (await client.delete(f"{CRON_JOBS}/a")).message == 'cronjobs.batch "a" not found'


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_of_them_can_be_made(client: Client, method: str) -> None:
    path = f"{CRON_JOBS}/a" if method in {"PUT", "PATCH"} else CRON_JOBS
    answer = await client.call(method, path, CRON_JOB)
    assert (answer.code, answer.reason) == (405, "MethodNotAllowed")
    assert answer.message == (
        "cronjobs.batch are not supported by this sandbox, which has nothing that would act on them"
    )


async def test_discovery_says_that_they_can_only_be_read(client: Client) -> None:
    found = (await client.get("/apis/batch/v1")).document["resources"]
    verbs = {entry["name"]: entry["verbs"] for entry in found}
    assert verbs["cronjobs"] == ["get", "list", "watch"]
