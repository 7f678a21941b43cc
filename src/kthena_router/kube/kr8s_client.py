"""The door to kr8s, which finds the cluster, authenticates and sends; lists and watches are read elsewhere.

Statuses are not left to kr8s: at a 401 or 403 it would replace the session under all running watches. Here every
reading of the credentials makes a kr8s `Api` of its own, and the one before lives on until its last watch has ended.
"""

import logging
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import trio
from kr8s import APITimeoutError
from kr8s._api import Api

from kthena_router.kube.access import Choice, choose_access
from kthena_router.kube.client import (
    KubeApi,
    NoCluster,
    Unauthorized,
    Unavailable,
    error_for,
)
from kthena_router.kube.keepalive import probe_peer
from kthena_router.kube.lines import LineSplitter
from kthena_router.kube.rate import RateLimit
from kthena_router.kube.reachability import Reachability
from kthena_router.settings import ClusterAccess

log = logging.getLogger(__name__)

USER_AGENT = "kthena-router"
CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 30.0
DEFAULT_PER_SECOND = 5.0
DEFAULT_BURST = 10
# A kubelet replaces a mounted token well before it expires, so a look each minute is enough.
LOOK_SECONDS = 60.0
# Credentials that were refused as soon as they were read are read again after this time.
REFUSED_SECONDS = 2.0
_FAILURES = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    APITimeoutError,
    OSError,
    ssl.SSLError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)


class _Status(msgspec.Struct, frozen=True):
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    params: dict[str, str]
    timeout: httpx.Timeout
    content: bytes = b""
    content_type: str = "application/json"

    def arguments(self) -> dict[str, Any]:
        """Return what kr8s' `call_api` takes; it joins *base* and *url* with a slash."""
        base, _, last = self.path.rpartition("/")
        headers = {"accept": "application/json", "user-agent": USER_AGENT}
        if self.content:
            headers["content-type"] = self.content_type
        return {
            "method": self.method,
            "version": "",
            "base": base,
            "url": last,
            "raise_for_status": False,
            "params": self.params,
            "content": self.content,
            "headers": headers,
            "timeout": self.timeout,
        }

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class _Session:
    """One reading of the credentials; closed when it is retired and nobody uses it any more."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.loaded = trio.current_time()
        self.accepted = False
        self._users = 0
        self._retired = False

    @asynccontextmanager
    async def open_call(self, call: _Call, *, stream: bool) -> AsyncIterator[httpx.Response]:
        """Send *call*. Raises Unavailable when there is no answer, also while a stream is read."""
        self._users += 1
        try:
            async with self.api.call_api(**call.arguments(), stream=stream) as response:
                yield response
        except _FAILURES as error:
            raise Unavailable(0, f"{call}: {_name(error)}") from error
        finally:
            self._users -= 1
            await self._close_unused()

    async def retire(self) -> None:
        """Close as soon as the last user has left."""
        self._retired = True
        await self._close_unused()

    async def _close_unused(self) -> None:
        session: httpx.AsyncClient | None = self.api._session
        if self._retired and not self._users and session is not None:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await session.aclose()


@asynccontextmanager
async def open_kube_api(access: ClusterAccess) -> AsyncIterator[KubeApi]:
    """Open the API that *access* leads to. Raises NoCluster where there is none to be found."""
    choice = choose_access(access, os.path.exists)
    limit = RateLimit(
        access.queries_per_second or DEFAULT_PER_SECOND, access.burst or DEFAULT_BURST
    )
    try:
        client = Kr8sClient(choice, limit, await _load(choice))
    except Exception as error:  # whatever a broken file makes kr8s raise
        raise NoCluster(f"{choice} cannot be used: {_name(error)}") from error
    log.info("using the Kubernetes API at %s (%s)", client.server, choice)
    try:
        yield client
    finally:
        await client.aclose()


class Kr8sClient:
    """`KubeApi` over kr8s."""

    def __init__(self, choice: Choice, limit: RateLimit, session: _Session) -> None:
        self._choice = choice
        self._limit = limit
        self._session = session
        self._reachability = Reachability()
        self._renewing = trio.Lock()
        self._looked = trio.current_time()
        self._seen_files = _read_files(choice, session.api)

    @property
    def server(self) -> str:
        """Return the URL of the API."""
        return str(self._session.api.auth.server)

    async def aclose(self) -> None:
        """Close every connection that is not in use."""
        await self._session.retire()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> bytes:
        """Send one request, and once more after a 401 with fresh credentials."""
        content = b"" if body is None else msgspec.json.encode(body)
        timeout = httpx.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS)
        call = _Call(method, path, dict(params or {}), timeout, content, content_type)
        try:
            return await self._request(call)
        except Unauthorized:
            return await self._request(call)

    async def _request(self, call: _Call) -> bytes:
        async with self._open_call(call, stream=False) as response:
            return response.content

    def open_watch(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a watch; its lines end when the server closes it."""
        return self._open_watch(path, params, silence)

    @asynccontextmanager
    async def _open_watch(
        self, path: str, params: Mapping[str, str], silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        timeout = httpx.Timeout(CONNECT_SECONDS, read=silence)
        call = _Call("GET", path, dict(params), timeout)
        async with self._open_call(call, stream=True) as response:
            probe_peer(response)
            async with aclosing(_lines(response)) as lines:
                yield lines

    @asynccontextmanager
    async def _open_call(self, call: _Call, *, stream: bool) -> AsyncIterator[httpx.Response]:
        """Send *call* and hand out a successful answer. Raises KubeError."""
        await self._limit.wait()
        await self._look_for_new_credentials()
        session = self._session
        opened = False
        try:
            async with session.open_call(call, stream=stream) as response:
                opened = True
                await self._check(session, call, response)
                yield response
        except Unavailable as error:
            if not opened:
                self._reachability.failed(str(error))
            raise

    async def _check(self, session: _Session, call: _Call, response: httpx.Response) -> None:
        """Raise the KubeError that *response* stands for, if any."""
        status = response.status_code
        if status in {502, 503, 504}:
            self._reachability.failed(f"{call}: {status}")
        else:
            self._reachability.answered()
        session.accepted = session.accepted or status != 401
        if status >= 400:
            content = await response.aread()
            if status == 401:
                await self._renew(session)
            raise error_for(status, f"{call}: {status} {_message(content)}")

    async def _look_for_new_credentials(self) -> None:
        """Follow the files that a kubelet or a user replaces, before the old contents expire."""
        if trio.current_time() - self._looked < LOOK_SECONDS:
            return
        self._looked = trio.current_time()
        session = self._session
        with suppress(OSError):  # in the middle of a replacement: the next look finds it
            if _read_files(self._choice, session.api) != self._seen_files:
                await self._renew(session)

    async def _renew(self, refused: _Session) -> None:
        """Read the credentials again, unless another task has done so since *refused* was current."""
        async with self._renewing:
            fresh = trio.current_time() - refused.loaded < REFUSED_SECONDS
            if self._session is not refused or (fresh and not refused.accepted):
                return
            try:
                self._session = await _load(self._choice)
                self._seen_files = _read_files(self._choice, self._session.api)
            except Exception as error:  # whatever a broken file makes kr8s raise
                text = f"the credentials cannot be read again: {_name(error)}"
                raise Unauthorized(401, text) from error
        log.info("read the credentials for the Kubernetes API again")
        await refused.retire()


async def _load(choice: Choice) -> _Session:
    """Read the credentials that *choice* leads to. Raises whatever kr8s does."""
    api = Api(
        bypass_factory=True,
        kubeconfig=":".join(choice.kubeconfigs) or None,
        serviceaccount=choice.service_account,
        context=choice.context or None,
    )
    if not choice.kubeconfigs:
        # or it would look for a file first; kr8s itself tests for False
        api.auth._kubeconfig_path_or_dict = False  # type: ignore[assignment]
    try:
        await api.auth.reauthenticate()
        token_file = _token_file(choice, api)
        if token_file:
            api.auth.token = token_file.read_text()
        api.auth.token = (api.auth.token or "").strip() or None
        await api._create_session()
    finally:
        _remove_copies(api)
    return _Session(api)


def _token_file(choice: Choice, api: Api) -> Path | None:
    """Return the `tokenFile` of the kubeconfig's user, which kr8s does not know."""
    name = api.auth._user.get("tokenFile", "")
    return Path(choice.kubeconfigs[0]).parent / name if name else None


def _remove_copies(api: Api) -> None:
    """Remove the files to which kr8s has copied keys and certificates: the session has loaded them."""
    auth = api.auth
    if "client-key-data" in auth._user and auth.client_key_file:
        Path(auth.client_key_file).unlink(missing_ok=True)
    if "client-certificate-data" in auth._user and auth.client_cert_file:
        Path(auth.client_cert_file).unlink(missing_ok=True)
    if "certificate-authority-data" in auth._cluster and auth.server_ca_file:
        Path(auth.server_ca_file).unlink(missing_ok=True)


def _read_files(choice: Choice, api: Api) -> tuple[bytes, ...]:
    """Return what the credentials came from. Raises OSError."""
    paths = [Path(path) for path in choice.kubeconfigs]
    if choice.service_account:
        folder = Path(choice.service_account)
        paths += [folder / "token", folder / "ca.crt"]
    token_file = _token_file(choice, api)
    if token_file:
        paths.append(token_file)
    return tuple(path.read_bytes() for path in paths)


async def _lines(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    splitter = LineSplitter()
    body = cast("AsyncGenerator[bytes, None]", response.aiter_bytes())
    async with aclosing(body) as pieces:
        async for piece in pieces:
            for line in splitter.feed(piece):
                yield line


def _message(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Status).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return content[:200].decode(errors="replace")


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
