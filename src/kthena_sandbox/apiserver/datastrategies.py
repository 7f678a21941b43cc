"""What the API server does to objects that are data here: kept for others to read, while nothing of the sandbox acts on them."""

import json
from collections.abc import Mapping
from typing import Any

from kthena_sandbox.apiserver.errors import Cause, cause_of
from kthena_sandbox.apiserver.options import forbidden_cause
from kthena_sandbox.apiserver.strategy import Part, Strategy, fixed, immutable, value_at
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.schema.addressrules import pair_rules, range_problems, range_rules
from kthena_sandbox.schema.devicerules import new_slice_rules
from kthena_sandbox.schema.driverrules import new_attachment_rules
from kthena_sandbox.schema.golang import shown

Document = dict[str, Any]
_NO_RANGE = (
    "this sandbox draws addresses of Services from the ServiceCIDR kubernetes alone: another one has no effect"
)  # fmt: skip


def _stays(path: str, value: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {value}: field is immutable", path)


def _go_struct(document: Document, fields: Mapping[str, str]) -> str:
    """Fields of a struct as Go's own encoder names them."""
    named = {name: document.get(field) for name, field in fields.items()}
    return json.dumps(named, separators=(",", ":"))


def _update_driver(document: Document, old: Document, _: Surroundings) -> Document:
    """Only changes of a CSIDriver are counted: a new one has no generation."""
    if document.get("spec") == old.get("spec"):
        return document
    counted = {"generation": old["metadata"].get("generation", 0) + 1}
    return document | {"metadata": document["metadata"] | counted}


def _check_driver(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    if old is None:
        return []
    causes = []
    if (now := value_at(document, "spec.attachRequired")) != value_at(old, "spec.attachRequired"):
        causes.append(_stays("spec.attachedRequired", shown(now)))  # as a kube-apiserver spells it
    return causes + immutable(document, old, "spec.volumeLifecycleModes")


_DRIVER = {"Name": "name", "NodeID": "nodeID", "TopologyKeys": "topologyKeys", "Allocatable": "allocatable"}  # fmt: skip


def _check_node(node: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """A driver of a CSINode stays as it is, or goes."""
    before = {one["name"]: one for one in value_at(old or {}, "spec.drivers") or []}
    return [
        _stays("spec.drivers", _go_struct(one, _DRIVER))
        for one in value_at(node, "spec.drivers") or []
        if one["name"] in before and before[one["name"]] | {} != {"topologyKeys": None} | one
    ]


_ATTACHMENT = {"Attacher": "attacher", "Source": "source", "NodeName": "nodeName"}


def _check_attachment(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    if old is None:
        return [cause_of(error) for error in new_attachment_rules(document)]
    if document.get("spec") == old.get("spec"):
        return []
    return [_stays("spec", _go_struct(document.get("spec") or {}, _ATTACHMENT))]


def _said(value: Any) -> Any:
    """What a value says: without what is empty, as it may be there or not."""
    if not isinstance(value, dict):
        return value
    said = {name: _said(entry) for name, entry in value.items()}
    return {name: entry for name, entry in said.items() if entry not in (None, {}, [])}


def _check_asked(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """What a claim asks for stays."""
    if old is None or _said(document.get("spec")) == _said(old.get("spec")):
        return []
    return [_stays("spec", _go_struct(document.get("spec") or {}, {"Devices": "devices"}))]


_SLICE_STAYS = fixed("spec.pool.name", "spec.driver")


def _check_slice(document: Document, old: Document | None, around: Surroundings) -> list[Cause]:
    if old is None:
        return [cause_of(error) for error in new_slice_rules(document)]
    now, before = (value_at(one, "spec.nodeName") for one in (document, old))
    moved = [] if now == before else [_stays("spec.nodeName", shown(now))]  # none is null
    return _SLICE_STAYS(document, old, around) + moved


def _check_attributes(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    return [
        forbidden_cause(field, f"updates to {field} are forbidden.")
        for field in ("driverName", "parameters")
        if old is not None and document.get(field) != old.get(field)
    ]


_PARENT = {"Group": "group", "Resource": "resource", "Namespace": "namespace", "Name": "name"}


def _check_parent(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    now = value_at(document, "spec.parentRef")
    if old is None or now == value_at(old, "spec.parentRef"):
        return []
    whole = dict.fromkeys(_PARENT.values(), "") | (now or {})
    return [_stays("spec.parentRef", "null" if now is None else _go_struct(whole, _PARENT))]


_FAMILIES = ("IPv4", "IPv6")


def _check_ranges(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """A ServiceCIDR may come to have a second range, and else stays."""
    if old is None:
        return [cause_of(error) for error in range_rules(document)]
    now, before = (value_at(one, "spec.cidrs") for one in (document, old))
    if not now or not len(before) <= len(now) <= len(_FAMILIES):
        return [_stays("spec.cidrs", shown(now))]
    changed = [
        _stays(f"spec.cidrs[{index}]", shown(text))
        for index, (text, other) in enumerate(zip(now, before, strict=False))
        if text != other
    ]
    added = range(len(before), len(now))
    if len(added) == 1 and len(before) == 1:
        changed += [cause_of(error) for error in pair_rules(now)]
    return changed + [
        Cause(
            "FieldValueInvalid",
            f"Invalid value: {shown(now[index])}: {why}",
            f"spec.cidrs[{index}]",
        )
        for index in added
        for why in range_problems(now[index])
    ]


def _range_warnings(document: Document, _: Document | None) -> list[str]:
    return [] if document["metadata"].get("name") == "kubernetes" else [_NO_RANGE]


_DEVICES = "resource.k8s.io"
_FLOWS = "flowcontrol.apiserver.k8s.io"
_STORAGE, _NETWORKING = "storage.k8s.io", "networking.k8s.io"
_TWICE: tuple[Part, ...] = ("whole", "rules") * 2 + ("last",)
_OF_CLAIMS: tuple[Part, ...] = ("whole", "rules", "whole", "own", "rules")
_ONCE: tuple[Part, ...] = ("whole", "rules", "core", "last")
DATA_STRATEGIES: Mapping[tuple[str, str], Strategy] = {
    (_STORAGE, "csidrivers"): Strategy(update=_update_driver, check_last=_check_driver),
    (_STORAGE, "csinodes"): Strategy(check_last=_check_node, on_update=_TWICE),
    (_STORAGE, "csistoragecapacities"): Strategy(
        check_last=fixed("nodeTopology", "storageClassName"), on_update=_ONCE
    ),
    (_STORAGE, "volumeattachments"): Strategy(
        check_last=_check_attachment,
        on_update=_TWICE,
        status={"attached": False},
    ),
    (_STORAGE, "volumeattributesclasses"): Strategy(
        check_last=_check_attributes, on_update=(*_ONCE, "whole", "rules")
    ),
    **{
        (_DEVICES, plural): Strategy(check=_check_asked, on_update=_OF_CLAIMS)
        for plural in ("resourceclaims", "resourceclaimtemplates")
    },
    (_DEVICES, "deviceclasses"): Strategy(generation=("spec",), on_update=_TWICE),
    (_DEVICES, "resourceslices"): Strategy(check_last=_check_slice, generation=("spec",)),
    (_FLOWS, "flowschemas"): Strategy(generation=("spec",)),
    (_FLOWS, "prioritylevelconfigurations"): Strategy(generation=("spec",)),
    (_NETWORKING, "ipaddresses"): Strategy(check_last=_check_parent, on_update=_ONCE),
    (_NETWORKING, "servicecidrs"): Strategy(check_last=_check_ranges, warnings=_range_warnings),
}
