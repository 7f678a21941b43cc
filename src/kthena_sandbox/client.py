"""A small Kubernetes client for controllers and kubelet, on httpx under trio."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec

from kthena_sandbox.entrance import Entrance
from kthena_sandbox.kinds import Document, Key, Kind

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
_TIMEOUT = httpx.Timeout(10.0, pool=60.0)
_WATCH_SLACK_SECONDS = 20.0


class ApiError(Exception):
    """The API server refused: `code` and `reason` of its Status, and the reasons of its causes."""

    def __init__(self, code: int, reason: str, message: str, causes: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.causes = frozenset(causes)


class ApiAway(Exception):
    """The API server cannot be reached, or the connection to it was cut."""


def status_error(document: object, code: int) -> ApiError:
    """The error that a Status document tells."""
    status = document if isinstance(document, dict) else {}
    message = str(status.get("message") or f"HTTP {code}")
    causes = (status.get("details") or {}).get("causes") or []
    told = (str(one.get("reason", "")) for one in causes)
    return ApiError(int(status.get("code") or code), str(status.get("reason") or ""), message, told)


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return {"message": content.decode(errors="replace")}


class Client:
    """Calls to one API server. All of them raise ApiError and ApiAway.

    `ca_pem` is by what the server is known; empty where it speaks plain HTTP. `agent` is who writes, for managedFields.
    """

    def __init__(
        self, http: httpx.AsyncClient, ca_pem: str = "", agent: str = "kube-controller-manager"
    ) -> None:
        self.ca_pem = ca_pem
        self._http = http
        self._agent = agent

    def named(self, agent: str) -> "Client":
        """The same client under another name."""
        return Client(self._http, self.ca_pem, agent)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the API server."""
        url = self._http.base_url
        return url.host, url.port or 443

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        """One request with JSON in and out."""
        content = None if body is None else msgspec.json.encode(body)
        sent = {
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": self._agent,
        }
        try:
            response = await self._http.request(
                method, path, params=params, content=content, headers=sent | dict(headers or {})
            )
        except httpx.HTTPError as error:
            raise ApiAway(str(error) or type(error).__name__) from error
        document: Document = _decoded(response.content)
        if not response.is_success:
            raise status_error(document, response.status_code)
        return document

    async def get(self, kind: Kind, key: Key) -> Document:
        """One object."""
        return await self.call("GET", kind.path(*key))

    async def find(self, kind: Kind, key: Key) -> Document | None:
        """One object, None where there is none."""
        try:
            return await self.get(kind, key)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str = "", **params: str) -> list[Document]:
        """All objects, or those of a namespace; *params* as `labelSelector`."""
        listed = await self.call("GET", kind.path(namespace), params=params)
        return [complete(kind, item) for item in listed.get("items") or []]

    async def create(self, kind: Kind, document: Document, **params: str) -> Document:
        """A new object; *params* as `dryRun`."""
        namespace = document["metadata"].get("namespace", "")
        named = {"apiVersion": kind.api_version, "kind": kind.name} | document
        return await self.call("POST", kind.path(namespace), params=params, body=named)

    async def replace(self, kind: Kind, document: Document, subresource: str = "") -> Document:
        """PUT, with the conflict check of its resourceVersion."""
        metadata = document["metadata"]
        path = kind.path(metadata.get("namespace", ""), metadata["name"], subresource)
        return await self.call("PUT", path, body=document)

    async def patch(
        self, kind: Kind, key: Key, change: Document, subresource: str = ""
    ) -> Document:
        """A JSON merge patch."""
        path = kind.path(key.namespace, key.name, subresource)
        return await self.call("PATCH", path, body=change, headers={"content-type": MERGE})

    async def apply(self, kind: Kind, key: Key, document: Document) -> Document:
        """Server-side apply, which takes what others have set; who writes is the field manager."""
        params = {"fieldManager": self._agent, "force": "true"}
        headers = {"content-type": APPLY}  # JSON is YAML
        return await self.call(
            "PATCH", kind.path(*key), params=params, body=document, headers=headers
        )

    async def delete(self, kind: Kind, key: Key, uid: str = "", **options: Any) -> Document:
        """Delete, only the object of *uid* if given; *options* as `gracePeriodSeconds`."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1"} | options
        if uid:
            body["preconditions"] = {"uid": uid}
        return await self.call("DELETE", kind.path(*key), body=body)

    @asynccontextmanager
    async def watch(
        self, path: str, version: str, seconds: int, headers: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The pieces of the body of a collection's watch from *version* on, for *seconds*."""
        params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        params["allowWatchBookmarks"] = "true"
        timeout = httpx.Timeout(10.0, read=seconds + _WATCH_SLACK_SECONDS, pool=60.0)
        try:
            async with self._http.stream(
                "GET", path, params=params, timeout=timeout, headers=dict(headers)
            ) as response:
                if not response.is_success:
                    raise status_error(_decoded(await response.aread()), response.status_code)
                async with aclosing(
                    cast("AsyncGenerator[bytes, None]", response.aiter_raw())
                ) as pieces:
                    yield pieces
        except httpx.HTTPError as error:
            raise ApiAway(str(error) or type(error).__name__) from error


class _TokenFile(httpx.Auth):
    """Shows the token that a file holds now: those of service accounts are replaced before they expire."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header. Raises httpx.RequestError where the file cannot be read."""
        try:
            token = self._file.read_text(encoding="utf-8")
        except OSError as error:
            raise httpx.RequestError(str(error), request=request) from error
        request.headers["authorization"] = f"Bearer {token}"
        yield request


def complete(kind: Kind, item: Document) -> Document:
    """An item of a list with its kind, which lists leave out."""
    return item if "kind" in item else {"apiVersion": kind.api_version, "kind": kind.name} | item


@asynccontextmanager
async def open_client(entrance: Entrance) -> AsyncIterator[Client]:
    """A client of the server there; its watches may be many."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=30)
    async with httpx.AsyncClient(
        base_url=entrance.server, verify=entrance.tls(), headers=entrance.headers(),
        auth=_TokenFile(entrance.token_file) if entrance.token_file else None,
        trust_env=False, limits=limits, timeout=_TIMEOUT,
    ) as http:  # fmt: skip
        yield Client(http, entrance.ca_pem)
