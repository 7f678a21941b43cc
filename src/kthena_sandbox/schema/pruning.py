"""Objects without the fields that their schema does not know (structural pruning, and Go's strict decoding)."""

from typing import Any

from kthena_sandbox.schema.compiled import Node

_META = frozenset({"apiVersion", "kind", "metadata"})
_POINTERS = frozenset({
    "appProtocol", "failedIndexes", "fsGroupPolicy", "fsType", "holderIdentity", "ingressClassName", "localhostProfile", "persistentVolumeName", "preferredHolder",
    "reclaimPolicy", "resourceClaimName", "resourceClaimTemplateName", "runtimeClassName", "schedulerName",
    "storageClassName", "strategy", "timeZone", "volumeAttributesClassName", "volumeBindingMode", "volumeMode",
})  # fmt: skip
_NO_POINTERS = frozenset({
    "hostIPC", "hostNetwork", "hostPID", "minReadySeconds", "paused", "publishNotReadyAddresses", "stdin",
    "stdinOnce", "tty",
})  # fmt: skip
_ANYTHING = Node(preserve=True)


class Pruner:
    """One pass over one object; `unknown` collects the paths of dropped fields in order of appearance."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def root(self, value: dict[str, Any], node: Node) -> dict[str, Any]:
        """A whole object; its type and metadata are not the schema's business."""
        return self._map(value, node, "", embedded=True)

    def prune(self, value: Any, node: Node | None, path: str) -> Any:
        """The value without unknown fields, itself where there are none."""
        if isinstance(value, dict):
            embedded = node is not None and node.embedded
            return self._map(value, node, path, embedded=embedded)
        if isinstance(value, list):
            return self._list(value, node, path)
        return value

    def _list(self, value: list[Any], node: Node | None, path: str) -> list[Any]:
        items = None if node is None else node.items
        if items is None and node is not None and node.preserve:
            return value
        pruned = [self.prune(entry, items, f"{path}[{index}]") for index, entry in enumerate(value)]
        changed = any(new is not old for new, old in zip(pruned, value, strict=True))
        return pruned if changed else value

    def _map(
        self, value: dict[str, Any], node: Node | None, path: str, *, embedded: bool
    ) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        changed = False
        for key, entry in value.items():
            if embedded and key in _META:
                kept[key] = entry
                continue
            new = self._entry(key, entry, node, path)
            if new is not _ANYTHING:
                kept[key] = new
            changed = changed or new is not entry
        return kept if changed else value

    def _entry(self, key: str, entry: Any, node: Node | None, path: str) -> Any:
        """The entry pruned; `_ANYTHING` says that it goes."""
        below = f"{path}.{key}" if path else key
        known, child = _place(node, key)
        if not known or node is None:
            self.unknown.append(below)
            return _ANYTHING
        if (entry is None and node.native) or (child is not None and child.gated):
            return _ANYTHING
        pruned = self.prune(entry, child, below)
        if node.native and child is not None and _vanishes(key, pruned, node, child):
            return _ANYTHING
        return pruned


def _place(node: Node | None, key: str) -> tuple[bool, Node | None]:
    """Whether a key may stay, and the schema of its value."""
    if node is None:
        return False, None
    child = node.properties.get(key)
    if child is not None:
        return True, child
    if node.has_additional:
        return True, node.additional
    return node.preserve, _ANYTHING


def _vanishes(key: str, value: Any, node: Node, child: Node) -> bool:
    """Whether Go's `omitempty` leaves an empty collection, text or number out; of a pointer it knows whether it is set."""
    if key in _NO_POINTERS and (value is False or value == 0):
        return True
    if value == "":
        return key in node.properties and key not in node.written | _POINTERS
    if key in node.required or value not in ({}, []):
        return False
    return child.items is not None or child.has_additional
