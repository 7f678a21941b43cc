import logging

import pytest
import trio
from trio.testing import MockClock

from kthena_router.kube.reachability import Reachability


async def test_outage_and_its_end_are_said_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reachability = Reachability()
    for _ in range(100):
        reachability.failed("refused")
        await trio.sleep(1)
    reachability.answered()
    reachability.answered()

    assert [
        "the Kubernetes API cannot be reached, the last configuration stays in force: refused",
        "the Kubernetes API answers again after 100 s",
    ] == caplog.messages


async def test_one_failure_is_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reachability = Reachability()
    for _ in range(3):
        reachability.failed("closed while idle")
        reachability.answered()

    assert [] == caplog.messages
