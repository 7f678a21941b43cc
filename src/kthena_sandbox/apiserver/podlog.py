"""`pods/log`: what the kubelet of the pod's node says, passed on as it comes."""

from collections.abc import Mapping
from typing import Any

import httpx
import trio

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import ApiError, bad_request, internal
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.web import Streaming, Write

Document = dict[str, Any]
_PASSED = (
    "follow", "tailLines", "timestamps", "sinceSeconds", "sinceTime", "limitBytes", "previous",
)  # fmt: skip
_CONNECT_SECONDS = 5.0


def log_url(cluster: Cluster, key: Key, query: Mapping[str, str]) -> httpx.URL | None:
    """Where the log of a pod's container is; None before the pod has a node, when nothing can be in it.

    Raises ApiError 400, 404 or 500.
    """
    pod = cluster.read(cluster.kind("", "v1", "pods"), key)
    container = _container(pod, query.get("container", ""))
    if not pod["spec"].get("nodeName"):
        return None
    address, port = _kubelet(_node(cluster, pod))
    passed = {name: query[name] for name in _PASSED if name in query}
    path = f"/containerLogs/{key.namespace}/{key.name}/{container}"
    return httpx.URL(f"http://{address}:{port}{path}", params=passed)


def check_process(cluster: Cluster, key: Key, container: str) -> None:
    """What is asked of a pod before anything runs in it, or is connected to it.

    Raises ApiError 400, 404 or 500.
    """
    pod = cluster.read(cluster.kind("", "v1", "pods"), key)
    _container(pod, container)
    if not pod["spec"].get("nodeName"):
        raise bad_request(f"pod {key.name} does not have a host assigned")
    _addresses(_node(cluster, pod))


def _node(cluster: Cluster, pod: Document) -> Document:
    return cluster.read(cluster.kind("", "v1", "nodes"), Key("", pod["spec"]["nodeName"]))


def _addresses(node: Document) -> list[Document]:
    found: list[Document] = (node.get("status") or {}).get("addresses") or []
    if not found:
        raise ApiError(500, "", "no preferred addresses found; known addresses: []")
    return found


def _container(pod: Document, asked: str) -> str:
    name = pod["metadata"]["name"]
    usual, initial = _names(pod, "containers"), _names(pod, "initContainers")
    if not asked and len(usual) > 1:
        text = (
            f"a container name must be specified for pod {name}, choose one of: [{' '.join(usual)}]"
        )
        other = f" or one of the init containers: [{' '.join(initial)}]" if initial else ""
        raise bad_request(text + other)
    wanted = asked or usual[0]
    if wanted not in usual + initial:
        raise bad_request(f"container {wanted} is not valid for pod {name}")
    return wanted


def _names(pod: Document, field: str) -> list[str]:
    return [str(entry["name"]) for entry in pod["spec"].get(field) or []]


def _kubelet(node: Document) -> tuple[str, int]:
    status = node.get("status") or {}
    addresses = {entry["type"]: entry["address"] for entry in _addresses(node)}
    endpoint = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    if "InternalIP" not in addresses or not endpoint.get("Port"):
        raise internal(f"node {node['metadata']['name']} has not said where its kubelet listens")
    return str(addresses["InternalIP"]), int(endpoint["Port"])


async def open_log(url: httpx.URL) -> Streaming | ApiError:
    """Ask the kubelet; the answer is a stream, or the error that takes its place."""
    limits = httpx.Timeout(None, connect=_CONNECT_SECONDS)
    client = httpx.AsyncClient(trust_env=False, timeout=limits)
    try:
        response = await client.send(client.build_request("GET", url), stream=True)
    except httpx.HTTPError as error:
        await client.aclose()
        return internal(f'Get "{url}": {str(error) or type(error).__name__}')
    if response.is_success:
        return Streaming(_relay(client, response), "text/plain")
    text = (await response.aread()).decode(errors="replace").strip()
    await client.aclose()
    return bad_request(text) if response.status_code < 500 else internal(text)


def _relay(client: httpx.AsyncClient, response: httpx.Response) -> Any:
    async def run(write: Write) -> None:
        try:
            async for chunk in response.aiter_raw():
                await write(chunk)
        except httpx.HTTPError:
            return  # the kubelet went away in mid-stream; what it had said has been passed on
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await response.aclose()
                await client.aclose()

    return run
