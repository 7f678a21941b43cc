"""The ASGI app of the Kubernetes API: one request in, one answer, errors as Status objects."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec

from kthena_sandbox import __version__
from kthena_sandbox.apiserver.auth.access import Access, Unnamed
from kthena_sandbox.apiserver.auth.tokens import configuration
from kthena_sandbox.apiserver.calls import Answer, Call
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.documents import Documents
from kthena_sandbox.apiserver.errors import (
    ApiError,
    bad_request,
    internal,
    method_not_allowed,
    no_such_resource,
)
from kthena_sandbox.apiserver.fairness import RETRY_SECONDS, Fairness, TooManyRequests
from kthena_sandbox.apiserver.negotiation import JSON, Form, encode
from kthena_sandbox.apiserver.objects import answer
from kthena_sandbox.apiserver.options import check_timeout
from kthena_sandbox.apiserver.paths import Target, parse_target
from kthena_sandbox.apiserver.web import (
    NO_SUCH_PATH,
    Interruption,
    Message,
    Receive,
    Request,
    Response,
    Send,
    Streaming,
    Takeover,
    read_request,
    warning,
    write_response,
    write_stream,
)

_LOG = logging.getLogger(__name__)
_TOO_MANY = Response(
    429, b"Too many requests, please try again later.\n", "text/plain; charset=utf-8",
    (("retry-after", str(RETRY_SECONDS)),),
)  # fmt: skip
_HEALTH = frozenset({"/healthz", "/livez", "/readyz"})
_PARTS_OF_HEALTH = tuple(f"{name}/" for name in _HEALTH)
VERSION = {
    "major": "1",
    "minor": "34",
    "emulationMajor": "1",
    "emulationMinor": "34",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "33",
    "gitVersion": f"v1.34.0+sandbox-{__version__}",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "gc",
    "platform": "linux/amd64",
}


class Api:
    """The API over one cluster. `interruption` ends its streams, when the server stops or to rehearse that."""

    def __init__(self, cluster: Cluster, access: Access, bookmark_seconds: float = 60.0) -> None:
        self.cluster = cluster
        self.access = access
        self.interruption = Interruption()
        self._bookmark_seconds = bookmark_seconds
        self._fairness = Fairness()
        self._documents = Documents(cluster.catalogue)
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._streams = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            request = await read_request(scope, receive)
        except ApiError as error:
            await write_response(send, self.refusal(error))
            return
        if request is None:
            return
        async with self.answering(request) as answered:
            if isinstance(answered, Streaming):
                await write_stream(receive, send, answered, self.interruption)
            else:
                await write_response(send, answered)

    @asynccontextmanager
    async def answering(self, request: Request) -> AsyncIterator[Response | Streaming]:
        """The answer to a request without an upgrade, counted while it is sent in the block."""
        answered = await self.answer(request)
        if isinstance(answered, Takeover):
            answered = status_response(bad_request("Upgrade request required"))
        self._count(request.method, request.path, answered.code)
        self._streams += isinstance(answered, Streaming)
        try:
            yield answered
        finally:
            self._streams -= isinstance(answered, Streaming)

    def refusal(self, error: ApiError) -> Response:
        """The answer to what could not be read as a request."""
        self._count("", "", error.code)
        return status_response(error)

    async def answer(self, request: Request) -> Answer:
        """What a request is answered; whatever goes wrong is an answer too."""
        try:
            return await self._settled(request)
        except Exception as error:  # noqa: BLE001  one bad request must not end the server
            _LOG.exception("%s %s failed", request.method, request.path)
            return status_response(internal(f"{type(error).__name__}: {error}"))

    async def _settled(self, request: Request) -> Answer:
        """The answer, when what it tells can no longer be lost. Raises OSError when it was."""
        try:
            answered = await self._answer(request)
        except ApiError as error:
            answered = status_response(error)
        except RecursionError:  # only the decoder could follow the body
            answered = status_response(bad_request("the body is nested too deeply"))
        await self.cluster.store.settled()
        return answered

    async def _answer(self, request: Request) -> Answer:
        path = request.path.rstrip("/") or "/"
        target = parse_target(path)
        check_timeout(request, target)
        try:
            request = replace(request, user=self.access.admit(request, target))
        except Unnamed as error:
            return Response(500, f"{error}\n".encode(), "text/plain; charset=utf-8")
        if path in _HEALTH and path == request.path:
            return self._health(path, request)
        try:
            async with self._fairness.turn(request.user, _program(request)):
                return await self._in_turn(path, target, request)
        except TooManyRequests:
            return _TOO_MANY

    async def _in_turn(self, path: str, target: Target | None, request: Request) -> Answer:
        fixed = self._fixed(path, request)
        if fixed is not None:
            return fixed
        if target is None:
            return self._group(path, request)
        if not target.resource:
            self._only_get(request)
            found = self._current().resources(request, target.group, target.version)
            return found or self._absent(target.group)
        return await self._of_resource(target, request)

    def _fixed(self, path: str, request: Request) -> Response | None:
        if path.startswith("/sandbox/"):
            return self._control(path, request)
        if path.startswith(_PARTS_OF_HEALTH):
            return self._health(path, request)
        return self._identity(path, request) or self._document(path, request)

    @staticmethod
    def _health(path: str, request: Request) -> Response:
        text = f"[+]ping ok\n{path[1:]} check passed\n" if request.flag("verbose") else "ok"
        return Response(200, text.encode(), "text/plain; charset=utf-8")

    def _identity(self, path: str, request: Request) -> Response | None:
        """What others need to check tokens of service accounts (OpenID Connect Discovery)."""
        if path == "/openid/v1/jwks":
            keys = encode(self.access.tokens.key_set(), Form(JSON))
            return Response(200, keys, "application/jwk-set+json")
        if path == "/.well-known/openid-configuration":
            address = f"https://{request.headers.get('host', '')}"
            return Response(200, encode(configuration(address), Form(JSON)))
        return None

    def _document(self, path: str, request: Request) -> Response | None:
        match path:
            case "/version":
                return Response(200, _indented(VERSION))
            case "/metrics":
                return Response(200, self._metrics(), "text/plain; version=0.0.4")
            case "/":
                return Response(200, _indented({"paths": self._paths()}))
            case "/api" | "/apis":
                self._only_get(request)
                return self._current().roots(request, legacy=path == "/api")
            case "/openapi/v2":
                return self._current().openapi_v2(request)
            case _ if path.startswith("/openapi/v3"):
                return self._current().openapi_v3(request)
        return None

    def _group(self, path: str, request: Request) -> Response:
        _, _, group = path.rpartition("/apis/")
        found = self._current().group(request, group) if path.startswith("/apis/") else None
        return found or NO_SUCH_PATH

    def _current(self) -> Documents:
        if self._documents.catalogue is not self.cluster.catalogue:
            self._documents = Documents(self.cluster.catalogue)
        return self._documents

    def _paths(self) -> list[str]:
        roots = [f"/apis/{group}" for group in self.cluster.catalogue.groups if group]
        return ["/.well-known/openid-configuration", "/api", "/api/v1", "/apis", *sorted(roots), "/healthz", "/livez", "/metrics",
                "/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/readyz", "/version"]  # fmt: skip

    @staticmethod
    def _only_get(request: Request) -> None:
        if request.method not in {"GET", "HEAD"}:
            raise method_not_allowed()

    async def _of_resource(self, target: Target, request: Request) -> Answer:
        resource = self.cluster.catalogue.find(target.group, target.version, target.resource)
        if resource is None:
            return self._absent(target.group)
        call = Call(self.cluster, resource, target, request, self._bookmark_seconds, self.access)
        return await answer(call)

    def _absent(self, group: str) -> Response:
        """What is answered for a version or a resource that the group does not have."""
        return (
            status_response(no_such_resource())
            if self.cluster.catalogue.is_built_in(group)
            else NO_SUCH_PATH
        )

    def _control(self, path: str, request: Request) -> Response:
        """What Kubernetes has no request for: forget the history now, cut all watches now."""
        if request.method != "POST":
            raise method_not_allowed()
        if path == "/sandbox/compact":
            revision = self.cluster.store.compact()
            return Response(200, encode({"revision": str(revision)}, Form(JSON)))
        if path == "/sandbox/cut-watches":
            self.interruption.cut()
            return Response(200, b"{}\n")
        return NO_SUCH_PATH

    def _count(self, method: str, path: str, code: int) -> None:
        target = parse_target(path)
        served = target and self.cluster.catalogue.find(
            target.group, target.version, target.resource
        )
        self._counts[method, served.plural if served else "", code] += 1

    def _metrics(self) -> bytes:
        lines = ["# TYPE apiserver_request_total counter"]
        for (method, plural, code), count in sorted(self._counts.items()):
            labels = f'verb="{method}",resource="{plural}",code="{code}"'
            lines.append(f"apiserver_request_total{{{labels}}} {count}")
        lines += ["# TYPE apiserver_longrunning_requests gauge",
                  f"apiserver_longrunning_requests {self._streams}"]  # fmt: skip
        return ("\n".join(lines) + "\n").encode()


def _indented(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(encode(document, Form(JSON)), indent=2)


def _program(request: Request) -> str:
    """The name of the client's program, from its User-Agent."""
    return request.headers.get("user-agent", "").partition("/")[0]


def status_response(error: ApiError) -> Response:
    """An error as Kubernetes answers it."""
    retry = error.details.get("retryAfterSeconds")
    headers = (("retry-after", str(retry)),) if retry else ()
    said = tuple(map(warning, error.warnings))
    return Response(error.code, encode(error.status(), Form(JSON)), headers=(*headers, *said))


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
