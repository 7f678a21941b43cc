"""JSON merge patch (RFC 7386)."""

from typing import Any


def merge_patch(doc: Any, patch: Any) -> Any:
    """The document after a merge patch: null removes, maps merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged: dict[str, Any] = dict(doc) if isinstance(doc, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged
