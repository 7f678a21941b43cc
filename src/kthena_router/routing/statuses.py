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
from kthena_router.routing.gateways import (
    GatewayPlan,
    Listener,
    ListenerPlan,
    PortStates,
    is_accepted,
    is_ours,
)
from kthena_router.routing.model_routes import CompiledRoute
from kthena_router.routing.snapshot import Objects, RoutingOptions, Snapshot
from kthena_router.settings import CONTROLLER_NAME

# Only what is served: features of HTTPRoute come with HTTPRoute. Sorted, as the API demands.
SUPPORTED_FEATURES = ("GatewayPort8080",)
MAX_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class DesiredStatus:
    """The status that an object should carry; its conditions have no lastTransitionTime yet.

    *uid* and *generation* tell which object, and which version of its spec, the status is of.
    """

    kind: Kind[Any]
    key: ObjectKey
    uid: str
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
    objects: Objects, snapshot: Snapshot, options: RoutingOptions, ports: PortStates
) -> tuple[DesiredStatus, ...]:
    """Return the statuses of all objects that are ours to report on."""
    found: list[DesiredStatus] = []
    if options.gateway_api:
        ours = (one for one in objects.gateway_classes.values() if is_ours(one))
        found += [_class_status(one) for one in ours]
        attached = _attached_routes(snapshot)
        found += [
            _gateway_status(plan, ports, options.addresses, attached)
            for plan in snapshot.gateways.values()
        ]
    found += [_route_status(one, snapshot, options) for one in objects.model_routes.values()]
    found += [_server_status(one, snapshot) for one in objects.model_servers.values()]
    return tuple(found)


def _class_status(one: GatewayClass) -> DesiredStatus:
    generation = one.metadata.generation
    accepted = (
        condition("Accepted", True, "Accepted", "the class is served by this router", generation)
        if is_accepted(one)
        else condition(
            "Accepted", False, "InvalidParameters", "the class takes no parameters", generation
        )
    )
    # The class was read as this version, so the cluster's CRDs serve it, whichever bundle they come from.
    message = f"the CRDs serve {GATEWAY_CLASS.api_version}, which is what this router reads"
    supported = condition("SupportedVersion", True, "SupportedVersion", message, generation)
    status = {
        "conditions": [accepted, supported],
        "supportedFeatures": [{"name": name} for name in SUPPORTED_FEATURES],
    }
    return DesiredStatus(GATEWAY_CLASS, one.key, one.metadata.uid, generation, status)


def _attached_routes(snapshot: Snapshot) -> dict[Listener, int]:
    counts: dict[Listener, int] = {}
    for attachments in snapshot.attachments.values():
        for listener in {listener for one in attachments for listener in one.listeners}:
            counts[listener] = counts.get(listener, 0) + 1
    return counts


def _gateway_status(
    plan: GatewayPlan,
    ports: PortStates,
    addresses: tuple[str, ...],
    attached: dict[Listener, int],
) -> DesiredStatus:
    gateway = plan.gateway
    generation = gateway.metadata.generation
    status: dict[str, Any] = {
        "conditions": [_accepted(plan, generation), _programmed(plan, ports, generation)],
        "listeners": [
            _listener_status(one, _progress(one, ports), attached, generation)
            for one in plan.listeners
        ],
        "addresses": [
            {"type": _address_type(value), "value": value}
            for value in _addresses(gateway, addresses)
        ],
    }
    return DesiredStatus(GATEWAY, gateway.key, gateway.metadata.uid, generation, status)


def _addresses(gateway: Gateway, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the router's that the Gateway asks for; all of them where it asks for none in particular."""
    wanted = {one.value for one in gateway.spec.addresses if one.value}
    return tuple(value for value in addresses if not wanted or value in wanted)


def _accepted(plan: GatewayPlan, generation: int) -> dict[str, Any]:
    if plan.refusal is not None and plan.refusal.condition == "Accepted":
        reason, message = plan.refusal.reason, plan.refusal.message
        return condition("Accepted", False, reason, message, generation)
    refused = [one for one in plan.listeners if one.refusal]
    if not refused:
        return condition("Accepted", True, "Accepted", "all listeners are valid", generation)
    message = "; ".join(f"listener {one.spec.name}: {one.message}" for one in refused)
    some = len(refused) < len(plan.listeners)
    return condition("Accepted", some, "ListenersNotValid", message, generation)


def _programmed(plan: GatewayPlan, ports: PortStates, generation: int) -> dict[str, Any]:
    if plan.refusal is not None:
        reason = plan.refusal.reason if plan.refusal.condition == "Programmed" else "Invalid"
        return condition("Programmed", False, reason, plan.refusal.message, generation)
    served = [one for one in plan.listeners if one.listener is not None]
    if not served:
        return condition("Programmed", False, "Invalid", "no listener is valid", generation)
    progress = [_progress(one, ports) for one in served]
    if any(one.open for one in progress):
        return condition("Programmed", True, "Programmed", "the listeners are open", generation)
    message = "; ".join(one.message for one in progress)
    return condition("Programmed", False, "Pending", message, generation)


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a listener is: *open* to requests, or not, and *message* says why; *failed*: its port cannot be had."""

    open: bool
    failed: bool = False
    message: str = "its port is open"


def _progress(plan: ListenerPlan, ports: PortStates) -> _Progress:
    if plan.listener is None:
        return _Progress(open=False, message=plan.message)
    port = plan.spec.port
    state = ports.get(port)
    if state is None:
        return _Progress(open=False, message=f"port {port} is being opened")
    if state.open:
        return _Progress(open=True)
    return _Progress(open=False, failed=True, message=state.error or f"port {port} is not open")


def _listener_status(
    plan: ListenerPlan, progress: _Progress, attached: dict[Listener, int], generation: int
) -> dict[str, Any]:
    kinds = (
        [{"group": networking.GROUP, "kind": "ModelRoute"}]
        if plan.takes_model_routes and plan.refusal != "UnsupportedProtocol"
        else []
    )
    return {
        "name": plan.spec.name,
        "supportedKinds": kinds,
        "attachedRoutes": attached.get(plan.listener, 0) if plan.listener else 0,
        "conditions": list(_listener_conditions(plan, progress, generation)),
    }


def _listener_conditions(
    plan: ListenerPlan, progress: _Progress, generation: int
) -> Iterator[dict[str, Any]]:
    message = progress.message
    reason = plan.refusal or ("PortUnavailable" if progress.failed else "")
    if reason:
        yield condition("Accepted", False, reason, message, generation)
    else:
        yield condition("Accepted", True, "Accepted", "the listener is valid", generation)
    if progress.open:
        yield condition("Programmed", True, "Programmed", message, generation)
    else:
        waits = plan.listener is not None and not progress.failed
        reason = "Pending" if waits else "Invalid"
        yield condition("Programmed", False, reason, message, generation)
    if plan.unknown_kinds:
        message = f"routes of kind {', '.join(plan.unknown_kinds)} are not served"
        yield condition("ResolvedRefs", False, "InvalidRouteKinds", message, generation)
    else:
        message = "there is nothing left open"
        yield condition("ResolvedRefs", True, "ResolvedRefs", message, generation)
    reason = "HostnameConflict" if plan.conflict else "NoConflicts"
    message = plan.message if plan.conflict else ""
    yield condition("Conflicted", plan.conflict, reason, message, generation)


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
    return DesiredStatus(MODEL_ROUTE, route.key, route.metadata.uid, generation, status)


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
    problems = "; ".join(one.message for one in refused)
    if len(refused) == len(attachments):
        return condition("Accepted", False, refused[0].reason, problems, generation)
    message = f"the route is bound, but {problems}" if refused else "the route is bound"
    return condition("Accepted", True, "Accepted", message, generation)


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
    return DesiredStatus(MODEL_SERVER, server.key, server.metadata.uid, generation, status)


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
