"""What no Go struct can take up: the first value of a wrong type in an object of a built-in kind.

A kube-apiserver decodes built-in kinds into structs before it looks at anything else, so this comes before defaults
and rules, and it is worded by Go (encoding/json, or apimachinery's converter for strategic merge patches).
"""

import string
from dataclasses import dataclass
from typing import Any, NamedTuple

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.compiled import Node, as_schema
from kthena_sandbox.schema.gotimes import time_problem
from kthena_sandbox.schema.quantities import parse_quantity

Document = dict[str, Any]
_INTEGERS = {"int32": 2**31, "int64": 2**63}
_SCALARS = {"boolean": "bool", "number": "float64", "string": "string"}
_ENUMERATIONS = {
    "dnsPolicy": "DNSPolicy", "externalTrafficPolicy": "ServiceExternalTrafficPolicy",
    "imagePullPolicy": "PullPolicy", "internalTrafficPolicy": "ServiceInternalTrafficPolicy",
    "protocol": "Protocol", "restartPolicy": "RestartPolicy", "sessionAffinity": "ServiceAffinity",
    "terminationMessagePolicy": "TerminationMessagePolicy",
}  # fmt: skip
_NAMED = {
    "DeploymentStrategy.type": "DeploymentStrategyType",
    "Secret.type": "SecretType",
    "ServiceSpec.type": "ServiceType",
}
_TEXTS = {  # types of their own that have no enumeration in the schema
    "HostPathVolumeSource.type": "HostPathType", "LimitRangeItem.type": "LimitType",
    "NamespaceSpec.finalizers": "FinalizerName",
    "PersistentVolumeClaimSpec.accessModes": "PersistentVolumeAccessMode",
    "PersistentVolumeClaimSpec.volumeMode": "PersistentVolumeMode",
    "PersistentVolumeSpec.accessModes": "PersistentVolumeAccessMode",
    "PersistentVolumeSpec.persistentVolumeReclaimPolicy": "PersistentVolumeReclaimPolicy",
    "PersistentVolumeSpec.volumeMode": "PersistentVolumeMode",
    "ResourceQuotaSpec.scopes": "ResourceQuotaScope",
    "ScopedResourceSelectorRequirement.operator": "ScopeSelectorOperator",
    "ScopedResourceSelectorRequirement.scopeName": "ResourceQuotaScope",
    "StorageClass.reclaimPolicy": "PersistentVolumeReclaimPolicy",
    "StorageClass.volumeBindingMode": "VolumeBindingMode",
}  # fmt: skip
_MICRO_TIMES = frozenset({"acquireTime", "eventTime", "lastObservedTime", "renewTime"})
_BASE64 = frozenset(string.ascii_letters + string.digits + "+/")
_NO_QUANTITY = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


@dataclass(frozen=True, slots=True)
class WrongType:
    """`json` as encoding/json says it, `converted` as the converter of strategic merge patches does."""

    json: str
    converted: str


class _Place(NamedTuple):
    """Where a value stands: the struct around it, and its path without indices and map keys."""

    struct: str
    path: str
    unread: bool = False  # look only for what cannot be read

    def field(self, struct: str, name: str) -> "_Place":
        return _Place(struct, f"{self.path}.{name}" if self.path else name, self.unread)


def wrong_type(resource: ResourceType, document: Document) -> WrongType | None:
    """The first one; None where everything fits, and for kinds that are no Go structs here.

    What has its type and cannot be read ends the decoding, so that it is told before what has another type.
    """
    if resource.custom or resource.schema is None:
        return None
    node = as_schema(resource.schema).node
    found = _in_struct(document, node, _Place(resource.kind, ""))
    return found and (unread_value(resource, document) or found)


def unread_value(resource: ResourceType, document: Document) -> WrongType | None:
    """The first time, quantity or the like that cannot be read."""
    if resource.custom or resource.schema is None:
        return None
    node = as_schema(resource.schema).node
    return _in_struct(document, node, _Place(resource.kind, "", unread=True))


def _in_struct(value: Document, node: Node, place: _Place) -> WrongType | None:
    for name, entry in value.items():
        child = node.properties.get(name)
        if child is None:
            continue
        found = _check(entry, child, place.field(node.name or place.struct, name))
        if found is not None:
            return found
    return None


def _check(value: Any, node: Node, place: _Place) -> WrongType | None:
    if value is None or not node.types:
        return None
    if node.quantity:
        return _quantity(value)
    if node.items is not None:
        entries = value if isinstance(value, list) else None
        return _entries(value, entries, node, node.items, place)
    if node.additional is not None:
        values = list(value.values()) if isinstance(value, dict) else None
        return _entries(value, values, node, node.additional, place)
    if "object" in node.types:
        if not isinstance(value, dict):
            return _wrong(value, node, place)
        return _in_struct(value, node, place)
    return _scalar(value, node, place)


def _entries(
    value: Any, entries: list[Any] | None, node: Node, child: Node, place: _Place
) -> WrongType | None:
    if entries is None:
        return _wrong(value, node, place)
    found = (_check(entry, child, place) for entry in entries)
    return next((wrong for wrong in found if wrong is not None), None)


def _scalar(value: Any, node: Node, place: _Place) -> WrongType | None:
    match value:
        case bool():
            fits = "boolean" in node.types
        case int():
            fits = "number" in node.types or ("integer" in node.types and _in_range(value, node))
        case float():
            fits = "number" in node.types or ("integer" in node.types and value.is_integer())
        case str():
            fits = "string" in node.types
        case _:
            fits = False
    if not fits:
        return _wrong(value, node, place)
    if not isinstance(value, str):
        return None
    match node.limits.get("format"):
        case "byte":
            return _bytes(value)
        case "date-time":
            return _time(value, micro=place.path.rpartition(".")[2] in _MICRO_TIMES)
    return None


def _time(text: str, *, micro: bool) -> WrongType | None:
    said = time_problem(text, micro=micro)
    return WrongType(said, said) if said else None


def _in_range(value: int, node: Node) -> bool:
    bound = _INTEGERS.get(node.limits.get("format", "int64"), 2**63)
    return -bound <= value < bound


def _wrong(value: Any, node: Node, place: _Place) -> WrongType | None:
    if place.unread:
        return None
    given = json_word(value)
    if "integer" in node.types and isinstance(value, int | float) and not isinstance(value, bool):
        given = f"number {value}"
    said = (
        f"json: cannot unmarshal {given} into Go struct field {place.struct}.{place.path} "
        f"of type {_go_type(node, place)}"
    )
    return WrongType(said, _converted(value, node, place))


def json_word(value: Any) -> str:
    """What encoding/json calls a value."""
    words = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}
    return words.get(type(value), "object")


def _field_of(place: _Place) -> str:
    return f"{place.struct}.{place.path.rpartition('.')[2]}"


def _go_type(node: Node, place: _Place | None = None) -> str:
    if node.name:
        return f"{node.version}.{node.name}"
    if node.items is not None:
        return f"[]{_go_type(node.items, place)}"
    if node.additional is not None and node.additional.quantity:
        return "v1.ResourceList"
    if node.additional is not None:
        return f"map[string]{_go_type(node.additional)}"
    if node.limits.get("format") == "byte":
        return "[]uint8"
    if place is not None:
        field = place.path.rpartition(".")[2]
        if text := _TEXTS.get(_field_of(place)):
            return f"v1.{text}"
        named = _NAMED.get(_field_of(place), _ENUMERATIONS.get(field))
        if named is not None and ("enum" in node.limits or field == "type"):
            return f"v1.{named}"
    if "integer" in node.types:
        return str(node.limits.get("format", "int32")).replace("int-or-string", "int32")
    return _SCALARS.get(node.type_name, "map[string]interface {}")


def _converted(value: Any, node: Node, place: _Place) -> str:
    """The converter tells kinds apart as Go's reflection does."""
    kinds = {bool: "bool", int: "int64", float: "float64", str: "string", list: "slice"}
    given = kinds.get(type(value), "map")
    if node.items is not None:
        return f"cannot restore slice from {given}"
    if node.additional is not None:
        return f"cannot restore map from {given}"
    if "object" in node.types:
        return f"cannot restore struct from: {given}"
    wanted = _go_type(node, place)
    if given == "int64" and node.type_name == "string":  # what Go can convert, and JSON cannot
        return f"cannot convert int64 to {wanted}"
    return f"unrecognized type: {wanted}"


def _quantity(value: Any) -> WrongType | None:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    fits = isinstance(value, str | int | float) and parse_quantity(text) is not None
    return None if fits else WrongType(_NO_QUANTITY, _NO_QUANTITY)


def _bytes(text: str) -> WrongType | None:
    at = corrupt_base64(text)
    if at is None:
        return None
    said = f"illegal base64 data at input byte {at}"
    return WrongType(said, f"error decoding from json: {said}")


def corrupt_base64(text: str) -> int | None:
    """Where Go's base64 decoder finds a text to be no base64; None where it is. Line ends are skipped."""
    start = count = 0  # of the present group of four
    for index, letter in enumerate(text):
        if letter in "\r\n":
            continue
        if letter == "=":
            return None if _is_padding(text[index:], count) else index
        if letter not in _BASE64:
            return index
        if not count:
            start = index
        count = (count + 1) % 4
    return start if count else None


def _is_padding(rest: str, count: int) -> bool:
    """Whether a text that begins with `=` is the right end of a group that has *count* letters."""
    return rest.translate({ord("\r"): None, ord("\n"): None}) == "=" * (4 - count) and count > 1
