"""A client that speaks ASGI to the API without a socket, and a cluster on a fixed clock to speak to."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec
import trio
import trio.testing
from cryptography.hazmat.primitives.asymmetric import ec

from kthena_sandbox.apiserver.app import Api
from kthena_sandbox.apiserver.auth.access import Access
from kthena_sandbox.apiserver.auth.authorizer import Authorizer
from kthena_sandbox.apiserver.auth.identity import ADMIN, ANONYMOUS
from kthena_sandbox.apiserver.auth.tokens import Tokens
from kthena_sandbox.apiserver.bootstrap import start_cluster
from kthena_sandbox.apiserver.storage import Store

Document = dict[str, Any]
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass
class Clock:
    """A wall clock that stands until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Answer:
    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Document:
        decoded: Document = msgspec.json.decode(self.body)
        return decoded

    @property
    def reason(self) -> str:
        return str(self.document.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.document["message"])

    @property
    def version(self) -> str:
        return str(self.document["metadata"]["resourceVersion"])


@dataclass
class Stream:
    """The lines of a streamed answer as they come."""

    headers: dict[str, str] = field(default_factory=dict)
    code: int = 0
    ended: bool = False
    _lines: list[bytes] = field(default_factory=list)
    _partial: bytes = b""
    _news: trio.Event = field(default_factory=trio.Event)

    def take(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.code, self.headers = message["status"], _decoded(message["headers"])
            return
        *lines, self._partial = (self._partial + message.get("body", b"")).split(b"\n")
        self._lines += lines
        self.ended = not message.get("more_body", False)
        self._news.set()

    async def next(self) -> Document:
        """The next event; fails after an hour of virtual time or at the end of the stream."""
        with trio.fail_after(3600):
            while not self._lines:
                assert not self.ended, "the stream ended"
                self._news = trio.Event()
                await self._news.wait()
        decoded: Document = msgspec.json.decode(self._lines.pop(0))
        return decoded

    async def wait_end(self) -> None:
        with trio.fail_after(36_000):
            while not self.ended:
                self._news = trio.Event()
                await self._news.wait()


def _decoded(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


def _scope(method: str, url: str, headers: Mapping[str, str]) -> Document:
    parts = urlsplit(url)
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": parts.path,
            "query_string": parts.query.encode(), "headers": encoded}  # fmt: skip


@dataclass
class Client:
    api: Api
    clock: Clock

    async def call(
        self, method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        content = (
            body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        )
        messages: list[Document] = [{"type": "http.request", "body": content, "more_body": False}]
        sent: list[Mapping[str, Any]] = []

        async def receive() -> Document:
            await trio.lowlevel.checkpoint()
            return messages.pop(0) if messages else await trio.sleep_forever()

        async def send(message: Mapping[str, Any]) -> None:
            await trio.lowlevel.checkpoint()
            sent.append(message)

        await self.api(_scope(method, url, headers or {}), receive, send)
        answered = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], _decoded(sent[0]["headers"]), answered)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.call("GET", url, headers=headers)

    async def post(self, url: str, body: object) -> Answer:
        return await self.call("POST", url, body)

    async def put(self, url: str, body: object) -> Answer:
        return await self.call("PUT", url, body)

    async def delete(self, url: str, body: object = None) -> Answer:
        return await self.call("DELETE", url, body)

    async def patch(self, url: str, body: object, kind: str = "merge-patch+json") -> Answer:
        return await self.call("PATCH", url, body, {"content-type": f"application/{kind}"})

    async def create_configmap(self, name: str, **metadata: Any) -> Document:
        answer = await self.post(CONFIGMAPS, configmap(name, **metadata))
        assert answer.code == 201, answer.body
        return answer.document

    @asynccontextmanager
    async def watch(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Stream]:
        """A running watch; leaving the block is the client's disconnect."""
        stream, gone = Stream(), trio.Event()
        first: list[Document] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Document:
            if first:
                return first.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            await trio.lowlevel.checkpoint()
            stream.take(message)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.api, _scope("GET", url, headers or {}), receive, send)
            await trio.testing.wait_all_tasks_blocked()
            yield stream
            gone.set()


def make_client(
    *,
    history: int = 1000,
    bookmark_seconds: float = 60.0,
    secure: bool = False,
    accounts: bool = False,
) -> Client:
    """A cluster in its first moment, at revision 1 plus its first objects.

    No controller makes service accounts here, so pods do without unless a test is about *accounts*.
    In a *secure* one who shows no token is a stranger; the administrator's is `admin`.
    """
    clock = Clock()
    disabled = frozenset[str]() if accounts else frozenset({"ServiceAccount"})
    cluster = start_cluster(
        Store(history=history), clock, Random(7), 6443, disabled_plugins=disabled
    )
    tokens = Tokens(cluster, ec.generate_private_key(ec.SECP256R1()))
    access = Access(Authorizer(cluster), tokens, "admin", ANONYMOUS if secure else ADMIN)
    return Client(Api(cluster, access, bookmark_seconds), clock)


def configmap(name: str, **metadata: Any) -> Document:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name} | metadata,
            "data": {"key": "value"}}  # fmt: skip


def pod(name: str, **spec: Any) -> Document:
    containers = [{"name": "main", "image": "kthena/mock-engine"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": containers} | spec}  # fmt: skip


def widget(name: str, version: str = "v1", **spec: Any) -> Document:
    return {"apiVersion": f"example.com/{version}", "kind": "Widget", "metadata": {"name": name},
            "spec": spec}  # fmt: skip


_SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "maximum": 10, "default": 3},
                "colour": {"type": "string", "enum": ["red", "green"]},
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
    },
}


def widget_definition(**changes: Any) -> Document:
    """A CRD with two served versions, status subresource, defaults and a limit."""
    versions: list[Document] = [
        {"name": name, "served": True, "storage": name == "v1",
         "schema": {"openAPIV3Schema": _SCHEMA}, "subresources": {"status": {}}}
        for name in ("v1", "v1beta1")
    ]  # fmt: skip
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": versions,
    }
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"}, "spec": spec | changes}  # fmt: skip
