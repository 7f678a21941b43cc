"""The process of the API server: a socket on 127.0.0.1, hypercorn, the kubeconfig file, an orderly end."""

import gc
import logging
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import SystemRandom

import trio
from hypercorn.config import Config

from kthena_sandbox.apiserver.app import Api
from kthena_sandbox.apiserver.auth.access import Access
from kthena_sandbox.apiserver.auth.aggregation import run_aggregation
from kthena_sandbox.apiserver.auth.authority import (
    SERVER_NAMES,
    Authority,
    decoded,
    new_authority,
    server_context,
)
from kthena_sandbox.apiserver.auth.authorizer import Authorizer
from kthena_sandbox.apiserver.auth.identity import ADMIN, ANONYMOUS
from kthena_sandbox.apiserver.auth.signing import run_signing
from kthena_sandbox.apiserver.auth.tokens import Tokens
from kthena_sandbox.apiserver.bootstrap import first_revision, start_cluster
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.door import serve_connections
from kthena_sandbox.apiserver.expiry import run_expiry
from kthena_sandbox.apiserver.journal import open_journal
from kthena_sandbox.apiserver.kubeconfig import write_kubeconfig
from kthena_sandbox.apiserver.settings import Settings, parse_settings
from kthena_sandbox.apiserver.storage import Store
from kthena_sandbox.entrance import Entrance

HOST = "127.0.0.1"
_STALLED_CLIENT_MS = 30_000
_BACKLOG = 1024
# Nearly all that is kept are documents, which have no cycles, and looking through 20,000 of them for some takes 0.2 s.
# So that is done after two million new objects (those of some 20,000 documents) instead of 70,000, and
# among the young after 10,000 instead of 700.
_COLLECTIONS = (10_000, 10, 20)


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def _open_store(settings: Settings) -> AsyncIterator[tuple[Store, Authority]]:
    first = first_revision(_now())
    if settings.state is None:
        yield Store(revision=first, history=settings.history), new_authority(_now())
        return
    with open_journal(settings.state, first) as journal:
        store = Store(
            revision=journal.kept, compacted=journal.compacted,
            history=settings.history, entries=journal.entries(), journal=journal,
        )  # fmt: skip
        authority = decoded(journal.secrets(lambda: new_authority(_now()).encoded()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            yield store, authority
            nursery.cancel_scope.cancel()


def bind(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; a client that takes nothing for 30 s loses its connection.

    hypercorn's sends cannot be cancelled, so only the kernel can end one that is stuck. Raises OSError.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_CLIENT_MS)
        bound.bind((HOST, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise OSError(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
    return bound


def _config() -> Config:
    config = Config()
    config.errorlog = logging.getLogger("hypercorn.error")
    config.accesslog = None
    config.graceful_timeout = 2
    config.h11_max_incomplete_size = 64 * 1024
    config.h2_max_concurrent_streams = 250
    config.keep_alive_timeout = 300
    config.keep_alive_max_requests = 1_000_000
    config.include_server_header = False
    return config


async def serve(
    settings: Settings, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled; the task has started when the socket listens and the kubeconfig is written.

    The value of the started task is the server's URL. Raises OSError where port or files cannot be had.
    """
    async with _open_store(settings) as (store, authority):
        with bind(settings.port) as bound:
            port = bound.getsockname()[1]
            cluster = start_cluster(
                store, _now, SystemRandom(), port, disabled_plugins=settings.disabled_plugins
            )
            await store.settled()
            api = Api(cluster, _access(settings, cluster, authority), settings.bookmark_seconds)
            entrance = Entrance(f"http://{HOST}:{port}")
            tls = None
            if settings.secure:
                tls = server_context(authority, SERVER_NAMES, _now())
                entrance = Entrance(
                    f"https://{HOST}:{port}", authority.ca_pem, authority.admin_token
                )
            write_kubeconfig(settings.kubeconfig, entrance)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run_expiry, cluster)
                nursery.start_soon(run_aggregation, cluster)
                nursery.start_soon(run_signing, cluster, authority)
                nursery.start_soon(cluster.feeds.run)
                listener = trio.SocketListener(trio.socket.from_stdlib_socket(bound))
                nursery.start_soon(_serve_until_cancelled, api, listener, tls)
                task_status.started(entrance.server)


def _access(settings: Settings, cluster: Cluster, authority: Authority) -> Access:
    tokens = Tokens(cluster, authority.token_key)
    unknown = ANONYMOUS if settings.secure else ADMIN
    return Access(Authorizer(cluster), tokens, authority.admin_token, unknown)


async def _serve_until_cancelled(
    api: Api, listener: trio.SocketListener, tls: ssl.SSLContext | None
) -> None:
    """End the streams first when cancelled, so that their clients see an end and not a cut."""
    stopped, config = trio.Event(), _config()
    if tls is not None:
        tls.set_alpn_protocols(config.alpn_protocols)

    async def run_shielded() -> None:
        with trio.CancelScope(shield=True):
            await serve_connections(api, config, listener, tls, stopped)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_shielded)
        try:
            await trio.sleep_forever()
        finally:
            api.interruption.close()
            stopped.set()


async def _run(settings: Settings) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            url = await nursery.start(serve, settings)
            gc.freeze()
            print(f"kubernetes API on {url}", flush=True)
            async for _ in signals:
                break
            nursery.cancel_scope.cancel()


def main(argv: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM; 0, or 1 where the server could not start."""
    settings = parse_settings(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    gc.set_threshold(*_COLLECTIONS)
    failures: list[BaseException] = []
    try:
        trio.run(_run, settings)
    except* OSError as errors:
        failures.extend(_leaves(errors))
    for failure in failures:
        print(f"the API server cannot run: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _leaves(group: BaseExceptionGroup[OSError]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
