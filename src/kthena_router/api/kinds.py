"""The kinds that the router watches: where they are served and how they are read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from kthena_router.api import gateway, networking
from kthena_router.api.core import Namespace, Pod
from kthena_router.api.meta import Object

T = TypeVar("T", bound=Object)


@dataclass(frozen=True, eq=False)
class Kind(Generic[T]):
    """One kind. *optional*: its CRD may be missing from a cluster."""

    group: str
    version: str
    kind: str
    plural: str
    struct: type[T]
    namespaced: bool = True
    optional: bool = False
    decode: Callable[[bytes | msgspec.Raw], T] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decode", msgspec.json.Decoder(self.struct).decode)

    def read(self, item: bytes | msgspec.Raw) -> T:
        """Return the object in *item*. Raises msgspec.DecodeError, UnicodeDecodeError.

        null stands for absence (Kubernetes API conventions, "Optional vs. Required"): servers write it for
        times that nobody has set, and clients for whatever they leave out.
        """
        try:
            return self.decode(item)
        except msgspec.ValidationError:
            return msgspec.convert(without_nulls(msgspec.json.decode(item)), self.struct)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the URL path of one object, or of a collection when *name* is empty."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


def without_nulls(value: Any) -> Any:
    """Return decoded JSON without the members of objects that are null."""
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


GATEWAY_CLASS = Kind(
    gateway.GROUP,
    "v1",
    "GatewayClass",
    "gatewayclasses",
    gateway.GatewayClass,
    namespaced=False,
    optional=True,
)
GATEWAY = Kind(gateway.GROUP, "v1", "Gateway", "gateways", gateway.Gateway, optional=True)
MODEL_ROUTE = Kind(
    networking.GROUP,
    networking.VERSION,
    "ModelRoute",
    "modelroutes",
    networking.ModelRoute,
    optional=True,
)
MODEL_SERVER = Kind(
    networking.GROUP,
    networking.VERSION,
    "ModelServer",
    "modelservers",
    networking.ModelServer,
    optional=True,
)
POD = Kind("", "v1", "Pod", "pods", Pod)
NAMESPACE = Kind("", "v1", "Namespace", "namespaces", Namespace, namespaced=False)


def watched_kinds(*, gateway_api: bool) -> tuple[Kind[Any], ...]:
    """Return what has to be watched."""
    kinds: tuple[Kind[Any], ...] = (MODEL_ROUTE, MODEL_SERVER, POD)
    return (*kinds, GATEWAY_CLASS, GATEWAY, NAMESPACE) if gateway_api else kinds
