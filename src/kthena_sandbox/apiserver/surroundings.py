"""What the rules of a single kind may know of the rest of the cluster."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


def _nothing() -> Iterable[Document]:
    return ()


@dataclass(frozen=True)
class Surroundings:
    """The time, as the API writes it, and the Services and definitions that are there, and whether a write is only tried."""

    now: str
    services: Callable[[], Iterable[Document]] = _nothing
    definitions: Callable[[], Iterable[Document]] = _nothing
    dry_run: bool = False
