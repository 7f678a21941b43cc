from typing import Any

import pytest

from kthena_router.routing.status_news import News, news

OPEN = {"type": "Programmed", "status": "True", "reason": "Programmed", "message": "open"}
TAKEN = {
    "type": "Programmed",
    "status": "False",
    "reason": "Invalid",
    "message": "port 80 is taken",
}
WAITING = {"type": "Programmed", "status": "False", "reason": "Pending", "message": "being opened"}
CONFLICT = {
    "type": "Conflicted", "status": "True", "reason": "HostnameConflict", "message": "older has it",
}  # fmt: skip
AT_PEACE = CONFLICT | {"status": "False", "reason": "NoConflicts", "message": ""}


def of(*conditions: dict[str, str], **parts: Any) -> dict[str, Any]:
    return {"conditions": list(conditions), **parts}


def listener(name: str, *conditions: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "conditions": list(conditions)}


TOLD_TAKEN = News(True, "is not Programmed: Invalid: port 80 is taken")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, of(TAKEN), [TOLD_TAKEN]),
        (of(TAKEN), of(TAKEN), []),
        (of(TAKEN), of(OPEN), [News(False, "is not Programmed: no longer")]),
        (
            of(TAKEN),
            of(TAKEN | {"message": "forbidden"}),
            [News(True, "is not Programmed: Invalid: forbidden")],
        ),
        ({}, of(WAITING), []),
        ({}, of(OPEN, listeners=[listener("web", AT_PEACE)]), []),
        (
            of(listeners=[listener("web", AT_PEACE), listener("api", CONFLICT)]),
            of(listeners=[listener("web", CONFLICT), listener("api", CONFLICT)]),
            [News(True, "listener web is Conflicted: HostnameConflict: older has it")],
        ),
        (
            {},
            of(TAKEN, parents=[{"parentRef": {"name": "g"}, **of(TAKEN | {"message": "80"})}]),
            [TOLD_TAKEN],
        ),
        (
            {},
            of(parents=[{"parentRef": {"name": "g"}, **of(TAKEN)}]),
            [News(True, "parent g is not Programmed: Invalid: port 80 is taken")],
        ),
    ],
    ids=[
        "turned bad", "still bad", "good again", "bad for another reason", "only waits",
        "false is good here", "one of two listeners", "told above already", "of a parent",
    ],
)  # fmt: skip
def test_only_what_has_changed_is_told(
    before: dict[str, Any], after: dict[str, Any], told: list[News]
) -> None:
    assert told == list(news(before, after))
