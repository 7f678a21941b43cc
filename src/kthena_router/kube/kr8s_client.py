"""The door to kr8s, which finds the cluster, authenticates and sends; lists and watches are read elsewhere.

Errors are not left to kr8s: at a 403 it would replace the session under all running watches. After a 401 the
credentials are read again and the next request uses a new session, while the old one lives on for its watches.
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
import msgspec
import trio
from kr8s._api import Api

from kthena_router.kube.access import Choice, choose_access
from kthena_router.kube.client import KubeApi, KubeError, NoCluster, Unavailable, error_for
from kthena_router.kube.rate import RateLimit
from kthena_router.settings import ClusterAccess

CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 30.0
DEFAULT_PER_SECOND = 5.0
DEFAULT_BURST = 10
# A kubelet replaces a mounted token well before it expires, so one this old may have a successor.
TOKEN_SECONDS = 60.0
_FAILURES = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    OSError,
    ssl.SSLError,
    trio.BrokenResourceError,
)


class _Status(msgspec.Struct, frozen=True):
    message: str = ""


@asynccontextmanager
async def open_kube_api(access: ClusterAccess) -> AsyncIterator[KubeApi]:
    """Open the API that *access* leads to. Raises NoCluster where there is none to be found."""
    choice = choose_access(access, lambda path: Path(path).exists())
    limit = RateLimit(
        access.queries_per_second or DEFAULT_PER_SECOND, access.burst or DEFAULT_BURST
    )
    client = Kr8sClient(choice, limit)
    try:
        await client.authenticate()
    except (OSError, ValueError, KeyError) as error:
        raise NoCluster(f"the configuration of the cluster cannot be used: {error}") from error
    try:
        yield client
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await client.aclose()


class Kr8sClient:
    """`KubeApi` over kr8s."""

    def __init__(self, choice: Choice, limit: RateLimit) -> None:
        self._limit = limit
        self._in_cluster = not choice.kubeconfig
        self._api = Api(
            bypass_factory=True,
            kubeconfig=choice.kubeconfig or None,
            serviceaccount=choice.service_account,
            context=choice.context or None,
        )
        if self._in_cluster:
            # or it would look for a file first; kr8s itself tests for False
            self._api.auth._kubeconfig_path_or_dict = False  # type: ignore[assignment]
        self._sessions: list[httpx.AsyncClient] = []
        self._authenticated = 0.0

    async def authenticate(self) -> None:
        """Read the credentials and use them from now on."""
        await self._api.auth.reauthenticate()
        self._forget_session()
        await self._api._create_session()
        session: httpx.AsyncClient | None = self._api._session
        if session is not None:
            self._sessions.append(session)
        self._authenticated = trio.current_time()

    def _forget_session(self) -> None:
        """Keep kr8s from closing the session, which watches may be using."""
        self._api._session = None

    async def aclose(self) -> None:
        """Close every connection."""
        for session in self._sessions:
            await session.aclose()

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
        await self._prepare()
        status, content = await self._send(method, path, params, body, content_type)
        if status == 401:
            await self._renew()
            status, content = await self._send(method, path, params, body, content_type)
        if status >= 400:
            raise error_for(status, f"{method} {path}: {status} {_message(content)}")
        return content

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: object,
        content_type: str,
    ) -> tuple[int, bytes]:
        content = b"" if body is None else msgspec.json.encode(body)
        base, _, last = path.rpartition("/")
        try:
            async with self._api.call_api(
                method,
                version="",
                base=base,
                url=last,
                raise_for_status=False,
                params=dict(params or {}),
                content=content,
                headers={"content-type": content_type, "accept": "application/json"},
                timeout=httpx.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
            ) as response:
                return response.status_code, response.content
        except _FAILURES as error:
            raise Unavailable(0, f"{method} {path}: {_name(error)}") from error
        except Exception as error:
            raise self._translated(error, f"{method} {path}") from error

    def open_watch(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Open a watch; its lines end when the server closes it."""
        return self._open_watch(path, params, silence)

    @asynccontextmanager
    async def _open_watch(
        self, path: str, params: Mapping[str, str], silence: float
    ) -> AsyncIterator[AsyncIterator[str]]:
        await self._prepare()
        base, _, last = path.rpartition("/")
        timeout = httpx.Timeout(CONNECT_SECONDS, read=silence)
        try:
            async with self._api.call_api(
                "GET",
                version="",
                base=base,
                url=last,
                raise_for_status=False,
                stream=True,
                params=dict(params),
                timeout=timeout,
            ) as response:
                if response.status_code >= 400:
                    content = await response.aread()
                    if response.status_code == 401:
                        await self._renew()
                    text = f"watch {path}: {response.status_code} {_message(content)}"
                    raise error_for(response.status_code, text)
                lines = cast("AsyncGenerator[str, None]", response.aiter_lines())
                async with aclosing(lines):
                    yield lines
        except _FAILURES as error:
            raise Unavailable(0, f"watch {path}: {_name(error)}") from error

    async def _prepare(self) -> None:
        await self._limit.wait()
        if self._in_cluster and trio.current_time() - self._authenticated > TOKEN_SECONDS:
            await self._renew()

    async def _renew(self) -> None:
        try:
            await self.authenticate()
        except (OSError, ValueError, KeyError) as error:
            raise Unavailable(401, f"the credentials cannot be read again: {error}") from error

    @staticmethod
    def _translated(error: Exception, what: str) -> Exception:
        """Name kr8s' own time-out as ours; leave anything else as it is."""
        if isinstance(error, KubeError) or type(error).__name__ != "APITimeoutError":
            return error
        return Unavailable(0, f"{what}: no answer within {REQUEST_SECONDS:g} s")


def _message(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Status).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return content[:200].decode(errors="replace")


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
