from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import trio
from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.endpointslices import Endpoints
from kthena_sandbox.controllers.run import utc_now
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    NODES,
    PODS,
    SERVICES,
    Document,
    Key,
    uid_of,
)
from kthena_sandbox.mirror import Mirror

WEB = Key("default", "web")
_SPEC = {"selector": {"app": "a"}, "ports": [{"port": 80, "targetPort": 8000}]}


async def _slices(cluster: Cluster, name: str = "web") -> list[Document]:
    selector = f"kubernetes.io/service-name={name}"
    return await cluster.client.list(ENDPOINT_SLICES, "default", labelSelector=selector)


async def _states(cluster: Cluster) -> list[tuple[str, bool, bool]]:
    """Of each endpoint: whose it is, whether it is ready, whether it goes."""
    return [
        (entry["targetRef"]["name"], entry["conditions"]["ready"], entry["conditions"]["terminating"])
        for document in await _slices(cluster) for entry in document.get("endpoints") or []
    ]  # fmt: skip


async def _pod(cluster: Cluster, name: str, **container: Any) -> None:
    labels = {"labels": {"app": "a"}}
    await cluster.create(PODS, name, metadata=labels, spec=engine_pod(**container))


async def test_slices_and_endpoints_follow_the_pods(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        service = await cluster.create(SERVICES, "web", spec=_SPEC)
        await _pod(cluster, "one")

        async def states_are(expected: list[tuple[str, bool, bool]]) -> None:
            async def same() -> bool:
                return await _states(cluster) == expected

            await cluster.until(same)

        await states_are([("one", True, False)])
        (document,) = [entry for entry in await _slices(cluster) if entry.get("endpoints")]
        assert document["metadata"]["name"].startswith("web-")
        assert document["metadata"]["ownerReferences"][0]["uid"] == uid_of(service)
        assert document["endpoints"][0]["nodeName"] == "sandbox"

        async def listed() -> bool:
            found = await cluster.client.find(ENDPOINTS, WEB) or {}
            return bool(found.get("subsets"))

        await cluster.until(listed)
        await cluster.client.delete(PODS, Key("default", "one"))
        await states_are([])
        await cluster.client.delete(SERVICES, WEB)
        await cluster.gone(ENDPOINTS, WEB)
        for document in await _slices(cluster):
            await cluster.gone(ENDPOINT_SLICES, Key("default", document["metadata"]["name"]))


async def test_a_slice_that_somebody_deletes_comes_back(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(SERVICES, "web", spec=_SPEC)

        async def there() -> list[Document]:
            return await _slices(cluster)

        (document,) = await cluster.until(there)
        await cluster.client.delete(ENDPOINT_SLICES, Key("default", document["metadata"]["name"]))

        async def replaced() -> bool:
            found = await _slices(cluster)
            return bool(found) and uid_of(found[0]) != uid_of(document)

        await cluster.until(replaced)


async def test_endpoints_written_by_hand_are_mirrored(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(SERVICES, "web", spec={"ports": [{"port": 80}]})
        subset = {"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 8000}]}
        await cluster.create(ENDPOINTS, "web", subsets=[subset])

        async def there() -> list[Document]:
            return await _slices(cluster)

        (document,) = await cluster.until(there)
        assert [entry["addresses"] for entry in document["endpoints"]] == [["127.0.0.1"]]
        labels = document["metadata"]["labels"]
        assert labels["endpointslice.kubernetes.io/managed-by"] == (
            "endpointslicemirroring-controller.k8s.io"
        )
        await cluster.client.patch(
            ENDPOINTS,
            WEB,
            {"metadata": {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}},
        )
        await cluster.gone(ENDPOINT_SLICES, Key("default", document["metadata"]["name"]))


async def test_the_api_server_is_the_endpoint_of_the_service_kubernetes(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:

        async def there() -> list[Document]:
            return await _slices(cluster, "kubernetes")

        (document,) = await cluster.until(there)
        host, port = document["endpoints"][0]["addresses"][0], document["ports"][0]["port"]
        assert (host, port) == cluster.client.address


async def test_endpoints_go_even_if_their_service_goes_while_they_are_written(
    tmp_path: Path,
) -> None:
    key, forgotten, written = Key("default", "s"), trio.Event(), trio.Event()

    def is_of_endpoints(request: httpx.Request) -> bool:
        return request.method == "POST" and request.url.path.endswith("/endpoints")

    async def let_the_service_go(request: httpx.Request) -> None:
        if is_of_endpoints(request):
            await cluster.client.delete(SERVICES, key)
            await forgotten.wait()

    async def note_the_answer(response: httpx.Response) -> None:
        if is_of_endpoints(response.request):
            assert response.status_code == 201
            written.set()

    def note_the_end(before: Document | None, after: Document | None) -> None:
        if after is None:
            forgotten.set()

    hooks: dict[str, list[Callable[..., Any]]] = {
        "request": [let_the_service_go], "response": [note_the_answer],
    }  # fmt: skip
    async with (
        running(tmp_path) as cluster,
        httpx.AsyncClient(base_url=cluster.url, trust_env=False, event_hooks=hooks) as http,
        trio.open_nursery() as nursery,
    ):
        client = Client(http)
        kinds = (SERVICES, ENDPOINT_SLICES, ENDPOINTS, NODES)
        mirrors = {kind: Mirror(client, kind) for kind in kinds}
        pods = Mirror(client, PODS)
        controller = Endpoints(client, mirrors, pods, EventRecorder(client, "c", utc_now))
        mirrors[SERVICES].subscribe(note_the_end)
        for mirror in (*mirrors.values(), pods):
            nursery.start_soon(mirror.run)
        nursery.start_soon(controller.loop.run)
        spec = {"selector": {"app": "a"}, "ports": [{"port": 80}]}
        await cluster.create(SERVICES, "s", spec=spec)
        await written.wait()
        await cluster.gone(ENDPOINTS, key)
        nursery.cancel_scope.cancel()
