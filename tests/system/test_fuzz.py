"""The fuzzer for a moment, and that it would notice what it looks for."""

import random
from itertools import count

from hypothesis import strategies as st
from tests.system.fuzz import Fuzzer, Property, fault, shrink, spoil


def test_both_parsers_hold_what_they_promise() -> None:
    ticks = count()
    fuzzer = Fuzzer(1, lambda: next(ticks), examples=50, mutants=300)

    fuzzer.run(16)

    assert [] == fuzzer.failures
    assert 4 == len(fuzzer.counts)
    assert all(examples >= 300 for examples in fuzzer.counts.values())


def breaks_at_a_tab(message: bytes, _: list[float]) -> None:
    assert b"\t" not in message


def test_what_breaks_is_found_and_made_short() -> None:
    one = Property("no tab", breaks_at_a_tab, st.binary(), [b"GET / HTTP/1.1\r\n\r\n"])
    dice = random.Random(1)
    found = next(
        message for _ in count() if fault(one, message := spoil(one.corpus, dice), []) is not None
    )

    assert b"\t" == shrink(one, found, [])


def test_what_is_spoilt_is_another_each_time_and_the_same_with_the_same_dice() -> None:
    corpus = [b"GET / HTTP/1.1\r\n\r\n", b"POST /x HTTP/1.0\r\n\r\n"]

    def some(number: int) -> list[bytes]:
        dice = random.Random(number)
        return [spoil(corpus, dice) for _ in range(100)]

    assert some(1) == some(1) != some(2)
    assert len(set(some(1))) > 50
