"""What stood in an object before, beside what stands there now: which values an update has left as they were. Pure.

Source: "Validation ratcheting" of CustomResourceDefinitions in the Kubernetes documentation. Values below maps
and entries of lists of the type `map` have a past; entries of other lists have none.
"""

from typing import Any

from kthena_sandbox.schema.compiled import MISSING, Node


class Past:
    """What there was in the place of the entries of a map or a list."""

    def __init__(self, old: Any, node: Node) -> None:
        self._old = old
        self._node = node
        is_known = isinstance(old, list) and node.list_type == "map"
        self._by_keys = {self._keys(entry): entry for entry in old} if is_known else {}

    def field(self, name: str) -> Any:
        """What a field was; MISSING where there is nothing to tell."""
        return self._old.get(name, MISSING) if isinstance(self._old, dict) else MISSING

    def entry(self, entry: Any) -> Any:
        """What the entry of a list was; MISSING where there is nothing to tell."""
        return self._by_keys.get(self._keys(entry), MISSING) if self._by_keys else MISSING

    def _keys(self, entry: Any) -> tuple[str, ...]:
        present = entry if isinstance(entry, dict) else {}
        return tuple(repr(present.get(name)) for name in self._node.list_keys)
