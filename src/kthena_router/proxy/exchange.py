"""One request through all of its stages, in the order in which they happen."""

from collections.abc import Iterator

import trio
from msgspec import Struct

from kthena_router.errors import NoEndpoints, RouterError
from kthena_router.listeners.asgi import Receive
from kthena_router.proxy.attempts import Attempts
from kthena_router.proxy.journal import Journal
from kthena_router.proxy.meter import Meter
from kthena_router.proxy.reading import (
    ClientGone,
    RequestHead,
    read_body,
    wait_until_client_leaves,
)
from kthena_router.proxy.relay import Relay
from kthena_router.proxy.responses import Answer
from kthena_router.proxy.services import Services
from kthena_router.routing.endpoint import Endpoint
from kthena_router.routing.gateways import Listener
from kthena_router.routing.model_routes import RouteRequest
from kthena_router.routing.snapshot import Destination, Snapshot
from kthena_router.scheduling.scheduler import MAX_ATTEMPTS, Candidates, InferenceRequest
from kthena_router.upstream.call import UpstreamRequest
from kthena_router.wire.headers import request_headers
from kthena_router.wire.request import ModelRequest, parse_request

# Where OpenAI's API has `stream_options`.
METERED = frozenset({"/v1/completions", "/v1/chat/completions"})


class _Plan(Struct):
    """What is decided: *request* goes to the first of *endpoints* that answers well, and *relay* takes the answer."""

    destination: Destination
    endpoints: Iterator[Endpoint]
    request: UpstreamRequest
    meter: Meter
    relay: Relay


class Exchange:
    """A request to a model, from its body to the end of its answer."""

    def __init__(
        self,
        services: Services,
        *,
        snapshot: Snapshot,
        listener: Listener | None,
        head: RequestHead,
        answer: Answer,
        journal: Journal,
    ) -> None:
        self._services = services
        self._snapshot = snapshot
        self._listener = listener
        self._head = head
        self._answer = answer
        self._journal = journal

    async def run(self, receive: Receive) -> None:
        """Serve the request. Raises RouterError, and ClientGone when the client leaves first."""
        direct = self._answer.direct
        limit = self._services.settings.max_request_body
        # No name is given to the body: it may be large, and would stay for as long as the answer takes.
        plan = self._plan(await read_body(receive, self._head, limit, timed=direct is None))
        with self._journal.downstream():
            if direct is None:
                await self._until_client_leaves(receive, plan)
            else:
                direct.cancel_when_it_leaves()
                await self._serve(plan)

    async def _until_client_leaves(self, receive: Receive, plan: _Plan) -> None:
        """Serve; a client that leaves ends it at once, in whatever phase it is."""
        left = False
        failure: RouterError | None = None
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                nonlocal left
                await wait_until_client_leaves(receive)
                if self._answer.finished:
                    return  # the server reports the end of a complete answer in the same way
                left = True
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                await self._serve(plan)
            except RouterError as error:
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if left:
            raise ClientGone

    def _plan(self, body: bytes) -> _Plan:
        """Read what is asked for, and decide where it goes."""
        asked = parse_request(body, self._head.values.get("content-type", ""))
        self._journal.parsed(asked.model, known=self._snapshot.knows_model(asked.model))
        destination = self._route(asked)
        self._journal.bound(destination)
        endpoints = self._choose(destination)
        edits = asked.edits_for(destination.upstream_model, usage=self._head.path in METERED)
        request_id = self._journal.record.request_id.encode()
        request = self._request_for(edits.made(), request_id)
        meter = Meter()
        relay = Relay(self._answer, request_id, meter, hide_usage=edits.asks_for_usage)
        return _Plan(destination, endpoints, request, meter, relay)

    async def _serve(self, plan: _Plan) -> None:
        destination = plan.destination
        attempts = Attempts(
            self._services.pools, self._services.loads, self._journal, is_lora=destination.is_lora
        )
        try:
            await attempts.run(
                plan.endpoints,
                min(len(destination.backend.endpoints), MAX_ATTEMPTS),
                plan.request,
                plan.relay.run,
                destination.backend.timeout,
            )
        finally:
            self._journal.metered(plan.meter)

    def _route(self, asked: ModelRequest) -> Destination:
        request = RouteRequest(asked.model, self._head.path, self._head.values)
        return self._snapshot.route(self._listener, request, self._services.dice)

    def _choose(self, destination: Destination) -> Iterator[Endpoint]:
        backend = destination.backend
        if not backend.exists:
            raise NoEndpoints(
                f"can't find model server: {backend.key}: it has to be created, or the route corrected"
            )
        if not backend.endpoints:
            raise NoEndpoints(
                f"no available pods for model server: {backend.key}: try again when one is ready"
            )
        services = self._services
        candidates = Candidates(backend.endpoints, services.loads.by_key)
        wanted = InferenceRequest(self._journal.record.model_name, destination.is_lora)
        return services.scheduler.order(candidates, wanted, services.dice)

    def _request_for(self, body: bytes, request_id: bytes) -> UpstreamRequest:
        host = self._head.values.get("host")
        return UpstreamRequest(
            method=self._head.method.encode(),
            target=self._head.target,
            headers=request_headers(self._head.headers, request_id),
            host=host.encode("latin-1") if host else None,
            body=body,
        )
