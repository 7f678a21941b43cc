"""What a new status tells operators that the one before did not: conditions that have turned bad, or good again."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# A wait that every object begins with is no news.
_WAITING = frozenset({"Pending"})


class News(NamedTuple):
    """*bad*: something does not work, and *text* says what and why."""

    bad: bool
    text: str


def news(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[News, ...]:
    """Compare two statuses of an object, its listeners and parents included; each message is told once."""
    old, new = dict(_troubles(before)), dict(_troubles(after))
    found: list[News] = []
    for place, reason in new.items():
        message = reason.partition(": ")[2]
        if old.get(place) != reason and not any(message in one.text for one in found):
            found.append(News(bad=True, text=f"{place}: {reason}"))
    gone = [place for place in old if place not in new]
    return *found, *(News(bad=False, text=f"{place}: no longer") for place in gone)


def _troubles(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield where there is trouble, as `listener web is not Accepted`, and its reason and message."""
    yield from _of("", status)
    for listener in status.get("listeners") or []:
        yield from _of(f"listener {listener['name']} ", listener)
    for parent in status.get("parents") or []:
        yield from _of(f"parent {parent['parentRef']['name']} ", parent)


def _of(owner: str, part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in part.get("conditions") or []:
        conflicted = one["type"] == "Conflicted"  # the one condition that is bad when it is true
        if one["status"] == ("True" if conflicted else "False") and one["reason"] not in _WAITING:
            verb = "is" if conflicted else "is not"
            yield f"{owner}{verb} {one['type']}", f"{one['reason']}: {one.get('message', '')}"
