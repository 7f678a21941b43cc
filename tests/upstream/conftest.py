"""What the tests of the upstream side share."""

from collections.abc import AsyncIterator

import pytest
import trio

from kthena_router.upstream.pools import Pools


@pytest.fixture
def patient_clock() -> trio.testing.MockClock:
    """Virtual time that waits for the kernel: bytes on loopback need a moment that is not trio's."""
    return trio.testing.MockClock(autojump_threshold=0.02)


@pytest.fixture
async def pools() -> AsyncIterator[Pools]:
    pools = Pools(connect_timeout=5.0, idle_timeout=60.0)
    yield pools
    await pools.aclose()
