from pathlib import Path
from typing import Any

from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.kinds import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    PODS,
    SERVICES,
    Document,
    Key,
    uid_of,
)

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
