"""What the tests of the proxy share."""

import pytest
import trio


@pytest.fixture
def patient_clock() -> trio.testing.MockClock:
    """Virtual time that waits for the kernel: bytes on loopback need a moment that is not trio's."""
    return trio.testing.MockClock(autojump_threshold=0.02)
