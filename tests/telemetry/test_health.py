import logging

import pytest

from kthena_router.telemetry.health import Health


def test_a_router_that_requires_nothing_is_ready() -> None:
    assert (Health().ready, Health().reason) == (True, "")


def test_it_waits_for_everything_that_is_required(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    health = Health()
    health.require("the first listing")
    health.require("the ports")
    assert health.reason == "waiting for the first listing, the ports"
    health.satisfy("the first listing")
    assert (health.ready, health.reason) == (False, "waiting for the ports")
    health.satisfy("the ports")
    assert health.ready
    assert caplog.messages == ["waiting for the ports", "ready"]


def test_what_is_satisfied_twice_changes_nothing() -> None:
    health = Health()
    health.require("the ports")
    health.satisfy("the ports")
    health.satisfy("the ports")
    assert health.ready


def test_a_draining_router_never_becomes_ready_again() -> None:
    health = Health()
    health.require("the ports")
    health.not_ready("draining")
    health.satisfy("the ports")
    assert (health.ready, health.reason) == (False, "draining")


def test_the_answers_are_those_of_the_original() -> None:
    health = Health()
    health.require("the ports")
    assert health.answer("/healthz") == (200, b'{"message":"ok"}')
    assert health.answer("/readyz") == (503, b'{"message":"router is not ready"}')
    health.satisfy("the ports")
    assert health.answer("/readyz") == (200, b'{"message":"router is ready"}')
    assert health.answer("/v1/models") is None
