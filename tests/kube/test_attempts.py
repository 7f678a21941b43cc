from hypothesis import given, strategies as st

from kthena_router.kube.attempts import Attempts


def test_written_object_is_left_until_the_watch_brings_it() -> None:
    attempts = Attempts()
    attempts.wrote("1", "x", "2")

    assert attempts.settled("1", "x")
    assert attempts.settled("1", "y")
    assert not attempts.settled("2", "x")


def test_write_that_changed_nothing_is_not_made_again() -> None:
    # As where the schema of the CRD takes away what was written: no newer version will come.
    attempts = Attempts()
    attempts.wrote("1", "x", "1")

    assert attempts.settled("1", "x")
    assert not attempts.settled("1", "y")
    assert not attempts.settled("2", "x")


def test_overtaken_write_waits_for_the_newer_version() -> None:
    attempts = Attempts()
    attempts.overtaken("1")

    assert attempts.settled("1", "x")
    assert not attempts.settled("2", "x")


def test_nothing_is_settled_at_first() -> None:
    assert not Attempts().settled("", "x")


def test_refusals_are_followed_by_longer_and_longer_pauses() -> None:
    attempts = Attempts()
    pauses = []
    for _ in range(8):
        attempts.failed(100.0, 0.0)
        pauses.append(attempts.wait(100.0))

    assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == pauses
    assert 10.0 == attempts.wait(150.0)


def test_success_forgets_the_refusals() -> None:
    attempts = Attempts()
    for _ in range(8):
        attempts.failed(0.0, 0.0)
    attempts.wrote("1", "x", "2")
    attempts.failed(100.0, 0.0)

    assert 1.0 == attempts.wait(100.0)


def write(attempts: Attempts, statuses: list[str], seconds: float) -> list[int]:
    """Write one status after the other as soon as it may be; return in which second each was."""
    now, written = 0.0, []
    for version, status in enumerate(statuses):
        now += attempts.wait(now)
        if now >= seconds:
            break
        attempts.wrote(str(version), status, str(version + 1))
        written.append(int(now))
    return written


def test_quarrel_over_a_status_becomes_slow() -> None:
    # Somebody puts something else in its place each time.
    assert [0, 0, 0, 0, 0, 1, 11, 21, 31, 41, 51] == write(Attempts(), ["same"] * 100, 60)


def test_news_is_written_as_it_comes() -> None:
    written = write(Attempts(), [str(number) for number in range(1000)], 62.5)

    assert 33 == written.count(0)
    assert 33 + 49 == len(written)  # then one in 1.25 s


def test_object_that_was_left_in_peace_may_be_written_at_once() -> None:
    attempts = Attempts()
    write(attempts, ["same"] * 100, 60)

    assert 0.0 == attempts.wait(200.0)


@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.booleans()), max_size=50))
def test_writes_of_the_same_never_exceed_the_allowance(history: list[tuple[float, bool]]) -> None:
    attempts = Attempts()
    now, count = 0.0, 0
    for pause, ready in history:
        now += pause
        if attempts.wait(now) == 0.0 and ready:
            attempts.wrote("1", "same", "2")
            count += 1

    assert count <= 6 + now / 10
