"""CustomResourceDefinitions (apiextensions.k8s.io/v1) as the kinds that they define."""

from typing import Any

from kthena_sandbox.resources import PrinterColumn, ResourceType, ScalePaths
from kthena_sandbox.schema.compiled import Schema
from kthena_sandbox.schema.crdrules import validate_crd
from kthena_sandbox.schema.versions import version_priority

__all__ = ["resource_types", "validate_crd"]

Document = dict[str, Any]


def resource_types(crd: Document) -> tuple[ResourceType, ...]:
    """One type for each served version, in the order of the definition. The definition must be a valid one."""
    versions = crd["spec"]["versions"]
    storage = next((entry["name"] for entry in versions if entry.get("storage")), "")
    changed = (crd.get("metadata") or {}).get("generation", 1) > 1
    return tuple(
        _resource_type(crd["spec"], version, storage, changed=changed)
        for version in versions
        if version.get("served")
    )


def _resource_type(
    spec: Document, version: Document, storage: str, *, changed: bool
) -> ResourceType:
    names = spec["names"]
    kind = names["kind"]
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        kind=kind,
        plural=names["plural"],
        singular=names.get("singular") or kind.lower(),
        namespaced=spec["scope"] == "Namespaced",
        list_kind=names.get("listKind") or f"{kind}List",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(version.get("subresources") or ()),
        schema=None if schema is None else Schema(schema),
        printer_columns=tuple(map(_column, version.get("additionalPrinterColumns") or ())),
        storage_version=storage,
        custom=True,
        selectable=tuple(
            entry["jsonPath"].removeprefix(".") for entry in version.get("selectableFields") or ()
        ),
        deprecation=_deprecation(spec, version),
        conversion=_webhook(spec),
        reshaped=changed or version["name"] != storage,
        scale_paths=_scale_paths((version.get("subresources") or {}).get("scale")),
    )


def _webhook(spec: Document) -> Document | None:
    conversion = spec.get("conversion") or {}
    by_webhook = conversion.get("strategy") == "Webhook" and len(spec["versions"]) > 1
    return dict(conversion["webhook"]) if by_webhook else None


def _deprecation(spec: Document, version: Document) -> str:
    if not version.get("deprecated"):
        return ""
    kind, others = spec["names"]["kind"], spec["versions"]
    default = f"{spec['group']}/{version['name']} {kind} is deprecated"
    newer = [
        entry["name"] for entry in others
        if entry.get("served") and not entry.get("deprecated")
        and version_priority(entry["name"]) > version_priority(version["name"])
    ]  # fmt: skip
    if newer:
        default += f"; use {spec['group']}/{max(newer, key=version_priority)} {kind}"
    return str(version.get("deprecationWarning") or default)


def _scale_paths(scale: Document | None) -> ScalePaths | None:
    if scale is None:
        return None
    selector = scale.get("labelSelectorPath", "")
    return ScalePaths(scale["specReplicasPath"], scale["statusReplicasPath"], selector)


def _column(entry: Document) -> PrinterColumn:
    return PrinterColumn(
        name=entry["name"],
        type=entry["type"],
        json_path=entry["jsonPath"],
        format=entry.get("format", ""),
        description=entry.get("description", ""),
        priority=entry.get("priority", 0),
    )
