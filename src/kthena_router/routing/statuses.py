"""What the status of each object should say (Gateway API, status of GatewayClass, Gateway and its listeners)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kthena_router.api import networking
from kthena_router.api.gateway import Gateway, GatewayClass
from kthena_router.api.kinds import GATEWAY, GATEWAY_CLASS, MODEL_ROUTE, MODEL_SERVER, Kind
from kthena_router.api.meta import ObjectKey
from kthena_router.api.networking import ModelRoute, ModelServer
from kthena_router.routing.attachment import Attachment
from kthena_router.routing.backends import Backend
from kthena_router.routing.gateways import GatewayPlan, ListenerPlan, PortStates, is_ours
from kthena_router.routing.model_routes import CompiledRoute
from kthena_router.routing.snapshot import Objects, RoutingOptions, Snapshot
from kthena_router.settings import CONTROLLER_NAME

# Only what is served: features of HTTPRoute come with HTTPRoute. Sorted, as the API demands.
SUPPORTED_FEATURES = ("GatewayPort8080",)
MAX_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class DesiredStatus:
    """The status that an object should carry; its conditions have no lastTransitionTime yet."""

    kind: Kind[Any]
    key: ObjectKey
    generation: int
    status: dict[str, Any]


def condition(kind: str, ok: bool, reason: str, message: str, generation: int) -> dict[str, Any]:
    """Return a condition without its time."""
    return {
        "type": kind,
        "status": "True" if ok else "False",
        "reason": reason,
        "message": message[:MAX_MESSAGE],
        "observedGeneration": generation,
    }


def desired_statuses(
    objects: Objects,
    snapshot: Snapshot,
    options: RoutingOptions,
    ports: PortStates,
    addresses: tuple[str, ...],
) -> tuple[DesiredStatus, ...]:
    """Return the statuses of all objects that are ours to report on."""
    found: list[DesiredStatus] = []
    if options.gateway_api:
        ours = (one for one in objects.gateway_classes.values() if is_ours(one))
        found += [_class_status(one) for one in ours]
        attached = _attached_routes(snapshot)
        found += [
            _gateway_status(plan, ports, addresses, attached) for plan in snapshot.gateways.values()
        ]
    found += [_route_status(one, snapshot, options) for one in objects.model_routes.values()]
    found += [_server_status(one, snapshot) for one in objects.model_servers.values()]
    return tuple(found)


def _class_status(one: GatewayClass) -> DesiredStatus:
    generation = one.metadata.generation
    plain = one.spec.parameters_ref is None
    accepted = (
        condition("Accepted", True, "Accepted", "the class is served by this router", generation)
        if plain
        else condition(
            "Accepted", False, "InvalidParameters", "the class takes no parameters", generation
        )
    )
    supported = condition(
        "SupportedVersion",
        True,
        "SupportedVersion",
        "the version of the CRDs is served",
        generation,
    )
    status = {
        "conditions": [accepted, supported],
        "supportedFeatures": [{"name": name} for name in SUPPORTED_FEATURES],
    }
    return DesiredStatus(GATEWAY_CLASS, one.key, generation, status)


def _attached_routes(snapshot: Snapshot) -> dict[tuple[ObjectKey, str], int]:
    counts: dict[tuple[ObjectKey, str], int] = {}
    for attachments in snapshot.attachments.values():
        bound = {(one.gateway, plan.spec.name) for one in attachments for plan in one.listeners}
        for place in bound:
            counts[place] = counts.get(place, 0) + 1
    return counts


def _gateway_status(
    plan: GatewayPlan,
    ports: PortStates,
    addresses: tuple[str, ...],
    attached: dict[tuple[ObjectKey, str], int],
) -> DesiredStatus:
    gateway = plan.gateway
    generation = gateway.metadata.generation
    refusal = _refusal(gateway, addresses)
    states = [_socket_problem(one, ports) for one in plan.listeners]
    status: dict[str, Any] = {
        "conditions": _gateway_conditions(plan, states, refusal, generation),
        "listeners": [
            _listener_status(
                one, problem, attached.get((gateway.key, one.spec.name), 0), generation
            )
            for one, problem in zip(plan.listeners, states, strict=True)
        ],
        "addresses": [{"type": _address_type(value), "value": value} for value in addresses],
    }
    return DesiredStatus(GATEWAY, gateway.key, generation, status)


def _refusal(gateway: Gateway, addresses: tuple[str, ...]) -> tuple[str, str, str] | None:
    """Return condition, reason and message of what in the Gateway as a whole cannot be had."""
    infrastructure = gateway.spec.infrastructure
    if infrastructure is not None and infrastructure.parameters_ref is not None:
        return "Accepted", "InvalidParameters", "this router takes no parameters for Gateways"
    for address in gateway.spec.addresses:
        if address.type not in {"IPAddress", "Hostname"}:
            return (
                "Accepted",
                "UnsupportedAddress",
                f"addresses of type {address.type} are not known",
            )
        if address.value and address.value not in addresses:
            return (
                "Programmed",
                "AddressNotUsable",
                f"{address.value} is not an address of this router",
            )
    return None


def _gateway_conditions(
    plan: GatewayPlan,
    states: Sequence[str],
    refusal: tuple[str, str, str] | None,
    generation: int,
) -> list[dict[str, Any]]:
    valid = [one.listener is not None for one in plan.listeners]
    if refusal is not None and refusal[0] == "Accepted":
        accepted = condition("Accepted", False, refusal[1], refusal[2], generation)
    elif all(valid):
        accepted = condition("Accepted", True, "Accepted", "all listeners are valid", generation)
    else:
        message = "; ".join(one.message for one in plan.listeners if one.listener is None)
        accepted = condition("Accepted", any(valid), "ListenersNotValid", message, generation)
    if refusal is not None:
        reason = refusal[1] if refusal[0] == "Programmed" else "Invalid"
        programmed = condition("Programmed", False, reason, refusal[2], generation)
    elif not any(valid):
        programmed = condition("Programmed", False, "Invalid", "no listener is valid", generation)
    elif any(not problem for problem in states):
        programmed = condition(
            "Programmed", True, "Programmed", "the listeners are open", generation
        )
    else:
        programmed = condition("Programmed", False, "Pending", "; ".join(states), generation)
    return [accepted, programmed]


def _socket_problem(plan: ListenerPlan, ports: PortStates) -> str:
    """Return why no request can come through the listener, "" when its socket is open."""
    if plan.listener is None:
        return plan.message
    state = ports.get(plan.spec.port)
    if state is None:
        return f"port {plan.spec.port} is being opened"
    return "" if state.open else state.error or f"port {plan.spec.port} is not open"


def _listener_status(
    plan: ListenerPlan, problem: str, attached: int, generation: int
) -> dict[str, Any]:
    kinds = (
        [{"group": networking.GROUP, "kind": "ModelRoute"}]
        if plan.takes_model_routes and plan.refusal != "UnsupportedProtocol"
        else []
    )
    return {
        "name": plan.spec.name,
        "supportedKinds": kinds,
        "attachedRoutes": attached,
        "conditions": list(_listener_conditions(plan, problem, generation)),
    }


def _listener_conditions(
    plan: ListenerPlan, problem: str, generation: int
) -> Iterator[dict[str, Any]]:
    bound = plan.listener is not None
    taken = bound and bool(problem) and not problem.endswith("is being opened")
    if not bound:
        yield condition("Accepted", False, plan.refusal, plan.message, generation)
        yield condition("Programmed", False, "Invalid", plan.message, generation)
    elif taken:
        yield condition("Accepted", False, "PortUnavailable", problem, generation)
        yield condition("Programmed", False, "Invalid", problem, generation)
    else:
        yield condition("Accepted", True, "Accepted", "the listener is valid", generation)
        reason = "Pending" if problem else "Programmed"
        yield condition(
            "Programmed", not problem, reason, problem or "its port is open", generation
        )
    if plan.unknown_kinds:
        message = f"routes of kind {', '.join(plan.unknown_kinds)} are not served"
        yield condition("ResolvedRefs", False, "InvalidRouteKinds", message, generation)
    else:
        yield condition(
            "ResolvedRefs", True, "ResolvedRefs", "there is nothing left open", generation
        )
    reason = "HostnameConflict" if plan.conflict else "NoConflicts"
    yield condition(
        "Conflicted", plan.conflict, reason, plan.message if plan.conflict else "", generation
    )


def _address_type(value: str) -> str:
    return "IPAddress" if ":" in value or value.replace(".", "").isdigit() else "Hostname"


def _route_status(route: ModelRoute, snapshot: Snapshot, options: RoutingOptions) -> DesiredStatus:
    generation = route.metadata.generation
    compiled = snapshot.routes.get(route.key)
    resolved = _resolved(compiled, generation)
    attachments = snapshot.attachments.get(route.key, ())
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": [_route_accepted(route, attachments, options, generation), resolved],
        "parents": [_parent_status(one, resolved, generation) for one in attachments],
    }
    if unsupported := _unsupported(route):
        message = f"not in this version, and without effect: {', '.join(unsupported)}"
        status["conditions"].append(
            condition("Supported", False, "NotImplemented", message, generation)
        )
    return DesiredStatus(MODEL_ROUTE, route.key, generation, status)


def _resolved(compiled: CompiledRoute | None, generation: int) -> dict[str, Any]:
    if compiled is not None and compiled.missing:
        message = f"there is no ModelServer {', '.join(compiled.missing)}"
        return condition("ResolvedRefs", False, "BackendNotFound", message, generation)
    if compiled is not None and compiled.problems:
        message = "; ".join(compiled.problems)
        return condition("ResolvedRefs", False, "UnsupportedValue", message, generation)
    return condition("ResolvedRefs", True, "ResolvedRefs", "all targets exist", generation)


def _route_accepted(
    route: ModelRoute,
    attachments: Sequence[Attachment],
    options: RoutingOptions,
    generation: int,
) -> dict[str, Any]:
    if not options.gateway_api:
        if route.spec.parent_refs:
            message = (
                "the router runs without --enable-gateway-api: routes with parentRefs serve nothing"
            )
            return condition("Accepted", False, "GatewayAPIDisabled", message, generation)
        return condition("Accepted", True, "Accepted", "the route is served", generation)
    if not attachments:
        message = (
            "spec.parentRefs is required with Gateway API: name the Gateway that serves this route"
        )
        return condition("Accepted", False, "ParentRefsRequired", message, generation)
    refused = [one for one in attachments if not one.accepted]
    if len(refused) == len(attachments):
        message = "; ".join(one.message for one in refused)
        return condition("Accepted", False, refused[0].reason, message, generation)
    return condition("Accepted", True, "Accepted", "the route is bound to its Gateways", generation)


def _parent_status(
    attachment: Attachment, resolved: dict[str, Any], generation: int
) -> dict[str, Any]:
    ref = attachment.ref
    reference: dict[str, Any] = {"group": ref.group, "kind": ref.kind, "name": ref.name}
    optional = {"namespace": ref.namespace, "sectionName": ref.section_name, "port": ref.port}
    reference |= {name: value for name, value in optional.items() if value is not None}
    accepted = condition(
        "Accepted", attachment.accepted, attachment.reason, attachment.message, generation
    )
    return {
        "parentRef": reference,
        "controllerName": CONTROLLER_NAME,
        "conditions": [accepted, dict(resolved)],
    }


def _unsupported(route: ModelRoute) -> list[str]:
    return ["spec.rateLimit"] if route.spec.rate_limit is not None else []


def _server_status(server: ModelServer, snapshot: Snapshot) -> DesiredStatus:
    generation = server.metadata.generation
    backend = snapshot.backends.get(server.key) or Backend(server.key)
    ready = len(backend.endpoints)
    conditions = [
        condition("Ready", True, "EndpointsReady", f"{ready} endpoints are ready", generation)
        if ready
        else condition("Ready", False, "NoEndpoints", "no ready pod is selected", generation)
    ]
    if backend.problem:
        conditions.append(condition("Accepted", False, "Invalid", backend.problem, generation))
    else:
        conditions.append(condition("Accepted", True, "Accepted", "", generation))
    if unsupported := _unsupported_of_server(server):
        message = f"not in this version, and without effect: {', '.join(unsupported)}"
        conditions.append(condition("Supported", False, "NotImplemented", message, generation))
    status = {
        "observedGeneration": generation,
        "readyEndpoints": ready,
        "conditions": conditions,
    }
    return DesiredStatus(MODEL_SERVER, server.key, generation, status)


def _unsupported_of_server(server: ModelServer) -> list[str]:
    spec = server.spec
    found = []
    if spec.workload_selector is not None and spec.workload_selector.pd_group is not None:
        found.append("spec.workloadSelector.pdGroup")
    if spec.kv_connector is not None:
        found.append("spec.kvConnector")
    if spec.traffic_policy is not None and spec.traffic_policy.retry is not None:
        found.append("spec.trafficPolicy.retry")
    return found
