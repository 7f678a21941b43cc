"""Rules and defaults of StorageClasses."""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError

Document = dict[str, Any]
_MOST_PARAMETER_BYTES = 256 * 1024


def storage_class_defaults(document: Document) -> Document:
    """A StorageClass: volumes go with their claims, and are made at once."""
    return {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"} | document


def storage_class_rules(document: Document) -> list[FieldError]:
    """A StorageClass."""
    found = provisioner_rules(document, "provisioner")
    found += parameter_rules(document.get("parameters") or {})
    for field, known in (
        ("reclaimPolicy", ["Delete", "Retain"]),
        ("volumeBindingMode", ["Immediate", "WaitForFirstConsumer"]),
    ):
        value = document.get(field)
        if value not in known and not (field == "reclaimPolicy" and value == ""):
            found.append(errors.not_supported(field, value, known))
    return found + _topologies(document.get("allowedTopologies") or [])


def provisioner_rules(document: Document, field: str) -> list[FieldError]:
    """The field that names who makes the volumes."""
    lower = document.get(field, "").lower()
    if not lower:
        return [errors.required(field)]
    return [errors.invalid(field, lower, why) for why in names.qualified_problems(lower)]


def parameter_rules(parameters: dict[str, str]) -> list[FieldError]:
    """The `parameters` for it."""
    found = []
    if "" in parameters:
        found.append(errors.invalid("parameters", "", "field can not be empty."))
    if sum(len(key) + len(value) for key, value in parameters.items()) > _MOST_PARAMETER_BYTES:
        found.append(errors.too_long("parameters", _MOST_PARAMETER_BYTES))
    return found


def _topologies(terms: list[Document]) -> list[FieldError]:
    found = []
    # a kube-apiserver begins with as many empty ones as there are terms, to which an empty term is equal
    seen: list[dict[str, frozenset[str]]] = [{} for _ in terms]
    for index, term in enumerate(terms):
        path = f"allowedTopologies[{index}].matchLabelExpressions"
        asked: dict[str, frozenset[str]] = {}
        for at, entry in enumerate(term.get("matchLabelExpressions") or []):
            found += _topology(entry, f"{path}[{at}]", asked)
        found += [errors.duplicate(path, "") for other in seen if other == asked]
        seen.append(asked)
    return found


def _topology(entry: Document, path: str, asked: dict[str, frozenset[str]]) -> list[FieldError]:
    key, values = entry.get("key", ""), entry.get("values") or []
    found = [] if values else [errors.required(f"{path}.values")]
    found += [
        errors.duplicate(f"{path}.values[{at}]", value)
        for at, value in enumerate(values)
        if value in values[:at]
    ]
    found += [errors.invalid(f"{path}.key", key, why) for why in names.qualified_problems(key)]
    if key in asked:
        found.append(errors.duplicate(f"{path}.key", key))
    asked[key] = frozenset(values)
    return found
