"""The soak for some seconds, and that it would notice what it looks for."""

import pytest
from tests.support.crowd import Kill, Losses, names_an_error
from tests.support.http_client import Reply
from tests.support.oracle import (
    Gateway,
    Gateways,
    Listener,
    Routes,
    Timeline,
    allowed,
    expected,
)
from tests.support.soak_report import HELD_UP
from tests.support.traffic import stream_fault
from tests.system.soak import Plan, soak

OLDER = Gateway("older", "2026-01-01T00:00:00Z", (Listener(80, ""), Listener(81, "*.test")))
YOUNGER = Gateway("younger", "2026-01-01T00:00:01Z", (Listener(80, ""), Listener(81, "a.test")))
BOTH = {"younger": YOUNGER, "older": OLDER}
ROUTES = {"older": "old", "younger": "young"}


@pytest.mark.system
@pytest.mark.timeout(600)
def test_streams_are_not_disturbed_by_gateways_that_come_and_go() -> None:
    plan = Plan(
        seconds=10, streams=40, warm_up=4, token_pause=0.1, leaving=0.2, restart_engines=True
    )
    report = soak(plan)
    for _ in range(2):
        if HELD_UP in report.faults:  # nothing can be said then
            report = soak(plan)
    assert [] == report.faults, report.text


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        ((80, "a.test"), "old"),  # both want it, and the older one has it
        ((81, "a.test"), "young"),  # an exact name is better than a wildcard
        ((81, "b.test"), "old"),
        ((81, "test"), "404"),  # a wildcard stands for one label or more
        ((82, "a.test"), "refused"),
    ],
)
def test_one_answer_is_expected_of_a_configuration(place: tuple[int, str], answer: str) -> None:
    assert answer == expected(BOTH, ROUTES, *place)


def test_a_gateway_without_a_route_finds_nothing() -> None:
    assert "404" == expected(BOTH, {"younger": "young"}, 80, "a.test")


def test_a_change_allows_both_answers_for_as_long_as_it_may_take() -> None:
    gateways = Timeline[Gateways](BOTH)
    routes = Timeline[Routes](ROUTES)
    gateways.change(100.0, 100.1, {"younger": YOUNGER})

    def answers(since: float, until: float) -> frozenset[str]:
        return allowed(gateways, routes, (80, "x"), (since, until), lag=3.0)

    assert {"old"} == answers(98.0, 99.9)
    assert {"old", "young", "503"} == answers(99.0, 100.0)
    assert {"old", "young", "503"} == answers(103.0, 103.2)
    assert {"young"} == answers(103.2, 104.0)


def stream(*events: str, status: int = 200) -> Reply:
    body = "".join(f"data: {event}\n\n" for event in events)
    return Reply(status, body.encode(), 0.0, {})


def token(text: str, model: str = "m") -> str:
    return f'{{"model":"{model}","choices":[{{"text":"{text}"}}]}}'


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (stream(token("This"), token(" is"), "[DONE]"), ""),
        (stream(token("This"), "[DONE]"), "200, 1 events of 2"),
        (stream(token("This"), token(" is")), "200, 1 events of 2"),
        (stream(token(" is"), token("This"), "[DONE]"), "it says ' isThis'"),
        (stream(token("This"), token(" is", "n"), "[DONE]"), "it says 'This is'"),
        (stream(status=502), "502, 0 events of 2"),
    ],
    ids=["whole", "a token short", "without an end", "out of order", "of two models", "an error"],
)
def test_streams_that_are_not_whole_are_noticed(reply: Reply, fault: str) -> None:
    found = stream_fault(reply, "m", 2)

    assert found.startswith(fault)
    assert bool(found) == bool(fault)


ERROR = b'data: {"error":{"message":"the engine is gone","type":"server_error","code":null}}\n\n'


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (ERROR, True),
        (b"data: {}\n\n" + ERROR, True),
        (ERROR + b"data: [DONE]\n\n", False),
        (b"data: {}\n\n", False),
        (b'data: {"error":{"message":"","type":"server_error"}}\n\n', False),
        (b'data: {"error":"gone"}\n\n', False),
        (ERROR[:-9], False),
        (b"", False),
    ],
)
def test_a_cut_stream_has_to_say_why(body: bytes, named: bool) -> None:
    assert named == names_an_error(body)


def test_losses_are_explained_by_kills_alone() -> None:
    kills = [Kill(since=100.0, until=102.0, running=20)]

    assert [] == Losses(kills, lost=[100.1] * 25, refused=[104.9]).faults()
    assert [] == Losses().faults()
    assert ["31 streams were lost, and 30 at most ran on dead engines"] == Losses(
        kills, lost=[101.0] * 31
    ).faults()
    assert [
        "from 99.90 to 105.10 s 2 streams were lost, and engines were killed at 100.00 to 102.00 s"
    ] == Losses(kills, lost=[99.9, 101.0], refused=[105.1]).faults()
    assert [
        "from 5.00 to 5.00 s 1 streams were lost, and engines were killed at no time"
    ] == Losses(lost=[5.0]).faults()[:1]
