"""Which listeners there are, which of them are served, and why the others are not (Gateway API, Gateway and Listener)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kthena_router.api import networking
from kthena_router.api.gateway import AllowedRoutes, Gateway, GatewayClass, ListenerSpec
from kthena_router.api.meta import ObjectKey
from kthena_router.settings import CONTROLLER_NAME


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener that is served. *hostname*: "" for any host."""

    gateway: ObjectKey
    name: str
    port: int
    hostname: str


@dataclass(frozen=True, slots=True)
class PortState:
    """What the listener manager knows of a port; *error* says why it is not open."""

    port: int
    open: bool
    error: str = ""


PortStates = Mapping[int, PortState]


@dataclass(frozen=True, slots=True)
class ListenerPlan:
    """A listener as it was specified, and the verdict: *refusal* is a reason of condition Accepted, "" when accepted."""

    spec: ListenerSpec
    refusal: str = ""
    conflict: bool = False
    message: str = ""
    listener: Listener | None = None  # present when it is served

    @property
    def takes_model_routes(self) -> bool:
        """Return whether its kinds admit ModelRoutes; none given admits what is supported."""
        kinds = self.spec.allowed_routes.kinds
        return not kinds or any(
            (k.group, k.kind) == (networking.GROUP, "ModelRoute") for k in kinds
        )

    @property
    def unknown_kinds(self) -> tuple[str, ...]:
        """Return the kinds that it admits and that are not served."""
        kinds = self.spec.allowed_routes.kinds
        return tuple(k.kind for k in kinds if (k.group, k.kind) != (networking.GROUP, "ModelRoute"))

    @property
    def allowed(self) -> AllowedRoutes:
        return self.spec.allowed_routes


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """A Gateway of ours with its listeners, in the order of the specification."""

    gateway: Gateway
    listeners: tuple[ListenerPlan, ...]


def is_ours(gateway_class: GatewayClass) -> bool:
    """Return whether a class belongs to this controller; its own name does not matter."""
    return gateway_class.spec.controller_name == CONTROLLER_NAME


def plan_gateways(
    classes: Iterable[GatewayClass], gateways: Iterable[Gateway], reserved_ports: frozenset[int]
) -> dict[ObjectKey, GatewayPlan]:
    """Return the plans of all Gateways of ours. Where two want a port and hostname, the older one has it."""
    ours = {one.metadata.name for one in classes if is_ours(one)}
    managed = (g for g in gateways if g.spec.gateway_class_name in ours)
    owners: dict[tuple[int, str], ObjectKey] = {}
    plans: dict[ObjectKey, GatewayPlan] = {}
    for gateway in sorted(managed, key=lambda one: one.age_rank):
        listeners = tuple(
            _plan_listener(gateway, spec, reserved_ports, owners) for spec in gateway.spec.listeners
        )
        plans[gateway.key] = GatewayPlan(gateway, listeners)
    return plans


def _plan_listener(
    gateway: Gateway,
    spec: ListenerSpec,
    reserved_ports: frozenset[int],
    owners: dict[tuple[int, str], ObjectKey],
) -> ListenerPlan:
    if spec.protocol != "HTTP":
        message = f"protocol {spec.protocol} is not supported: use HTTP"
        return ListenerPlan(spec, refusal="UnsupportedProtocol", message=message)
    if spec.port in reserved_ports:
        message = f"port {spec.port} is needed by the router itself: choose another one"
        return ListenerPlan(spec, refusal="PortUnavailable", message=message)
    hostname = spec.hostname.lower()
    owner = owners.setdefault((spec.port, hostname), gateway.key)
    if owner != gateway.key:
        message = f"Gateway {owner} is older and has port {spec.port} for {hostname or 'all hosts'}"
        return ListenerPlan(spec, refusal="HostnameConflict", conflict=True, message=message)
    return ListenerPlan(spec, listener=Listener(gateway.key, spec.name, spec.port, hostname))
