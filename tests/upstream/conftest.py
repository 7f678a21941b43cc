"""What the tests of the upstream side share."""

from collections.abc import AsyncIterator

import pytest
import trio

from kthena_router.concurrency.readiness import Readiness
from kthena_router.upstream.pools import Pools


@pytest.fixture
def patient_clock() -> trio.testing.MockClock:
    """Virtual time that waits for the kernel: bytes on loopback need a moment that is not trio's."""
    return trio.testing.MockClock(autojump_threshold=0.02)


@pytest.fixture
async def readiness(nursery: trio.Nursery) -> AsyncIterator[Readiness]:
    one = Readiness()
    nursery.start_soon(one.run)
    yield one
    nursery.cancel_scope.cancel()


@pytest.fixture(params=["trio", "readiness"])
async def pools(request: pytest.FixtureRequest, readiness: Readiness) -> AsyncIterator[Pools]:
    """Everything holds wherever connections wait."""
    waits_at = readiness if request.param == "readiness" else None
    pools = Pools(connect_timeout=5.0, idle_timeout=60.0, readiness=waits_at)
    yield pools
    await pools.aclose()
    assert len(readiness) == 0
