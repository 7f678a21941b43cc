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
    """A listener as it was specified, and the verdict: *refusal* is a reason of condition Accepted, "" when accepted.

    An accepted one of a Gateway that is refused is not served: it has no *listener*, and *message* says why.
    """

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
class Refusal:
    """Why a Gateway as a whole is not served: a *reason* of its *condition*, `Accepted` or `Programmed`."""

    condition: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """A Gateway of ours with its listeners, in the order of the specification, none of them served if it is refused."""

    gateway: Gateway
    listeners: tuple[ListenerPlan, ...]
    refusal: Refusal | None = None


def is_ours(gateway_class: GatewayClass) -> bool:
    """Return whether a class belongs to this controller; its own name does not matter."""
    return gateway_class.spec.controller_name == CONTROLLER_NAME


def is_accepted(gateway_class: GatewayClass) -> bool:
    """Return whether Gateways of a class of ours are served."""
    return gateway_class.spec.parameters_ref is None


def plan_gateways(
    classes: Iterable[GatewayClass],
    gateways: Iterable[Gateway],
    reserved_ports: frozenset[int],
    addresses: tuple[str, ...],
) -> dict[ObjectKey, GatewayPlan]:
    """Return the plans of all Gateways of accepted classes. Where two want a port and hostname, the older one has it."""
    ours = {one.metadata.name for one in classes if is_ours(one) and is_accepted(one)}
    managed = (g for g in gateways if g.spec.gateway_class_name in ours)
    owners: dict[tuple[int, str], ObjectKey] = {}
    plans: dict[ObjectKey, GatewayPlan] = {}
    for gateway in sorted(managed, key=lambda one: one.age_rank):
        refusal = _refusal(gateway, addresses)
        listeners = tuple(
            _plan_listener(gateway, refusal, spec, reserved_ports, owners)
            for spec in gateway.spec.listeners
        )
        plans[gateway.key] = GatewayPlan(gateway, listeners, refusal)
    return plans


def _refusal(gateway: Gateway, addresses: tuple[str, ...]) -> Refusal | None:
    infrastructure = gateway.spec.infrastructure
    if infrastructure is not None and infrastructure.parameters_ref is not None:
        message = "this router takes no parameters for Gateways"
        return Refusal("Accepted", "InvalidParameters", message)
    for address in gateway.spec.addresses:
        if address.type not in {"IPAddress", "Hostname"}:
            message = f"addresses of type {address.type} are not known"
            return Refusal("Accepted", "UnsupportedAddress", message)
    strange = [one.value for one in gateway.spec.addresses if one.value not in {"", *addresses}]
    if strange:
        known = f"it has {', '.join(addresses)}" if addresses else "it has none to show"
        message = f"{', '.join(strange)} is not an address of this router: {known}"
        return Refusal("Programmed", "AddressNotUsable", message)
    return None


def _plan_listener(
    gateway: Gateway,
    refusal: Refusal | None,
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
    if refusal is not None:
        return ListenerPlan(spec, message=f"the Gateway is not served: {refusal.message}")
    hostname = spec.hostname.lower()
    owner = owners.setdefault((spec.port, hostname), gateway.key)
    if owner != gateway.key:
        message = f"Gateway {owner} is older and has port {spec.port} for {hostname or 'all hosts'}"
        return ListenerPlan(spec, refusal="HostnameConflict", conflict=True, message=message)
    return ListenerPlan(spec, listener=Listener(gateway.key, spec.name, spec.port, hostname))
