"""`pods/proxy` and `services/proxy`: a request passed on to the pod, or to a ready endpoint of the Service.

https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import trio

from kthena_sandbox.apiserver.calls import Answer, Call
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.connecting import prefix
from kthena_sandbox.apiserver.errors import ApiError, bad_request
from kthena_sandbox.apiserver.serviceends import ready_endpoint
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.web import Headers, Response, Streaming, Write

Document = dict[str, Any]
_CONNECT_SECONDS = 5.0
_NODES = "the proxy to nodes is not served by this sandbox: its kubelet serves nothing but logs"
_UPGRADES = "upgrades are not proxied by this sandbox: connect to the address itself"
_PATH = "/:@!$&'()*+,;=~-._"
# Of one connection alone (RFC 9110, 7.6.1), or said anew for the next one.
_OF_CONNECTION = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"),
        *("upgrade", "content-length", "host", "authorization"),
    }
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the request goes."""

    scheme: str
    address: str
    port: str

    @property
    def authority(self) -> str:
        """Address and port."""
        return f"{self.address}:{self.port}" if self.port else self.address


async def proxied(call: Call, options: Document) -> Answer:
    """Pass the request on. Raises ApiError 400, 404, 501 or 503."""
    if call.resource.plural == "nodes":
        raise ApiError(501, "NotImplemented", _NODES)
    if "upgrade" in call.request.headers:
        raise ApiError(501, "NotImplemented", _UPGRADES)
    find = _pod if call.resource.plural == "pods" else _service
    place = find(call.cluster, call.key)
    path = options.get("path") or ""
    if not path and call.request.method in {"GET", "HEAD"}:
        return _with_slash(call)
    query = f"?{call.request.raw_query}" if call.request.raw_query else ""
    rooted = path if path.startswith("/") else f"/{path}"
    url = f"{place.scheme}://{place.authority}{quote(rooted, safe=_PATH)}{query}"
    return await _sent(call, place, httpx.URL(url))


def _with_slash(call: Call) -> Response:
    """Links that start at the place of the page need it to end like a folder."""
    query = f"?{call.request.raw_query}" if call.request.raw_query else ""
    target = f"{quote(call.request.path, safe=_PATH)}/{query}"
    return Response(301, b"", "text/plain", (("location", target),))


def _split(key: Key, what: str) -> tuple[str, Key, str]:
    """Scheme, object and port of `name`, `name:port` or `scheme:name:port`. Raises ApiError 400."""
    parts = key.name.split(":")
    scheme, name, port = {1: ("", *parts, ""), 2: ("", *parts), 3: (*parts,)}.get(
        len(parts), ("", "", "")
    )
    if not name or scheme not in {"", "http", "https"}:
        raise bad_request(f'invalid {what} request "{key.name}"')
    return scheme or "http", Key(key.namespace, name), port


def _pod(cluster: Cluster, key: Key) -> _Place:
    scheme, place, port = _split(key, "pod")
    pod = cluster.read(cluster.kind("", "v1", "pods"), place)
    address = (pod.get("status") or {}).get("podIP", "")
    if not address:
        raise bad_request("address not allowed")
    listed = (
        str(own["containerPort"])
        for entry in pod["spec"]["containers"]
        for own in entry.get("ports") or []
    )
    return _Place(scheme, address, port or next(listed, ""))


def _service(cluster: Cluster, key: Key) -> _Place:
    scheme, place, port = _split(key, "service")
    service = cluster.read(cluster.kind("", "v1", "services"), place)
    listed = service["spec"].get("ports") or []
    if port.isdecimal():
        named = [entry.get("name") or "" for entry in listed if entry["port"] == int(port)]
        if not named:
            text = f'no service port {port} found for service "{place.name}"'
            raise ApiError(503, "ServiceUnavailable", text)
        port = named[0]
    found = ready_endpoint(cluster, place, port)
    if found is None:
        text = f'no endpoints available for service "{place.name}"'
        raise ApiError(503, "ServiceUnavailable", text)
    return _Place(scheme, found[0], str(found[1]))


async def _sent(call: Call, place: _Place, url: httpx.URL) -> Answer:
    """As with a kube-apiserver, nobody looks at the certificate of a pod."""
    request, limits = call.request, httpx.Timeout(None, connect=_CONNECT_SECONDS)
    client = httpx.AsyncClient(verify=False, trust_env=False, timeout=limits)  # noqa: S501
    headers = [
        *_passed(request.headers.items()),
        ("x-forwarded-uri", request.path),
        ("x-forwarded-host", request.headers.get("host", "")),
    ]
    asked = httpx.Request(request.method, url, headers=headers, content=request.body)
    try:
        response = await client.send(asked, stream=True)
    except httpx.HTTPError as error:
        await client.aclose()
        why = f"error trying to reach service: {_why(error, place)}"
        raise ApiError(503, "ServiceUnavailable", why) from error
    answered = _answer_headers(call, place, response)
    if request.method == "HEAD":
        await _close(client, response)
        return Response(response.status_code, b"", "text/plain", answered)
    run = _relay(client, response)
    return Streaming(run, "application/octet-stream", answered, response.status_code)


def _passed(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _OF_CONNECTION]


def _answer_headers(call: Call, place: _Place, response: httpx.Response) -> Headers:
    listed = [(name.lower(), value) for name, value in response.headers.multi_items()]
    return tuple(
        (name, _moved(call, place, value) if name == "location" else value)
        for name, value in _passed(listed)
    )


def _moved(call: Call, place: _Place, location: str) -> str:
    """Where a redirection within the pod leads when it goes through the proxy too."""
    parts = urlsplit(location)
    if parts.netloc not in {"", place.authority} or not parts.path.startswith("/"):
        return location
    return parts._replace(scheme="", netloc="", path=prefix(call) + parts.path).geturl()


def _why(error: BaseException, place: _Place) -> str:
    """In the words of Go's net package, where a system call has failed."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.errno:
            said = os.strerror(inner.errno).lower()
            return f"dial tcp {place.authority}: connect: {said}"
        tried = inner.exceptions if isinstance(inner, BaseExceptionGroup) else ()
        inner = next(iter(tried), inner.__cause__ or inner.__context__)
    return str(error) or type(error).__name__


async def _close(client: httpx.AsyncClient, response: httpx.Response) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
        await response.aclose()
        await client.aclose()


def _relay(client: httpx.AsyncClient, response: httpx.Response) -> Any:
    async def run(write: Write) -> None:
        try:
            async for chunk in response.aiter_raw():
                await write(chunk)
        finally:
            await _close(client, response)

    return run
