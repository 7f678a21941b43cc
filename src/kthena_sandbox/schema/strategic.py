"""Strategic merge patch, as k8s.io/apimachinery/pkg/util/strategicpatch applies it on the server."""

from collections.abc import Mapping
from typing import Any

from kthena_sandbox.schema.golang import plain
from kthena_sandbox.schema.patcherror import PatchError
from kthena_sandbox.schema.patchmeta import PatchMeta, meta_of
from kthena_sandbox.schema.strategiclists import ordered, without

Map = dict[str, Any]
_PATCH = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"
_GONE: Any = object()


def strategic_merge(doc: Map, patch: Map, schema: Mapping[str, Any] | None) -> Map:
    """The document after a strategic merge patch.

    Directives: `$patch` (replace, delete), `$retainKeys`, `$deleteFromPrimitiveList/<field>` and
    `$setElementOrder/<field>`. Raises PatchError for directives that cannot be followed and for entries
    of merged lists that lack the merge key.
    """
    return _merge_map(doc, patch, meta_of(schema))


def followed(patch: Map, patched: Map) -> Map:
    """A patch as Kubernetes quotes it once it is merged: without the directives for maps that it could follow."""
    gone = {_RETAIN} | ({_PATCH} if patch.get(_PATCH) == "replace" else set())
    return {
        key: followed(value, patched[key])
        if isinstance(value, dict) and isinstance(patched.get(key), dict)
        else value
        for key, value in patch.items()
        if key not in gone
    }


def _merge_map(original: Map, patch: Map, meta: PatchMeta) -> Map:
    if _PATCH in patch:
        return _whole(patch)
    merged = _retained(original, patch) if _RETAIN in patch else dict(original)
    orders = _directive(patch, _ORDER)
    for key, value in patch.items():
        if key.startswith((_ORDER, _DELETE)) or key == _RETAIN:
            continue
        new = _merged_field(merged.get(key, _GONE), value, meta.field(key), orders.get(key))
        if new is _GONE:
            merged.pop(key, None)
        else:
            merged[key] = new
    for key, gone in _directive(patch, _DELETE).items():
        if isinstance(merged.get(key), list):
            merged[key] = without(merged[key], gone)
    for key, order in orders.items():
        if key not in patch and isinstance(original.get(key), list) and key in merged:
            place = meta.field(key)
            merged[key] = ordered(merged[key], order, original[key], place.merge_key)
    return merged


def _whole(patch: Map) -> Map:
    match patch[_PATCH]:
        case "replace":
            return {key: value for key, value in patch.items() if key != _PATCH}
        case "delete":
            return {}
        case unknown:
            raise PatchError(f"unknown patch type: {unknown} in map: {plain(patch)}")


def _retained(original: Map, patch: Map) -> Map:
    retained = patch[_RETAIN]
    if not isinstance(retained, list):
        raise PatchError("invalid patch format of retainKeys", malformed=True)
    for key, value in patch.items():
        if value is not None and not key.startswith("$") and key not in retained:
            raise PatchError("invalid patch format of retainKeys", malformed=True)
    return {key: value for key, value in original.items() if key in retained}


def _directive(patch: Map, prefix: str) -> dict[str, list[Any]]:
    found = {}
    for key, value in patch.items():
        if key.startswith(prefix):
            if not isinstance(value, list):
                kind = "setElementOrder" if prefix == _ORDER else "primitive"
                raise PatchError(f"invalid patch format of {kind} list", malformed=True)
            found[key.removeprefix(prefix)] = value
    return found


def _merged_field(original: Any, value: Any, meta: PatchMeta, order: list[Any] | None) -> Any:
    if value is None:
        return _GONE
    if isinstance(value, dict) and isinstance(original, dict):
        return value if "replace" in meta.strategies else _merge_map(original, value, meta)
    if isinstance(value, list) and isinstance(original, list):
        if not meta.merges:
            return value
        _check_order(value, order, meta.merge_key)
        return _merge_list(original, value, meta, order)
    cleaned = _without_directives(value)
    if order is not None and meta.merges and isinstance(cleaned, list):
        return ordered(cleaned, order, [], meta.merge_key)
    return cleaned


def _without_directives(value: Any) -> Any:
    """A value that is new in the document: no directives, and no nulls in maps."""
    if isinstance(value, dict):
        if _PATCH in value:
            return _GONE
        cleaned = {
            key: _without_directives(entry)
            for key, entry in value.items()
            if entry is not None and not key.startswith((_ORDER, _DELETE, _RETAIN))
        }
        return {key: entry for key, entry in cleaned.items() if entry is not _GONE}
    if isinstance(value, list):
        return [new for new in map(_without_directives, value) if new is not _GONE]
    return value


def _check_order(patch: list[Any], order: list[Any] | None, merge_key: str) -> None:
    if order is None:
        return
    remaining = iter(_identities(order, merge_key))
    for identity in _identities(patch, merge_key):
        if identity not in remaining:
            raise PatchError(
                f"The order in patch list:\n{plain(patch)}\n doesn't match $setElementOrder list:\n"
                f"{plain(order)}\n"
            )


def _identities(entries: list[Any], merge_key: str) -> list[Any]:
    if not merge_key:
        return entries
    present = [entry for entry in entries if isinstance(entry, dict) and _PATCH not in entry]
    return [_key_value(entry, merge_key) for entry in present]


def _key_value(entry: Any, merge_key: str) -> Any:
    if not isinstance(entry, dict):
        raise PatchError(f"an entry of a merged list must be an object, not {entry!r}")
    if merge_key not in entry:
        raise PatchError(f"map: {plain(entry)} does not contain declared merge key: {merge_key}")
    return entry[merge_key]


def _merge_list(
    original: list[Any], patch: list[Any], meta: PatchMeta, order: list[Any] | None
) -> list[Any]:
    key = meta.merge_key
    if not any(isinstance(entry, dict) for entry in (*original, *patch)):
        both = [*original, *patch]
        merged = [entry for index, entry in enumerate(both) if entry not in both[:index]]
        return ordered(merged, patch if order is None else order, original, "")
    if not key:
        raise PatchError("cannot merge lists without merge key")
    kept, rest = _without_special(original, patch, key)
    return ordered(
        _merge_entries(kept, rest, meta), rest if order is None else order, original, key
    )


def _without_special(
    original: list[Any], patch: list[Any], key: str
) -> tuple[list[Any], list[Any]]:
    """Carry out `$patch: delete` and `$patch: replace` entries; what is left of both lists."""
    kept, rest, replaces = original, [], False
    for entry in patch:
        kind = entry.get(_PATCH) if isinstance(entry, dict) else None
        if kind is None:
            rest.append(entry)
        elif kind == "replace":
            replaces = True
        elif kind == "delete":
            gone = _key_value(entry, key)
            kept = [old for old in kept if _key_value(old, key) != gone]
        else:
            raise PatchError(f"unknown patch type: {kind} in map: {plain(entry)}")
    return ([], rest) if replaces else (kept, rest)


def _merge_entries(original: list[Any], patch: list[Any], meta: PatchMeta) -> list[Any]:
    key = meta.merge_key
    merged = list(original)
    places = {repr(_key_value(entry, key)): index for index, entry in enumerate(original)}
    for entry in patch:
        place = places.get(repr(_key_value(entry, key)))
        if place is None:
            places[repr(entry[key])] = len(merged)
            merged.append(_without_directives(entry))
        else:
            merged[place] = _merge_map(merged[place], entry, meta)
    return merged
