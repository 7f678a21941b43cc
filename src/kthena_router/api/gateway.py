"""Gateway API v1: GatewayClass, Gateway, and references to them."""

from typing import Any

from kthena_router.api.meta import Object, Struct
from kthena_router.api.selectors import LabelSelector

GROUP = "gateway.networking.k8s.io"


class GatewayClassSpec(Struct, frozen=True, rename="camel"):
    controller_name: str
    parameters_ref: dict[str, Any] | None = None


class GatewayClass(Object, frozen=True, kw_only=True):
    spec: GatewayClassSpec
    status: dict[str, Any] = {}


class RouteGroupKind(Struct, frozen=True):
    kind: str
    group: str = GROUP


class RouteNamespaces(Struct, frozen=True, rename={"from_": "from"}):
    from_: str = "Same"
    selector: LabelSelector | None = None


class AllowedRoutes(Struct, frozen=True):
    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: list[RouteGroupKind] = []


class ListenerSpec(Struct, frozen=True, rename={"allowed_routes": "allowedRoutes"}):
    name: str
    port: int
    protocol: str
    hostname: str = ""
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewayAddress(Struct, frozen=True):
    type: str = "IPAddress"
    value: str = ""


class GatewayInfrastructure(Struct, frozen=True, rename="camel"):
    parameters_ref: dict[str, Any] | None = None


class GatewaySpec(Struct, frozen=True, rename="camel"):
    gateway_class_name: str
    listeners: list[ListenerSpec] = []
    addresses: list[GatewayAddress] = []
    infrastructure: GatewayInfrastructure | None = None


class Gateway(Object, frozen=True, kw_only=True):
    spec: GatewaySpec
    status: dict[str, Any] = {}


class ParentReference(Struct, frozen=True, rename="camel"):
    name: str
    namespace: str | None = None
    group: str = GROUP
    kind: str = "Gateway"
    section_name: str | None = None
    port: int | None = None
