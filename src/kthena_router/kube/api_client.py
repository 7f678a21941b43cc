"""`KubeApi` over HTTP: the rate, fresh credentials, what a status means, and the lines of a watch."""

import logging
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import cast

import httpx
import msgspec
import trio

from kthena_router.concurrency.supervision import Backoff
from kthena_router.kube.access import choose_access
from kthena_router.kube.client import KubeApi, NoCluster, Unauthorized, Unavailable, error_for
from kthena_router.kube.keepalive import probe_peer
from kthena_router.kube.kr8s_client import Call, Session, is_of_tls, load_session, text_of
from kthena_router.kube.kubeconfig import BadKubeconfig
from kthena_router.kube.lines import LineSplitter
from kthena_router.kube.rate import RateLimit
from kthena_router.kube.reachability import Reachability
from kthena_router.settings import ClusterAccess

log = logging.getLogger(__name__)

# TCP and TLS each; both together less than the patience of the Lease, since httpcore leaves the socket of a TLS
# handshake that is cancelled to the garbage collector.
CONNECT_SECONDS = 2.0
REQUEST_SECONDS = 30.0  # without a byte; for a watch, until it is open
DEFAULT_PER_SECOND = 5.0
DEFAULT_BURST = 10
# A kubelet replaces a mounted token well before it expires, so a look each minute is enough.
LOOK_SECONDS = 60.0
# Credentials that were refused as soon as they were read are read again after these pauses.
RENEWAL = Backoff(base=2.0, ceiling=30.0)
# A server may ask for more in Retry-After; but when it is well again, the router has to follow within seconds.
LONGEST_HOLD_SECONDS = 2.0
_AWAY = frozenset({429, 502, 503, 504})


class _Status(msgspec.Struct, frozen=True):
    message: str = ""


@asynccontextmanager
async def open_kube_api(access: ClusterAccess) -> AsyncIterator[KubeApi]:
    """Open the API that *access* leads to. Raises NoCluster where there is none to be found."""
    choice = choose_access(access, os.path.exists)
    limit = RateLimit(
        access.queries_per_second or DEFAULT_PER_SECOND, access.burst or DEFAULT_BURST
    )
    try:
        client = ApiClient(limit, await load_session(choice))
    except Exception as error:  # whatever a broken file makes kr8s raise
        raise NoCluster(f"{choice} cannot be used: {text_of(error)}") from error
    log.info("using the Kubernetes API at %s (%s)", client.server, choice)
    try:
        yield client
    finally:
        await client.aclose()


class ApiClient:
    """One for the whole process, so that the rate and an outage are those of the process."""

    def __init__(self, limit: RateLimit, session: Session) -> None:
        self._limit = limit
        self._session = session
        self._reachability = Reachability()
        self._renewing = trio.Lock()
        self._looked = self._renewed = trio.current_time()
        self._futile = 0  # readings of the credentials since any were accepted
        self._unreadable = False  # what the last of them came to
        self._reported = ""

    @property
    def server(self) -> str:
        """Return the URL of the API."""
        return self._session.server

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
        call = Call(method, path, dict(params or {}), timeout, content, content_type)
        used = self._session
        try:
            return await self._request(call)
        except Unauthorized:
            if self._session is used:
                raise
            return await self._request(call)

    async def _request(self, call: Call) -> bytes:
        async with self._open_call(call, stream=False) as response:
            return response.content

    def open_watch(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a watch; its lines end when the server closes it."""
        timeout = httpx.Timeout(CONNECT_SECONDS, read=silence)
        return self._open_watch(Call("GET", path, dict(params), timeout))

    @asynccontextmanager
    async def _open_watch(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        # An open watch may be silent for minutes, a server that has been asked for one may not.
        with trio.CancelScope(deadline=trio.current_time() + REQUEST_SECONDS) as opening:
            async with self._open_call(call, stream=True) as response:
                opening.deadline = math.inf
                probe_peer(response)
                async with aclosing(_lines(response)) as lines:
                    yield lines
        if opening.cancelled_caught:
            message = f"{call}: not open within {REQUEST_SECONDS:.0f} s"
            self._reachability.failed(message)
            raise Unavailable(0, message)

    @asynccontextmanager
    async def _open_call(self, call: Call, *, stream: bool) -> AsyncIterator[httpx.Response]:
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
                self._looked = -math.inf  # perhaps its certificate is from another authority now
                if is_of_tls(error):  # or a credential plugin's certificate has expired
                    await self._try_to_renew(session)
            raise

    async def _check(self, session: Session, call: Call, response: httpx.Response) -> None:
        """Raise the KubeError that *response* stands for, if any."""
        status = response.status_code
        if status != 401:
            session.accepted = True
            self._futile = 0
        if status < 400:
            self._reachability.answered()
            return
        text = f"{call}: {status} {_message(await response.aread())}"
        if status == 401:
            await self._renew_refused(session, text)
        elif status in _AWAY:
            self._reachability.failed(text)
            self._limit.hold(min(_retry_after(response), LONGEST_HOLD_SECONDS))
        else:
            self._reachability.answered()
        raise error_for(status, text)

    async def _renew_refused(self, refused: Session, text: str) -> None:
        """Read credentials that were refused again. Raises Unauthorized where they cannot be read."""
        try:
            await self._renew(refused)
        except Unauthorized as error:
            text = f"{text}; {error}"
            self._reachability.failed(text)
            raise Unauthorized(401, text) from error
        if self._session is refused:
            self._reachability.failed(text)

    async def _look_for_new_credentials(self) -> None:
        """Follow the files that a kubelet or a user replaces, before the old contents expire."""
        if trio.current_time() - self._looked < LOOK_SECONDS:
            return
        self._looked = trio.current_time()
        if self._session.is_outdated():
            await self._try_to_renew(self._session)

    async def _try_to_renew(self, session: Session) -> None:
        """Read the credentials again; where that fails, say so once and stay with what there is."""
        try:
            await self._renew(session)
        except Unauthorized as error:  # what was read before may still be good
            if str(error) != self._reported:
                log.warning("%s", error)
            self._reported = str(error)

    async def _renew(self, old: Session) -> None:
        """Read the credentials again, unless that has been done since *old* was current, or just now in vain.

        Raises Unauthorized where they cannot be read.
        """
        async with self._renewing:
            if self._session is not old or self._waits_before_renewal(old):
                return
            self._renewed = trio.current_time()
            self._futile += 1
            try:
                self._session = await _load_again(old)
                self._unreadable = False
            except Exception as error:  # whatever a broken file makes kr8s raise
                old.accepted, self._unreadable = False, True
                text = f"the credentials cannot be read again: {text_of(error)}"
                raise Unauthorized(401, text) from error
        log.log(
            logging.INFO if old.accepted else logging.DEBUG,
            "read the credentials for the Kubernetes API again",
        )
        self._reported = ""
        await old.retire()

    def _waits_before_renewal(self, old: Session) -> bool:
        """Return whether it is too early: a credential plugin that has nothing better is not asked all the time."""
        changed = old.is_outdated()
        if old.accepted or (changed and not self._unreadable):
            return False
        pause = RENEWAL.base if changed else RENEWAL.delay(self._futile, 0.0)
        return trio.current_time() - self._renewed < pause


async def _load_again(old: Session) -> Session:
    """Read the credentials for the same cluster again: who changes the current context does not mean the router.

    Raises whatever is wrong with them.
    """
    fresh = await load_session(old.choice)
    if fresh.server != old.server:
        await fresh.retire()
        raise BadKubeconfig(f"the cluster is now at {fresh.server}: start the router again for it")
    return fresh


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
        return content[:200].decode(errors="replace").strip()


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds of Retry-After; 0 where it is absent or a date, which the API never sends."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
