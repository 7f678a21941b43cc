"""What the sandbox knows about one kind of Kubernetes object in one version."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PrinterColumn:
    """A column of `kubectl get`, as in a CRD's `additionalPrinterColumns`."""

    name: str
    type: str
    json_path: str
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True)
class ScalePaths:
    """Where a custom resource keeps what its Scale shows, as in a CRD's `subresources.scale`: paths as `.spec.replicas`."""

    spec: str
    status: str
    selector: str = ""


@dataclass(frozen=True)
class ResourceType:
    """One served version of one kind.

    `group` is "" for the core group. `schema` is the OpenAPI v3 structural schema of the whole
    object, None where objects are accepted as they are. `storage_version` is "" where it is
    `version`. `custom` types are defined by a CustomResourceDefinition.
    `selectable` are fields that clients may select by, beside those that all or built-in kinds have. `deprecation` is
    what to warn of. `conversion` is the webhook that converts objects, as in a CRD's `conversion.webhook`. Stored objects of
    `reshaped` ones may have been written by another schema.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    list_kind: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    schema: Mapping[str, Any] | None = None
    printer_columns: tuple[PrinterColumn, ...] = ()
    storage_version: str = ""
    custom: bool = False
    selectable: tuple[str, ...] = ()
    deprecation: str = ""
    scale_paths: ScalePaths | None = None
    conversion: Mapping[str, Any] | None = None
    reshaped: bool = False

    @property
    def api_version(self) -> str:
        """`v1`, or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version


def is_request(resource: ResourceType) -> bool:
    """Whether objects of the kind ask for certificates."""
    return (resource.group, resource.plural) == (
        "certificates.k8s.io",
        "certificatesigningrequests",
    )
