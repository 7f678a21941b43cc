"""Rules and defaults of PriorityClasses and RuntimeClasses, and the PriorityClasses that every cluster has.

They are asked only about objects whose fields have the types of the schema.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.podrules import toleration_rules
from kthena_sandbox.schema.quantities import parse_quantity
from kthena_sandbox.schema.selectorrules import label_rules

Document = dict[str, Any]
_MOST = 1_000_000_000
_TOLERATION = {"Key": "", "Operator": "", "Value": "", "Effect": "", "TolerationSeconds": None}


class SystemClass(NamedTuple):
    """A PriorityClass of Kubernetes' own."""

    value: int
    description: str


SYSTEM_CLASSES: Mapping[str, SystemClass] = {
    "system-node-critical": SystemClass(
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    "system-cluster-critical": SystemClass(
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
}


def priority_class_defaults(priority_class: Document) -> Document:
    """A PriorityClass: that it is no default is not written down."""
    if priority_class.get("globalDefault") is not False:
        return priority_class
    return {name: value for name, value in priority_class.items() if name != "globalDefault"}


def priority_class_rules(priority_class: Document) -> list[FieldError]:
    """A PriorityClass: names and values of the system's own classes are reserved."""
    metadata, value = priority_class.get("metadata") or {}, priority_class.get("value", 0)
    name = metadata.get("name", "")
    if name.startswith("system-"):
        why = _reserved(name, value)
        return [errors.forbidden("metadata.name", why)] if why else []
    if value > _MOST:
        why = f"maximum allowed value of a user defined priority is {_MOST}"
        return [errors.forbidden("value", why)]
    known, policy = ["PreemptLowerPriority", "Never"], priority_class.get("preemptionPolicy")
    return [] if policy in known else [errors.not_supported("preemptionPolicy", policy, known)]


def _reserved(name: str, value: int) -> str:
    prefix = "priority class names with 'system-' prefix are reserved for system use only. error: "
    known = SYSTEM_CLASSES.get(name)
    if known is None:
        return f"{prefix}{name} is not a known system priority class"
    if value != known.value:
        return f"{prefix}value of {name} PriorityClass must be {known.value}"
    return ""


def runtime_class_rules(runtime_class: Document) -> list[FieldError]:
    """A RuntimeClass: its handler, and what its pods cost and where they may be."""
    handler = runtime_class.get("handler", "")
    found = [errors.invalid("handler", handler, why) for why in names.host_problems(handler)]
    for name, text in sorted(((runtime_class.get("overhead") or {}).get("podFixed") or {}).items()):
        quantity = parse_quantity(str(text))
        if quantity is not None and quantity < 0:
            detail = "must be greater than or equal to 0"
            found.append(errors.invalid(f"overhead.limits[{name}]", text, detail))
    scheduling = runtime_class.get("scheduling") or {}
    found += label_rules(scheduling.get("nodeSelector") or {}, "scheduling.nodeSelector")
    return found + _tolerations(scheduling.get("tolerations") or [], "scheduling.tolerations")


def _tolerations(tolerations: list[Any], path: str) -> list[FieldError]:
    """Each by itself, and none twice."""
    found, seen = [], set()
    for index, entry in enumerate(tolerations):
        shown = _TOLERATION | {f"{name[0].upper()}{name[1:]}": entry[name] for name in entry or {}}
        text = json.dumps(shown, separators=(",", ":"))
        if text in seen:
            place = f"{path}[{index}]"
            found.append(
                FieldError(place, "FieldValueDuplicate", f"{place}: Duplicate value: {text}")
            )
        seen.add(text)
    return toleration_rules(tolerations, f"{path}.tolerations") + found
