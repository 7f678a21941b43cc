"""Which ModelRoute binds to which listener, and the reason where it does not (Gateway API, ParentReference)."""

from collections.abc import Mapping
from dataclasses import dataclass

from kthena_router.api import gateway as gateway_api
from kthena_router.api.core import Namespace
from kthena_router.api.gateway import ParentReference
from kthena_router.api.meta import ObjectKey
from kthena_router.api.networking import ModelRoute
from kthena_router.routing.gateways import GatewayPlan, Listener, ListenerPlan


@dataclass(frozen=True, slots=True)
class Attachment:
    """The verdict on one parentRef: the listeners it binds to, or a *reason* of condition Accepted."""

    ref: ParentReference
    gateway: ObjectKey
    listeners: tuple[Listener, ...] = ()
    reason: str = "Accepted"
    message: str = "the route is bound to its Gateway"

    @property
    def accepted(self) -> bool:
        return bool(self.listeners)


def attach(
    route: ModelRoute,
    ref: ParentReference,
    plans: Mapping[ObjectKey, GatewayPlan],
    namespaces: Mapping[ObjectKey, Namespace],
    *,
    enforce_allowed_routes: bool,
) -> Attachment:
    """Return what *ref* of *route* binds to."""
    key = ObjectKey(ref.namespace or route.metadata.namespace, ref.name)
    if ref.group != gateway_api.GROUP or ref.kind != "Gateway":
        message = f"a ModelRoute binds to Gateways, not to {ref.kind}.{ref.group}"
        return Attachment(ref, key, reason="InvalidKind", message=message)
    plan = plans.get(key)
    if plan is None:
        message = f"there is no Gateway {key} of a class of this router"
        return Attachment(ref, key, reason="NoMatchingParent", message=message)
    named = tuple(one for one in plan.listeners if _is_named(ref, one))
    if not named:
        return Attachment(ref, key, reason="NoMatchingParent", message=_not_named(ref, key))
    if enforce_allowed_routes:
        named = tuple(one for one in named if _allows(one, key.namespace, route, namespaces))
    if not named:
        message = f"no listener of Gateway {key} allows ModelRoutes from namespace {route.metadata.namespace}"
        return Attachment(ref, key, reason="NotAllowedByListeners", message=message)
    served = tuple(one.listener for one in named if one.listener is not None)
    if not served:
        message = "; ".join(
            f"listener {one.spec.name} of Gateway {key}: {one.message}" for one in named
        )
        return Attachment(ref, key, reason="NoReadyListeners", message=message)
    return Attachment(ref, key, served)


def _is_named(ref: ParentReference, plan: ListenerPlan) -> bool:
    return ref.section_name in {None, plan.spec.name} and ref.port in {None, plan.spec.port}


def _not_named(ref: ParentReference, key: ObjectKey) -> str:
    wanted = [f"named {ref.section_name}"] if ref.section_name else []
    wanted += [f"on port {ref.port}"] if ref.port else []
    return f"Gateway {key} has no listener {' '.join(wanted)}".rstrip()


def _allows(
    plan: ListenerPlan,
    gateway_namespace: str,
    route: ModelRoute,
    namespaces: Mapping[ObjectKey, Namespace],
) -> bool:
    if not plan.takes_model_routes:
        return False
    allowed = plan.allowed.namespaces
    own = route.metadata.namespace
    match allowed.from_:
        case "All":
            return True
        case "Same":
            return own == gateway_namespace
        case "Selector":
            namespace = namespaces.get(ObjectKey("", own))
            if namespace is None or allowed.selector is None:
                return False
            return allowed.selector.matches(namespace.metadata.labels)
    return False
