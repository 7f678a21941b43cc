"""Both parsers against h11 with new examples each time: `python -m tests.system.fuzz --minutes 10 --seed 1`.

The suite asks its properties the same examples every time; here they are asked others: hypothesis' for one half of the time,
and for the other those of a mutator that knows no structure and is thirty times as fast. Prints how many there were, and
exits with 0 or 1; bytes that break a property are printed, made as short as they can be.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from hypothesis import HealthCheck, given, seed, settings, strategies as st
from tests.listeners import test_http1_oracle as requests, test_smuggling as smuggling
from tests.upstream import test_http1 as answers

EXAMPLES = 2000  # of hypothesis, in one go
MUTANTS = 1000  # examples of the mutator between two looks at the clock
PLACES = st.lists(st.floats(0, 1), max_size=6)
TOKENS = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\"),
    *(b"\x00", b"\x0b", b"\x7f", b"\x80", b"\xff", b"0", b"1", b"f", b"ffffffffffffffff", b"-", b"+"),
    *(b"_", b"0x", b"chunked", b"content-length: 1\r\n", b"transfer-encoding: chunked\r\n"),
    *(b"HTTP/1.1", b"HTTP/1.0", b"host: a\r\n", b"connection: close\r\n", b"GET / ", b" HTTP/1.1\r\n"),
    *(b"0\r\n\r\n", b"3\r\nabc\r\n", b"expect: 100-continue\r\n", b"x: y\r\n"),
)  # fmt: skip


@dataclass(frozen=True)
class Property:
    """What has to hold: *check* raises where it does not. The *corpus* is what the mutator begins with."""

    name: str
    check: Callable[[bytes, list[float]], None]
    messages: st.SearchStrategy[bytes]
    corpus: Sequence[bytes]


@dataclass(frozen=True)
class Failure:
    """A *message* that breaks a property; *places* are where it was cut."""

    property: str
    message: bytes
    places: list[float]
    error: Exception


def properties() -> tuple[Property, ...]:
    """Return the properties of both parsers."""
    mutated = st.builds(requests.mutate, requests.CONNECTIONS, requests.MUTATIONS)
    answered = st.builds(answers.mutate, answers.MESSAGES, answers.MUTATIONS)
    heads = [smuggling.POST + line + b"\r\n\r\n" for line, _ in smuggling.CODINGS.values()]
    heads += [head for head, _ in smuggling.HEADS.values()]
    asked = [*requests.VALID, *requests.BAD, *heads]
    told = list(answers.EXAMPLES)
    return (
        Property("requests as h11 has them", _against_h11, mutated, asked),
        Property("requests however they are cut", requests.check_cut, mutated, asked),
        Property("answers as h11 has them", _answers_against_h11, answered, told),
        Property("answers however they are cut", answers.check_cut, answered, told),
    )


def _against_h11(message: bytes, _: list[float]) -> None:
    requests.check_against_h11(message)


def _answers_against_h11(message: bytes, _: list[float]) -> None:
    answers.check_against_h11(message)


class Fuzzer:
    """Asks until the time is up; *counts* says how many examples each property was asked."""

    def __init__(
        self,
        number: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        examples: int = EXAMPLES,
        mutants: int = MUTANTS,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[Failure] = []
        self._number = number
        self._dice = random.Random(number)
        self._clock = clock
        self._examples = examples
        self._mutants = mutants

    def run(self, seconds: float) -> None:
        """Ask every property for the same time; one that breaks is asked no more."""
        asked = properties()
        for one in asked:
            begun = self._clock()
            if self._ask_hypothesis(one, begun + seconds / len(asked) / 2):
                self._ask_mutator(one, begun + seconds / len(asked))

    def _ask_hypothesis(self, one: Property, until: float) -> bool:
        latest: list[tuple[bytes, list[float]]] = []

        def check(message: bytes, places: list[float]) -> None:
            self.counts[one.name] += 1
            latest[:] = [(message, places)]
            one.check(message, places)

        number = count(self._number)
        while self._clock() < until:
            rules = settings(
                max_examples=self._examples,
                derandomize=False,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            try:
                rules(seed(next(number))(given(one.messages, PLACES)(check)))()
            except Exception as error:  # noqa: BLE001  the last one that was asked is the smallest
                self.failures.append(Failure(one.name, *latest[0], error))
                return False
        return True

    def _ask_mutator(self, one: Property, until: float) -> None:
        while self._clock() < until:
            for _ in range(self._mutants):
                message = spoil(one.corpus, self._dice)
                places = [self._dice.random() for _ in range(self._dice.randrange(4))]
                self.counts[one.name] += 1
                if error := fault(one, message, places):
                    smallest = shrink(one, message, places)
                    self.failures.append(Failure(one.name, smallest, places, error))
                    return


def fault(one: Property, message: bytes, places: list[float]) -> Exception | None:
    """Return what *one* raises for an example."""
    try:
        one.check(message, places)
    except Exception as error:  # noqa: BLE001  whatever it is, it is a fault
        return error
    return None


def spoil(corpus: Sequence[bytes], dice: random.Random) -> bytes:
    """Return one to three messages of *corpus*, one after the other, with up to six faults in them."""
    message = b"".join(dice.choices(corpus, k=dice.choice((1, 1, 2, 3))))
    for _ in range(dice.randrange(7)):
        at, to = sorted(dice.randrange(len(message) + 1) for _ in range(2))
        to = min(to, at + dice.choice((0, 1, 2, 8, 64)))
        message = message[:at] + _replacement(message, at, to, dice) + message[to:]
    return message


def _replacement(message: bytes, at: int, to: int, dice: random.Random) -> bytes:
    kind = dice.randrange(5)
    if kind == 0:
        return b""
    if kind == 1:
        return message[at:to] * 2
    if kind == 2:
        return bytes([dice.randrange(256)])
    if kind == 3:
        return message[at:to].swapcase()
    return dice.choice(TOKENS)


def shrink(one: Property, message: bytes, places: list[float]) -> bytes:
    """Return as little of *message* as still breaks *one*."""
    size = len(message)
    while size:
        for shorter in _without(message, size):
            if fault(one, shorter, places) is not None:
                message = shorter
                break
        else:
            size //= 2
    return message


def _without(message: bytes, size: int) -> Iterator[bytes]:
    for at in range(len(message) - size + 1):
        yield message[:at] + message[at + size :]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given_ = parser.parse_args()
    print(f"seed {given_.seed}", flush=True)
    fuzzer = Fuzzer(given_.seed)
    fuzzer.run(given_.minutes * 60)
    for name, examples in fuzzer.counts.items():
        print(f"{name:<30}  {examples:>9} examples")
    for one in fuzzer.failures:
        print(f"FAULT: {one.property}: {one.message!r}, cut at {one.places}: {one.error!r}")
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    sys.exit(main())
