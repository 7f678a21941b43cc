"""Calls webhooks: where they are, TLS by their own authority, and what comes back."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import trio

from kthena_sandbox.apiserver.admission.reviews import (
    VERSIONS,
    BadAnswer,
    Verdict,
    review,
    verdict,
)
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.serviceends import ready_endpoint
from kthena_sandbox.apiserver.storage import Key

Document = dict[str, Any]
_USUAL_SECONDS = 10


class CallFailed(Exception):
    """A webhook could not be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class _Place:
    """`url` is what is asked, `address` where that is, empty for what the name resolves to."""

    url: httpx.URL
    address: str = ""
    port: int = 0


async def call(cluster: Cluster, hook: Mapping[str, Any], request: Document) -> Verdict:
    """Ask one webhook. Raises CallFailed."""
    seconds = hook.get("timeoutSeconds") or _USUAL_SECONDS
    offered = hook.get("admissionReviewVersions") or ()
    version = next((entry for entry in offered if entry in VERSIONS), None)
    if version is None:
        raise CallFailed("webhook does not accept known AdmissionReview versions (v1, v1beta1)")
    body = msgspec.json.encode(review(request, version))
    try:
        answer = await post(cluster, hook["clientConfig"], body, seconds)
        return verdict(answer, request["uid"], version)
    except BadAnswer as error:
        raise CallFailed(f"received invalid webhook response: {error}") from error
    except CallFailed as error:
        raise CallFailed(f"failed to call webhook: {error}") from error


async def post(cluster: Cluster, config: Mapping[str, Any], body: bytes, seconds: float) -> bytes:
    """What the webhook at a `clientConfig` answers. Raises CallFailed."""
    place = _place(cluster, config)
    url = place.url.copy_merge_params({"timeout": f"{seconds}s"})
    with trio.move_on_after(seconds):
        try:
            return await _post(place, url, body, _trust(config), seconds)
        except (httpx.HTTPError, OSError) as error:
            raise CallFailed(f'Post "{url}": {_why(error)}') from error
    raise CallFailed(f'Post "{url}": context deadline exceeded')


def _why(error: BaseException) -> str:
    """What lies behind an error of httpx, which may have no text of its own."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"tls: failed to verify certificate: {inner.verify_message}"
        inner = inner.__cause__ or inner.__context__
    return str(error) or type(error).__name__


async def _post(
    place: _Place, url: httpx.URL, body: bytes, trust: ssl.SSLContext, seconds: float
) -> bytes:
    headers = {"content-type": "application/json", "accept": "application/json, */*"}
    target, extensions = url, {}
    if place.address:
        target = url.copy_with(host=place.address, port=place.port)
        headers["host"] = url.netloc.decode("ascii")
        extensions = {"sni_hostname": url.host}
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=seconds) as client:
        answer = await client.post(target, content=body, headers=headers, extensions=extensions)
    if not answer.is_success:
        raise httpx.RequestError(f"the server responded with the status code {answer.status_code}")
    return answer.content


def _trust(config: Mapping[str, Any]) -> ssl.SSLContext:
    bundle = config.get("caBundle")
    if not bundle:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
    except (ValueError, ssl.SSLError) as error:
        raise CallFailed(f"unable to load root certificates: {error}") from error


def _place(cluster: Cluster, config: Mapping[str, Any]) -> _Place:
    if url := config.get("url"):
        return _Place(httpx.URL(url))
    reference = config.get("service") or {}
    name, namespace = reference.get("name", ""), reference.get("namespace", "")
    number = reference.get("port") or 443
    host = f"{name}.{namespace}.svc"
    url = httpx.URL(f"https://{host}:{number}{reference.get('path') or '/'}")
    address, port = _endpoint(cluster, Key(namespace, name), number, url)
    return _Place(url, address, port)


def _endpoint(cluster: Cluster, key: Key, number: int, url: httpx.URL) -> tuple[str, int]:
    """A ready endpoint of a Service, by its EndpointSlices."""
    services = cluster.collection(cluster.kind("", "v1", "services")).documents
    if key not in services:
        raise CallFailed(f'Post "{url}": service "{key.name}" not found')
    listed = services[key]["spec"].get("ports") or []
    port = next((entry for entry in listed if entry["port"] == number), None)
    if port is None:
        why = f'no service port {number} found for service "{key.name}"'
        raise CallFailed(f'Post "{url}": {why}')
    found = ready_endpoint(cluster, key, port.get("name", ""))
    if found is not None:
        return found
    why = f'no endpoints available for service "{key.name}"'
    raise CallFailed(f'Post "{url}": {why}')
