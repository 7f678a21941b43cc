"""The ASGI application of one port: health, the listener that a host belongs to, models, and exchanges."""

import logging

from kthena_router.errors import (
    InternalError,
    MethodNotAllowed,
    ModelNotFound,
    NotFound,
    NotReady,
    RouterError,
)
from kthena_router.listeners.asgi import (
    DIRECT_CLIENT,
    JSON_CONTENT,
    ClientLeft,
    DirectClient,
    Receive,
    Scope,
    Send,
    respond,
)
from kthena_router.proxy.exchange import Exchange
from kthena_router.proxy.journal import Journal, OpenJournal
from kthena_router.proxy.reading import ClientGone, RequestHead, read_head
from kthena_router.proxy.responses import Answer
from kthena_router.proxy.services import Services
from kthena_router.routing.gateways import Listener
from kthena_router.routing.snapshot import EMPTY_SNAPSHOT, Snapshot
from kthena_router.telemetry import logs
from kthena_router.wire.headers import client_request_id
from kthena_router.wire.payloads import model_list, single_model

MODELS = "/v1/models"

log = logging.getLogger(__name__)


class RouterApp:
    """Serves one port. *default*: health paths are answered here before any host is looked at."""

    def __init__(self, port: int, services: Services, *, default: bool) -> None:
        self._port = port
        self._services = services
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        head = read_head(scope)
        if self._default and await self._answered_for_operators(head.path, send):
            return
        services = self._services
        request_id = client_request_id(head.headers) or services.new_request_id().encode()
        logs.request_id.set(request_id.decode("latin-1"))
        direct: DirectClient | None = scope.get("extensions", {}).get(DIRECT_CLIENT)
        del scope  # a stream may take long
        answer = Answer(send, request_id, services.draining, direct)
        if not head.is_served:
            await self._refuse(head, answer)
            return
        with OpenJournal(
            head,
            request_id.decode("latin-1"),
            services.wall_clock(),
            services.metrics,
            services.access_log,
        ) as journal:
            await self._respond(head, receive, answer, journal)

    async def _answered_for_operators(self, path: str, send: Send) -> bool:
        health = self._services.health.answer(path)
        if health is not None:
            await respond(send, health[0], health[1], (JSON_CONTENT,))
            return True
        if path == "/metrics" and self._services.settings.expose_metrics_on_router_port:
            body, content_type = self._services.metrics.render()
            await respond(send, 200, body, ((b"content-type", content_type.encode()),))
            return True
        return False

    async def _refuse(self, head: RequestHead, answer: Answer) -> None:
        """Answer what is not below `/v1/`. As with the original it is neither logged nor counted."""
        try:
            self._listener(self._services.snapshots.value, head)
        except RouterError as error:
            await answer.error(error)
        else:
            await answer.error(
                NotFound(f"there is nothing at {head.path}: the router serves paths below /v1/")
            )

    async def _respond(
        self, head: RequestHead, receive: Receive, answer: Answer, journal: Journal
    ) -> None:
        """Serve a request and tell the client what went wrong, where it still can be told."""
        try:
            await self._serve(head, receive, answer, journal)
        except (ClientGone, ClientLeft):
            journal.client_left()
        except RouterError as error:
            await _tell(error, answer, journal)
        except Exception:
            log.exception("the request %s %s failed", head.method, head.path)
            await _tell(
                InternalError("internal error: the log has more under this request id"),
                answer,
                journal,
            )
        except BaseException:  # cancelled
            if answer.direct is not None and answer.direct.left:
                journal.client_left()
            else:  # the drain time-out is over, or a second signal came
                journal.cut(answer.status)
            raise
        else:
            journal.answered(answer.status)

    async def _serve(
        self, head: RequestHead, receive: Receive, answer: Answer, journal: Journal
    ) -> None:
        snapshot = self._services.snapshots.value
        listener = self._listener(snapshot, head)
        if listener is not None:
            journal.record.gateway = str(listener.gateway)
        if head.path == MODELS or head.path.startswith(f"{MODELS}/"):
            await self._serve_models(snapshot.models(listener), head, answer)
            return
        exchange = Exchange(
            self._services,
            snapshot=snapshot,
            listener=listener,
            head=head,
            answer=answer,
            journal=journal,
        )
        await exchange.run(receive)

    def _listener(self, snapshot: Snapshot, head: RequestHead) -> Listener | None:
        """Return the listener that the request came through, None without Gateway API. Raises NotReady, NotFound."""
        if snapshot is EMPTY_SNAPSHOT:
            raise NotReady(f"the router is not ready: {self._services.health.reason or 'starting'}")
        if not self._services.settings.gateway_api:
            return None
        host = head.values.get("host", "")
        listener = snapshot.match_listener(self._port, host)
        if listener is not None:
            return listener
        if self._port not in snapshot.ports:
            raise NotReady(f"no Gateway listener claims port {self._port}")
        raise NotFound(f"No matching listener found for host {host!r} on port {self._port}")

    async def _serve_models(
        self, names: tuple[str, ...], head: RequestHead, answer: Answer
    ) -> None:
        if head.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(f"{head.method} is not served at {head.path}: use GET")
        name = head.path.removeprefix(MODELS).removeprefix("/")
        if not name:
            await answer.whole(200, model_list(names))
        elif name in names:
            await answer.whole(200, single_model(name))
        else:
            raise ModelNotFound(
                f"route not found: no route here serves the model {name!r}: {MODELS} lists those that are"
            )


async def _tell(error: RouterError, answer: Answer, journal: Journal) -> None:
    """Note *error*, and answer with it; an answer that has begun stays without its end, which the server shows as a cut."""
    journal.failed(error, status=answer.status or error.status)
    if not answer.started:
        await answer.error(error)
