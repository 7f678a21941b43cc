from datetime import UTC, datetime, timedelta

from kthena_sandbox.eventfolding import Folded, Folding, Told

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COMBINED = "(combined from similar events): "


def _told(message: str, uid: str = "u") -> Told:
    return Told(uid, "Normal", "Scaled", message)


def test_the_tenth_of_a_kind_and_all_after_it_share_one() -> None:
    folding = Folding()
    for number in range(9):
        told = _told(str(number))
        assert folding.fold(told, NOW) == Folded(told, str(number))
    shared = _told("")
    for number in (9, 10):
        assert folding.fold(_told(str(number)), NOW) == Folded(shared, f"{COMBINED}{number}")
    other = Told("u", "Warning", "Scaled", "11")
    assert folding.fold(other, NOW) == Folded(other, "11")


def test_what_says_the_same_is_one_of_a_kind() -> None:
    folding = Folding()
    for _ in range(20):
        assert folding.fold(_told("a"), NOW) == Folded(_told("a"), "a")


def test_after_ten_quiet_minutes_they_stand_alone_again() -> None:
    folding = Folding()
    for number in range(10):
        folding.fold(_told(str(number)), NOW)
    later = NOW + timedelta(seconds=601)
    assert folding.fold(_told("10"), later) == Folded(_told("10"), "10")


def test_who_tells_too_much_is_heard_once_in_five_minutes() -> None:
    folding = Folding()
    heard = [folding.fold(_told("a"), NOW) is not None for _ in range(26)]
    assert heard == [True] * 25 + [False]
    assert folding.fold(_told("a", "another"), NOW) is not None
    later = NOW + timedelta(seconds=300)
    assert folding.fold(_told("a"), later) is not None
    assert folding.fold(_told("a"), later) is None
