"""Values against the validations of their schema, in the order and with the words of kube-openapi."""

import json
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.compiled import MISSING, Node
from kthena_sandbox.schema.correlating import Past
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.golang import json_type, quoted
from kthena_sandbox.schema.limits import collection_errors, number_errors, text_errors


def check(value: Any, node: Node, path: str, old: Any = MISSING) -> list[FieldError]:
    """All that is wrong with a value, where it is not what it was before."""
    return [] if value == old else _checked(value, node, path, old)


def _checked(value: Any, node: Node, path: str, old: Any) -> list[FieldError]:
    found: list[FieldError] = []
    if value is None:
        if node.types and not node.nullable and "null" not in node.types:
            found.append(_wrong_type(path, node, "null"))
        return found + _enum(value, node, path)
    if node.types and not _fits(value, node):
        found.append(_wrong_type(path, node, json_type(value)))
    found += _alternatives(value, node, path)
    match value:
        case str():
            found += text_errors(value, node, path)
        case bool():
            pass
        case int() | float():
            found += number_errors(value, node, path)
        case list():
            found += _list(value, node, path, Past(old, node))
    if "enum" in node.limits:
        found += _enum(value, node, path)
    if isinstance(value, dict):
        found += _map(value, node, path, Past(old, node))
    return found


def _fits(value: Any, node: Node) -> bool:
    found = json_type(value)
    if found in node.types:
        return True
    if found == "number":
        return "integer" in node.types and value.is_integer()
    return (node.quantity and found in {"integer", "number"}) or (
        found == "integer" and "number" in node.types
    )


def _wrong_type(path: str, node: Node, found: str) -> FieldError:
    return errors.type_invalid(
        path, found, f"{path} in body must be of type {node.type_name}: {quoted(found)}"
    )


def _enum(value: Any, node: Node, path: str) -> list[FieldError]:
    allowed = node.limits.get("enum")
    unset = node.native and value == ""
    if not allowed or unset or any(_same(value, entry) for entry in allowed):
        return []
    return [errors.not_supported(path, value, [_enum_text(entry) for entry in allowed])]


def _same(left: Any, right: Any) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _enum_text(entry: Any) -> str:
    return entry if isinstance(entry, str) else json.dumps(entry)


def _list(value: list[Any], node: Node, path: str, past: Past) -> list[FieldError]:
    found: list[FieldError] = []
    if node.items is not None:
        for index, entry in enumerate(value):
            found += check(entry, node.items, f"{path}[{index}]", past.entry(entry))
    return found + collection_errors(value, node, path, "Items", "items")


def _map(value: dict[str, Any], node: Node, path: str, past: Past) -> list[FieldError]:
    found = collection_errors(value, node, path, "Properties", "properties")
    prefix = f"{path}." if path else ""
    if node.embedded:
        found += [
            errors.required(prefix + key) for key in ("apiVersion", "kind") if not value.get(key)
        ]
    properties = node.properties
    if node.additional is not None or node.closed:
        for key, entry in value.items():
            if key not in properties:
                found += _additional(entry, node, path, key, past)
    for key, child in properties.items():
        if key in value and (value[key] is not None or key not in node.nulls):
            found += check(value[key], child, prefix + key, past.field(key))
    for key in node.required:
        if key not in value or (node.native and value[key] in ("", [])):
            found.append(errors.required(prefix + key))
    return found


def _additional(entry: Any, node: Node, path: str, key: str, past: Past) -> list[FieldError]:
    if node.additional is not None:
        below = f"{path}.{key}" if path else key
        return check(entry, node.additional, below, past.field(key))
    return [errors.invalid(path, key, f"{path}.{key} in body is a forbidden property")]


def _alternatives(value: Any, node: Node, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    if node.any_of:
        found += _any_of(value, node, path)
    if node.one_of:
        found += _one_of(value, node, path)
    if node.all_of:
        found += _all_of(value, node, path)
    if node.negated is not None and not check(value, node.negated, path):
        found.append(_composite(f"{quoted(path)} must not validate the schema (not)"))
    return found


def _any_of(value: Any, node: Node, path: str) -> list[FieldError]:
    results = [check(value, entry, path) for entry in node.any_of]
    if not all(results):
        return []
    text = f"{quoted(path)} must validate at least one schema (anyOf)"
    return [_composite(text), *min(results, key=len)]


def _one_of(value: Any, node: Node, path: str) -> list[FieldError]:
    results = [check(value, entry, path) for entry in node.one_of]
    valid = results.count([])
    if valid == 1:
        return []
    text = f"{quoted(path)} must validate one and only one schema (oneOf). "
    if valid:
        return [_composite(f"{text}Found {valid} valid alternatives")]
    return [_composite(f"{text}Found none valid"), *min(results, key=len)]


def _all_of(value: Any, node: Node, path: str) -> list[FieldError]:
    results = [check(value, entry, path) for entry in node.all_of]
    if not any(results):
        return []
    ending = "" if [] in results else ". None validated"
    text = f"{quoted(path)} must validate all the schemas (allOf){ending}"
    return [*(error for result in results for error in result), _composite(text)]


def _composite(text: str) -> FieldError:
    return errors.invalid("", "", text)
