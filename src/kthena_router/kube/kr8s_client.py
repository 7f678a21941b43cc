"""The door to kr8s, which reads credentials and authenticates; what they are good for is used in `api_client`.

Statuses are not left to kr8s: at a 401 or 403 it would replace the session under all running watches. Here every
reading of the credentials makes a kr8s `Api` of its own, and the one before lives on until its last watch has ended.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import trio
from kr8s import APITimeoutError
from kr8s._api import Api

from kthena_router.kube.access import Choice
from kthena_router.kube.client import Unavailable
from kthena_router.kube.kubeconfig import Kubeconfig, read_kubeconfig

USER_AGENT = "kthena-router"
# A credential plugin may ask the network, and may hang.
LOAD_SECONDS = 30.0
FAILURES = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    APITimeoutError,
    OSError,
    ssl.SSLError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is sent."""

    method: str
    path: str
    params: dict[str, str]
    timeout: httpx.Timeout
    content: bytes = b""
    content_type: str = "application/json"

    def arguments(self) -> dict[str, Any]:
        """Return what kr8s' `call_api` takes; it joins *base*, which must not be empty, and *url* with a slash."""
        base, _, last = self.path.rpartition("/")
        if not base:
            base, last = self.path, ""  # the API serves /apis/ as it does /apis
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


class Session:
    """One reading of the credentials; closed when it is retired and nobody uses it any more."""

    def __init__(self, api: Api, choice: Choice, sources: dict[Path, bytes]) -> None:
        self.choice = choice  # with the context that was found
        self.accepted = False
        self._api = api
        self._sources = sources
        self._users = 0
        self._retired = False

    @property
    def server(self) -> str:
        """Return the URL of the API."""
        return str(self._api.auth.server)

    def is_outdated(self) -> bool:
        """Return whether the files say something else by now; not while they cannot be read, as when one is replaced."""
        try:
            return any(path.read_bytes() != content for path, content in self._sources.items())
        except OSError:
            return False

    @asynccontextmanager
    async def open_call(self, call: Call, *, stream: bool) -> AsyncIterator[httpx.Response]:
        """Send *call*. Raises Unavailable when there is no answer, also while a stream is read."""
        self._users += 1
        try:
            async with self._api.call_api(**call.arguments(), stream=stream) as response:
                yield response
        except FAILURES as error:
            raise Unavailable(0, f"{call}: {text_of(error)}") from error
        finally:
            self._users -= 1
            await self._close_unused()

    async def retire(self) -> None:
        """Close as soon as the last user has left."""
        self._retired = True
        await self._close_unused()

    async def _close_unused(self) -> None:
        client: httpx.AsyncClient | None = self._api._session
        if self._retired and not self._users and client is not None:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await client.aclose()


async def load_session(choice: Choice) -> Session:
    """Read the credentials that *choice* leads to. Raises whatever is wrong with them, within LOAD_SECONDS."""
    with trio.fail_after(LOAD_SECONDS):
        config = await trio.to_thread.run_sync(read_kubeconfig, choice)
        paths = [Path(path) for path in (*choice.kubeconfigs, *config.files())]
        sources = {
            path: path.read_bytes() for path in paths
        }  # first: a change while kr8s reads is seen
        found = replace(choice, context=config.context)
        return Session(await _authenticate(config, sources), found, sources)


async def _authenticate(config: Kubeconfig, sources: dict[Path, bytes]) -> Api:
    """Return a kr8s `Api` with its session open."""
    api = Api(bypass_factory=True, serviceaccount="")
    auth = api.auth
    auth._kubeconfig_path_or_dict = config.document()  # given to Api, it would have to fit in JSON
    try:
        await auth.reauthenticate()
        if token_file := config.user.get("tokenFile"):
            auth.token = sources[
                Path(token_file)
            ].decode()  # kr8s does not know it; it wins over `token`
        verify = await auth.ssl_context()  # type: ignore[no-untyped-call]
    finally:
        _remove_copies(api)
    token = (auth.token or "").strip()
    # As kr8s opens it, but without the proxies of the environment: httpx does not know networks in NO_PROXY, and
    # would ask a proxy for the address of the cluster. A kubeconfig names its proxy itself.
    api._session = httpx.AsyncClient(
        base_url=auth.server,
        headers={"authorization": f"Bearer {token}"} if token else {},
        verify=verify,
        timeout=None,  # noqa: S113 - every call brings its own
        follow_redirects=True,
        proxy=auth.proxy,
        trust_env=False,
    )
    return api


def _remove_copies(api: Api) -> None:
    """Remove the files to which kr8s has copied keys and certificates: the session has loaded them."""
    auth = api.auth
    if "client-key-data" in auth._user and auth.client_key_file:
        Path(auth.client_key_file).unlink(missing_ok=True)
    if "client-certificate-data" in auth._user and auth.client_cert_file:
        Path(auth.client_cert_file).unlink(missing_ok=True)
    if "certificate-authority-data" in auth._cluster and auth.server_ca_file:
        Path(auth.server_ca_file).unlink(missing_ok=True)


def text_of(error: BaseException) -> str:
    """Return what kind of error it is, and what it says, or else its causes: httpx says nothing of a bad certificate."""
    said = next((str(one) for one in _with_causes(error) if str(one)), "")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def is_of_tls(error: BaseException) -> bool:
    """Return whether *error* came about in TLS, as when one side does not trust the other's certificate."""
    return any(isinstance(one, ssl.SSLError) for one in _with_causes(error))


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
