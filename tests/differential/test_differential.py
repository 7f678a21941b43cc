"""The comparison itself: what it overlooks, what it finds, and that a server agrees with its like."""

from contextlib import ExitStack
from itertools import chain

import pytest
from tests.differential.__main__ import prepare, run, sandbox
from tests.differential.generator import requests
from tests.differential.normalising import difference, normalised
from tests.differential.session import session
from tests.differential.surveys import revisions, surveyed, watched
from tests.differential.wide.generator import wide_requests


def test_times_identities_and_addresses_are_overlooked() -> None:
    answer = {
        "metadata": {
            "uid": "0a1b2c3d-0000-4000-8000-1234567890ab",
            "resourceVersion": "12",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "name": "made-x7z2q",
        },
        "spec": {"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "ports": [{"nodePort": 30123}]},
        "message": "uid 0a1b2c3d-0000-4000-8000-1234567890ab at 10.0.0.7",
    }  # fmt: skip
    assert normalised(answer) == {
        "metadata": {
            "uid": "(uid)",
            "resourceVersion": "(resourceVersion)",
            "creationTimestamp": "(time)",
            "name": "made-(suffix)",
        },
        "spec": {
            "clusterIP": "(clusterIP)",
            "clusterIPs": ["(clusterIPs)"],
            "ports": [{"nodePort": "(nodePort)"}],
        },
        "message": "uid (uid) at (address)",
    }


def test_words_of_columns_and_revisions_of_records_are_overlooked() -> None:
    column = {"name": "Age", "type": "string", "format": "", "description": "x", "priority": 0}
    assert normalised(column) == column | {"description": "(description)"}
    assert (
        normalised("the ResourceVersion in record (42).")
        == "the ResourceVersion in record (revision)."
    )


def test_absence_of_an_address_is_not_overlooked() -> None:
    assert normalised({"clusterIP": "None", "clusterIPs": ["None"], "uid": ""}) == {
        "clusterIP": "None",
        "clusterIPs": ["None"],
        "uid": "",
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, ""),
        ({"a": 1}, {"a": 1, "b": 2}, ".b is missing, it should be 2"),
        ({"a": 1, "b": 2}, {"a": 1}, ".b should not be there, it is 2"),
        ({"a": [1]}, {"a": [1, 2]}, ".a has 1 items, not 2"),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, ".a.b is 'x', it should be 'y'"),
        ({"a": 1}, {"a": True}, ".a is 1, it should be True"),
    ],
)
def test_first_difference_is_told(ours: object, theirs: object, found: str) -> None:
    assert difference(ours, theirs) == found


def test_seed_makes_the_requests() -> None:
    first = [str(one) for one in requests(7, 300)]
    assert first == [str(one) for one in requests(7, 300)]
    assert first != [str(one) for one in requests(8, 300)]


@pytest.mark.system
def test_sandbox_agrees_with_its_like() -> None:
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(session(stack.enter_context(sandbox()))) for _ in range(2)
        )
        for server in (one, other):
            prepare(server)
        since = [revisions(server) for server in (one, other)]
        asked = run(one, other, chain(requests(3, 150), wide_requests(3, 150)))
        found = [(str(request), how) for _, request, how in asked if how]
        told = chain(watched(one, other, since), surveyed(one, other))
        found += [(what, how) for what, how in told if how]
    assert found == []
