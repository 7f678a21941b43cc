"""The ASGI application of one port: health, the listener that a host belongs to, models, and exchanges."""

from kthena_router.errors import ModelNotFound, NotFound, NotReady, RouterError
from kthena_router.listeners.asgi import JSON_CONTENT, Receive, Scope, Send, respond
from kthena_router.proxy.exchange import Exchange
from kthena_router.proxy.journal import Journal, open_journal
from kthena_router.proxy.reading import ClientGone
from kthena_router.proxy.responses import Answer
from kthena_router.proxy.services import Services
from kthena_router.routing.gateways import Listener
from kthena_router.routing.snapshot import EMPTY_SNAPSHOT, Snapshot
from kthena_router.telemetry import logs
from kthena_router.wire.headers import client_request_id, first_values
from kthena_router.wire.payloads import model_list, single_model

MODELS = "/v1/models"


class RouterApp:
    """Serves one port. *default*: health paths are answered here before any host is looked at."""

    def __init__(self, port: int, services: Services, *, default: bool) -> None:
        self._port = port
        self._services = services
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if self._default and await self._answered_for_operators(scope, send):
            return
        request_id = client_request_id(scope["headers"]) or self._services.new_request_id().encode()
        logs.request_id.set(request_id.decode("latin-1"))
        answer = Answer(send, request_id, self._services.draining)
        services = self._services
        if not scope["path"].startswith("/v1/"):
            await self._respond(scope, receive, answer, None)
            return
        with open_journal(
            scope,
            request_id.decode("latin-1"),
            services.wall_clock,
            services.metrics,
            services.access_log,
        ) as journal:
            await self._respond(scope, receive, answer, journal)

    async def _answered_for_operators(self, scope: Scope, send: Send) -> bool:
        health = self._services.health.answer(scope["path"])
        if health is not None:
            await respond(send, health[0], health[1], (JSON_CONTENT,))
            return True
        if scope["path"] == "/metrics" and self._services.settings.expose_metrics_on_router_port:
            body, content_type = self._services.metrics.render()
            await respond(send, 200, body, ((b"content-type", content_type.encode()),))
            return True
        return False

    async def _respond(
        self, scope: Scope, receive: Receive, answer: Answer, journal: Journal | None
    ) -> None:
        """Serve a request and tell the client what went wrong, where it still can be told."""
        try:
            await self._serve(scope, receive, answer, journal)
        except ClientGone:
            if journal:
                journal.client_left()
        except RouterError as error:
            if journal:
                journal.failed(error, status=answer.status if answer.started else None)
            if not answer.started:
                await answer.error(error)
            # A started answer is left without its end, which the server turns into a cut connection.
        else:
            if journal:
                journal.record.status_code = answer.status

    async def _serve(
        self, scope: Scope, receive: Receive, answer: Answer, journal: Journal | None
    ) -> None:
        snapshot = self._services.snapshots.value
        listener = self._listener(snapshot, scope)
        if journal is None:
            raise NotFound(f"there is nothing at {scope['path']}: the router serves /v1/")
        if listener is not None:
            journal.record.gateway = str(listener.gateway)
        if scope["path"] == MODELS or scope["path"].startswith(f"{MODELS}/"):
            await self._serve_models(snapshot, listener, scope, answer)
            return
        exchange = Exchange(
            self._services,
            snapshot=snapshot,
            listener=listener,
            scope=scope,
            answer=answer,
            journal=journal,
        )
        await exchange.run(receive)

    def _listener(self, snapshot: Snapshot, scope: Scope) -> Listener | None:
        """Return the listener that the request came through, None without Gateway API. Raises NotReady, NotFound."""
        if snapshot is EMPTY_SNAPSHOT:
            raise NotReady(f"the router is not ready: {self._services.health.reason or 'starting'}")
        if not self._services.settings.gateway_api:
            return None
        host = first_values(scope["headers"]).get("host", "")
        listener = snapshot.match_listener(self._port, host)
        if listener is not None:
            return listener
        if self._port not in snapshot.ports:
            raise NotReady(f"no Gateway listener claims port {self._port}")
        raise NotFound(f"No matching listener found for host {host!r} on port {self._port}")

    async def _serve_models(
        self, snapshot: Snapshot, listener: Listener | None, scope: Scope, answer: Answer
    ) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            raise NotFound(f"{scope['method']} is not served at {scope['path']}: use GET")
        names = snapshot.models(listener)
        if scope["path"] in {MODELS, f"{MODELS}/"}:
            await answer.whole(200, model_list(names))
            return
        name = scope["path"].removeprefix(f"{MODELS}/")
        if name not in names:
            raise ModelNotFound(f"route not found: no route here serves the model {name!r}")
        await answer.whole(200, single_model(name))
