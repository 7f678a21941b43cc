"""Tolerant access to fields of objects that may have any shape."""

from typing import Any

Document = dict[str, Any]


def at(document: Any, path: str) -> Any:
    """The value at a dotted path of map keys, None where there is none."""
    found = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def text(document: Any, path: str, default: str = "") -> str:
    """The text at a path."""
    found = at(document, path)
    return found if isinstance(found, str) and found else default


def whole(document: Any, path: str) -> int:
    """The whole number at a path, 0 where there is none."""
    found = at(document, path)
    return found if isinstance(found, int) else 0


def maps(document: Any, path: str) -> list[Document]:
    """The objects in the list at a path."""
    found = at(document, path)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def texts(document: Any, path: str) -> list[str]:
    """The texts in the list at a path."""
    found = at(document, path)
    return [entry for entry in found if isinstance(entry, str)] if isinstance(found, list) else []


def table_of(document: Any, path: str) -> Document:
    """The map at a path."""
    found = at(document, path)
    return found if isinstance(found, dict) else {}
