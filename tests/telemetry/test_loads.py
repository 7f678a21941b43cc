import pytest

from kthena_router.routing.endpoint import Endpoint
from kthena_router.telemetry.loads import LoadTable

ONE = Endpoint("uid-1", "default", "one", "127.0.0.1", 8000)
TWO = Endpoint("uid-2", "default", "two", "127.0.0.1", 8000)


def count(loads: LoadTable, endpoint: Endpoint) -> int:
    return loads.by_key.get(endpoint.key, 0)


def test_requests_count_while_their_block_runs() -> None:
    loads = LoadTable()
    with loads.in_flight(ONE), loads.in_flight(ONE), loads.in_flight(TWO):
        assert (2, 1, 3) == (count(loads, ONE), count(loads, TWO), loads.total)
    assert (0, 0, 0) == (count(loads, ONE), count(loads, TWO), loads.total)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_ends_the_count_as_well(failure: type[BaseException]) -> None:
    loads = LoadTable()
    with pytest.raises(failure), loads.in_flight(ONE):
        raise failure
    assert 0 == loads.total


def test_a_pod_that_returns_while_it_works_keeps_its_count_and_never_goes_below_zero() -> None:
    loads = LoadTable()
    again = Endpoint("uid-1", "default", "one", "127.0.0.1", 8000)
    with loads.in_flight(ONE):
        assert 1 == count(loads, again)
    assert 0 == count(loads, again)


def test_another_pod_of_the_same_name_and_address_starts_idle() -> None:
    loads = LoadTable()
    successor = Endpoint("uid-9", "default", "one", "127.0.0.1", 8000)
    with loads.in_flight(ONE):
        assert 0 == count(loads, successor)


def test_ports_of_a_pod_are_apart() -> None:
    loads = LoadTable()
    other = Endpoint("uid-1", "default", "one", "127.0.0.1", 9000)
    with loads.in_flight(ONE):
        assert 0 == count(loads, other)
