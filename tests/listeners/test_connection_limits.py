from kthena_router.listeners.connection_limits import ConnectionLimits


def test_no_limit_is_no_limit() -> None:
    limits = ConnectionLimits()

    assert {""} == {limits.enter("a") for _ in range(1000)}
    assert 1000 == limits.total


def test_connections_in_all() -> None:
    limits = ConnectionLimits(in_all=2)

    assert ("", "") == (limits.enter("a"), limits.enter("b"))
    assert "2 connections at most (--max-connections)" in limits.enter("c")
    limits.leave("a")
    assert "" == limits.enter("c")


def test_connections_of_one_client() -> None:
    limits = ConnectionLimits(per_client=1)

    assert ("", "") == (limits.enter("a"), limits.enter("b"))
    assert "--max-connections-per-client" in limits.enter("a")
    limits.leave("a")
    assert "" == limits.enter("a")
    assert 2 == limits.total
