"""The whole configuration, compiled: immutable, swapped at once, and held by a request from its start to its end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from kthena_router.api.core import Namespace, Pod
from kthena_router.api.gateway import Gateway, GatewayClass
from kthena_router.api.meta import ObjectKey
from kthena_router.api.networking import ModelRoute, ModelServer
from kthena_router.errors import FeatureMissing, ModelNotFound
from kthena_router.routing.attachment import Attachment, attach
from kthena_router.routing.backends import Backend, PodIndex, compile_backend
from kthena_router.routing.endpoint import Endpoint
from kthena_router.routing.gateways import GatewayPlan, Listener, plan_gateways
from kthena_router.routing.hostnames import hostname_rank, normalise_host
from kthena_router.routing.model_routes import (
    CompiledRoute,
    RouteRequest,
    RouteTable,
    compile_route,
)

_NOWHERE = RouteTable()


@dataclass(frozen=True, slots=True)
class Objects:
    """What the cluster holds, by key. *undecodable*: why an object could not be read, by plural and key."""

    gateway_classes: Mapping[ObjectKey, GatewayClass] = field(default_factory=dict)
    gateways: Mapping[ObjectKey, Gateway] = field(default_factory=dict)
    model_routes: Mapping[ObjectKey, ModelRoute] = field(default_factory=dict)
    model_servers: Mapping[ObjectKey, ModelServer] = field(default_factory=dict)
    pods: Mapping[ObjectKey, Pod] = field(default_factory=dict)
    namespaces: Mapping[ObjectKey, Namespace] = field(default_factory=dict)
    undecodable: Mapping[tuple[str, ObjectKey], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoutingOptions:
    """What of the settings decides; *addresses* are those that this router can be reached at."""

    gateway_api: bool
    default_port: int
    reserved_ports: frozenset[int] = frozenset()
    addresses: tuple[str, ...] = ()
    enforce_allowed_routes: bool = True


class Destination(Struct, frozen=True):
    """Where a request goes, and under which model name."""

    route: ObjectKey
    rule: str
    backend: Backend
    upstream_model: str
    is_lora: bool
    listener: Listener | None


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """One compiled configuration. Never changed after `compile_snapshot` made it."""

    ports: frozenset[int] = frozenset()
    endpoints: tuple[Endpoint, ...] = ()
    listeners: Mapping[int, tuple[Listener, ...]] = field(default_factory=dict)
    tables: Mapping[Listener | None, RouteTable] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    gateways: Mapping[ObjectKey, GatewayPlan] = field(default_factory=dict)
    attachments: Mapping[ObjectKey, tuple[Attachment, ...]] = field(default_factory=dict)
    routes: Mapping[ObjectKey, CompiledRoute] = field(default_factory=dict)
    backends: Mapping[ObjectKey, Backend] = field(default_factory=dict)

    def match_listener(self, port: int, host: str) -> Listener | None:
        """Return the listener of *port* that fits the Host header best, None where none does."""
        name = normalise_host(host)
        best: Listener | None = None
        best_rank = (-1, -1)
        for listener in self.listeners.get(port, ()):
            rank = hostname_rank(listener.hostname, name)
            if rank is not None and rank > best_rank:
                best, best_rank = listener, rank
        return best

    def route(
        self, listener: Listener | None, request: RouteRequest, dice: Callable[[], float]
    ) -> Destination:
        """Return where *request* goes. Raises ModelNotFound, FeatureMissing."""
        chosen = self.tables.get(listener, _NOWHERE).choose(request, dice)
        if chosen is None:
            raise ModelNotFound(
                f"route not found: no route here serves the model {request.model!r}"
            )
        route, rule, target, is_lora = chosen
        if target.provider:
            raise FeatureMissing(
                f"route {route.key} names external model provider {target.backend.key}: "
                "providers are not in this version"
            )
        backend = target.backend
        upstream_model = request.model if is_lora else backend.model or request.model
        return Destination(route.key, rule.name, backend, upstream_model, is_lora, listener)

    def models(self, listener: Listener | None) -> tuple[str, ...]:
        """Return the models and adapters that *listener* can serve now, sorted."""
        return tuple(sorted(self.tables.get(listener, _NOWHERE).names()))

    def knows_model(self, model: str) -> bool:
        """Return whether any route declares *model*, which makes it fit for a metric label."""
        return model in self.declared


EMPTY_SNAPSHOT = Snapshot()


def compile_snapshot(objects: Objects, options: RoutingOptions) -> Snapshot:
    """Return the configuration that *objects* make; the same for the same objects in any order."""
    pods = PodIndex(objects.pods.values())
    backends = {key: compile_backend(one, pods) for key, one in objects.model_servers.items()}
    compiled = {key: compile_route(one, backends) for key, one in objects.model_routes.items()}
    plans = (
        plan_gateways(
            objects.gateway_classes.values(),
            objects.gateways.values(),
            options.reserved_ports,
            options.addresses,
        )
        if options.gateway_api
        else {}
    )
    attachments = _attachments(objects, plans, options) if options.gateway_api else {}
    listeners = _listeners_by_port(plans)
    return Snapshot(
        ports=frozenset(listeners) if options.gateway_api else frozenset({options.default_port}),
        endpoints=tuple(dict.fromkeys(e for one in backends.values() for e in one.endpoints)),
        listeners=listeners,
        tables=_tables(objects, compiled, attachments, options),
        declared=frozenset(
            name
            for route in compiled.values()
            for name in (route.model_name, *route.adapters)
            if name
        ),
        gateways=plans,
        attachments=attachments,
        routes=compiled,
        backends=backends,
    )


def _attachments(
    objects: Objects, plans: Mapping[ObjectKey, GatewayPlan], options: RoutingOptions
) -> dict[ObjectKey, tuple[Attachment, ...]]:
    return {
        key: tuple(
            attach(
                route,
                ref,
                plans,
                objects.namespaces,
                enforce_allowed_routes=options.enforce_allowed_routes,
            )
            for ref in route.spec.parent_refs
        )
        for key, route in objects.model_routes.items()
    }


def _listeners_by_port(plans: Mapping[ObjectKey, GatewayPlan]) -> dict[int, tuple[Listener, ...]]:
    found: dict[int, list[Listener]] = {}
    for plan in plans.values():
        for one in plan.listeners:
            if one.listener is not None:
                found.setdefault(one.listener.port, []).append(one.listener)
    return {port: tuple(listeners) for port, listeners in found.items()}


def _tables(
    objects: Objects,
    compiled: Mapping[ObjectKey, CompiledRoute],
    attachments: Mapping[ObjectKey, tuple[Attachment, ...]],
    options: RoutingOptions,
) -> dict[Listener | None, RouteTable]:
    tables: dict[Listener | None, RouteTable] = {}
    for route in sorted(compiled.values(), key=lambda one: one.rank):
        for listener in _bound_to(route, objects, attachments, options):
            tables.setdefault(listener, RouteTable()).add(route)
    return tables


def _bound_to(
    route: CompiledRoute,
    objects: Objects,
    attachments: Mapping[ObjectKey, tuple[Attachment, ...]],
    options: RoutingOptions,
) -> list[Listener | None]:
    """Return the listeners that serve *route*, None standing for the one port without Gateway API."""
    if not options.gateway_api:
        return [] if objects.model_routes[route.key].spec.parent_refs else [None]
    found = [one for each in attachments.get(route.key, ()) for one in each.listeners]
    return list(dict.fromkeys(found))
