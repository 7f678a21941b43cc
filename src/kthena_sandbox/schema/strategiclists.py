"""The order of entries after a strategic merge of lists."""

from typing import Any

from kthena_sandbox.schema.golang import plain
from kthena_sandbox.schema.patcherror import PatchError


def without(entries: list[Any], gone: list[Any]) -> list[Any]:
    """A list of scalars without some of them."""
    return [entry for entry in entries if entry not in gone]


def ordered(
    merged: list[Any], order: list[Any], server_order: list[Any], merge_key: str
) -> list[Any]:
    """The entries named in *order* in that order, the others where they stood on the server.

    The two sequences are merged as sorted ones are: an entry that only the server has comes first where it stood
    before the next one of the patch on the server.
    """
    wanted = [_identity(entry, merge_key) for entry in order]
    present = [_identity(entry, merge_key) for entry in server_order]
    of_patch = [entry for entry in merged if _identity(entry, merge_key) in wanted]
    of_patch.sort(key=lambda entry: wanted.index(_identity(entry, merge_key)))
    of_server = [entry for entry in merged if _identity(entry, merge_key) not in wanted]
    result = []
    while of_patch and of_server:
        first, second = (_identity(side[0], merge_key) for side in (of_server, of_patch))
        both = first in present and second in present
        server_first = both and present.index(first) < present.index(second)
        result.append((of_server if server_first else of_patch).pop(0))
    return result + of_patch + of_server


def _identity(entry: Any, merge_key: str) -> Any:
    if not merge_key:
        return entry
    if not isinstance(entry, dict) or merge_key not in entry:
        raise PatchError(f"map: {plain(entry)} does not contain declared merge key: {merge_key}")
    return entry[merge_key]
