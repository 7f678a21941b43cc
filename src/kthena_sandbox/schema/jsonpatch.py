"""JSON Patch (RFC 6902) over JSON Pointers (RFC 6901)."""

import re
from typing import Any

from kthena_sandbox.schema.patcherror import PatchError

_INDEX = re.compile(r"0|[1-9][0-9]*")
_ABSENT: Any = object()


def json_patch(doc: Any, ops: list[Any]) -> Any:
    """The document after all operations. Raises PatchError at the first that does not apply."""
    patched = _copied(doc)
    for operation in ops:
        if not isinstance(operation, dict):
            raise PatchError("a JSON patch is a list of operations, each an object")
        patched = _applied(patched, operation)
    return patched


def _copied(value: Any) -> Any:
    """A copy that shares nothing, also where one part of *value* stands in two places."""
    if isinstance(value, dict):
        return {name: _copied(entry) for name, entry in value.items()}
    return [_copied(entry) for entry in value] if isinstance(value, list) else value


def _applied(doc: Any, operation: dict[str, Any]) -> Any:
    path = _pointer(operation, "path")
    match operation.get("op"):
        case "add":
            return _add(doc, path, _copied(_value(operation)))
        case "remove":
            return _remove(doc, path)
        case "replace":
            return _replace(doc, path, _copied(_value(operation)))
        case "move":
            return _move(doc, _pointer(operation, "from"), path)
        case "copy":
            return _add(doc, path, _copied(_require(doc, _pointer(operation, "from"), "copy")))
        case "test":
            return _tested(doc, path, operation.get("value"))
        case unknown:
            raise PatchError(f"Unexpected kind: {unknown}")


def _pointer(operation: dict[str, Any], name: str) -> list[str]:
    text = operation.get(name)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchError(f"{name} of an operation must be a JSON pointer")
    parts = text.split("/")[1:]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchError(f"{operation['op']} operation needs a value")
    return operation["value"]


def _text(path: list[str]) -> str:
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)


def _index(container: list[Any], part: str, *, length: int) -> int:
    if not _INDEX.fullmatch(part) or int(part) >= length:
        raise PatchError(f"Unable to access invalid index: {part}")
    return int(part)


def _child(container: Any, part: str) -> Any:
    if isinstance(container, dict):
        return container.get(part, _ABSENT)
    if isinstance(container, list) and _INDEX.fullmatch(part) and int(part) < len(container):
        return container[int(part)]
    return _ABSENT


def _find(doc: Any, path: list[str]) -> Any:
    found = doc
    for part in path:
        found = _child(found, part)
        if found is _ABSENT:
            return _ABSENT
    return found


def _require(doc: Any, path: list[str], operation: str) -> Any:
    found = _find(doc, path)
    if found is _ABSENT:
        raise PatchError(
            f"{operation} operation does not apply: doc is missing key: {_text(path)}: missing value"
        )
    return found


def _container(doc: Any, path: list[str], operation: str) -> Any:
    found = _find(doc, path[:-1])
    if not isinstance(found, dict | list):
        raise PatchError(
            f'{operation} operation does not apply: doc is missing path: "{_text(path)}": missing value'
        )
    return found


def _add(doc: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    container, last = _container(doc, path, "add"), path[-1]
    if isinstance(container, dict):
        container[last] = value
    elif last == "-":
        container.append(value)
    else:
        container.insert(_index(container, last, length=len(container) + 1), value)
    return doc


def _remove(doc: Any, path: list[str]) -> Any:
    if not path:
        raise PatchError("the whole document cannot be removed")
    container, last = _container(doc, path, "remove"), path[-1]
    if isinstance(container, list):
        del container[_index(container, last, length=len(container))]
    elif last in container:
        del container[last]
    else:
        raise PatchError(
            f"error in remove for path: '{_text(path)}': Unable to remove nonexistent key: {last}: "
            "missing value"
        )
    return doc


def _replace(doc: Any, path: list[str], value: Any) -> Any:
    """Set what is there; unlike RFC 6902, but as a kube-apiserver does, also a field that is not."""
    if not path:
        return value
    container, last = _container(doc, path, "replace"), path[-1]
    if isinstance(container, dict):
        container[last] = value
    else:
        container[_index(container, last, length=len(container))] = value
    return doc


def _move(doc: Any, source: list[str], target: list[str]) -> Any:
    if target[: len(source)] == source and target != source:
        raise PatchError("a value cannot be moved into itself")
    value = _require(doc, source, "move")
    return doc if source == target else _add(_remove(doc, source), target, value)


def _tested(doc: Any, path: list[str], wanted: Any) -> Any:
    found = _find(doc, path)
    same = wanted is None if found is _ABSENT else _equal(found, wanted)
    if not same:
        raise PatchError(f"testing value {_text(path)} failed: test failed")
    return doc


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
