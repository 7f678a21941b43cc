"""The front door: `python -m benchmarks [PART…]`, `… show FILE`, `… picture FILE`, `… micro`."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import msgspec
import trio

from benchmarks import machine, results as storage
from benchmarks.errors import BenchmarkError
from benchmarks.fleet import install
from benchmarks.parts.catalogue import PARTS
from benchmarks.peers.base import Kit
from benchmarks.peers.catalogue import DIRECT, OURS, all_peers
from benchmarks.peers.routers import PLAIN_POLICY
from benchmarks.picture import draw
from benchmarks.results import Results
from benchmarks.run import Plan, execute
from benchmarks.tables import render, render_end, render_part

ROOT = Path(__file__).parents[1]
_ROUNDS, _THOROUGH_ROUNDS = 3, 7
_THOROUGH_SCALE = 2.5
_BUSY_LOAD = 0.5


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(part.name for part in PARTS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the router and its peers in turn, against one backend.",
        epilog="Other commands: `show FILE` and `picture FILE` for a result, `micro` for hot functions.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help=f"what to measure, default everything: {names}")
    add("--peers", default="", help="names with commas between, default all: see --list")
    add("--rounds", type=int, default=0, help=f"default {_ROUNDS}")
    add("--scale", type=float, default=0.0, help="stretch all times, default 1")
    add("--thorough", action="store_true", help="more rounds and longer ones: half an hour")
    add("--unpinned", action="store_true", help="let router and load share all cores")
    add("--router-arg", action="append", default=[], metavar="ARG", help="one more flag of ours")
    add("--policy", default=PLAIN_POLICY, help="of the Rust routers; default %(default)s")
    add("--apt", action="store_true", help="install nginx and haproxy with apt-get if missing")
    add("--output", type=Path, default=storage.FOLDER, help="folder for the result")
    add("--cache", type=Path, default=ROOT / ".cache" / "benchmarks", help="programs and peers")
    add("--install", action="store_true", help="install the peers, and measure nothing")
    add("--list", action="store_true", help="list parts and peers")
    return parser


def _check_known(kind: str, given: Sequence[str], known: Iterable[str]) -> None:
    """Raise BenchmarkError for a name that nothing bears."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BenchmarkError(f"no such {kind}: {', '.join(unknown)}; see --list")


def _plan(given: argparse.Namespace) -> Plan:
    peers = [name for name in given.peers.split(",") if name]
    known = all_peers(given.router_arg, given.policy)
    _check_known("part", given.parts, [part.name for part in PARTS])
    _check_known("peer", peers, [peer.name for peer in known])
    return Plan(
        parts=tuple(part for part in PARTS if not given.parts or part.name in given.parts),
        # Added times need the figure without a proxy, ratios need ours.
        peers=tuple(peer for peer in known if not peers or peer.name in {DIRECT, OURS, *peers}),
        rounds=given.rounds or (_THOROUGH_ROUNDS if given.thorough else _ROUNDS),
        scale=given.scale or (_THOROUGH_SCALE if given.thorough else 1.0),
        pinned=not given.unpinned,
    )


def _measure(given: argparse.Namespace) -> int:
    plan = _plan(given)
    kit = Kit(given.cache, dict(os.environ), may_use_apt=given.apt)
    options = {
        "rounds": plan.rounds,
        "scale": plan.scale,
        "pinned": plan.pinned,
        "policy": given.policy,
        "router_args": given.router_arg,
    }
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    results = Results(now, machine.describe(), options, ours=OURS, direct=DIRECT)
    say = partial(print, flush=True)
    if os.getloadavg()[0] > _BUSY_LOAD:
        say("others use this machine: the figures will be low and unsteady")
    say("the peers, installed where they are missing:")
    install(plan.peers, kit, results, say)
    if given.install:
        return 0
    complete = False
    try:
        complete = trio.run(
            execute, plan, kit, results, lambda part: say(f"\n{render_part(part, results)}\n")
        )
    finally:
        if results.samples:
            _keep(results, given.output)
    return 0 if complete else 1


def _keep(results: Results, folder: Path) -> None:
    print(f"\n{render_end(results, PARTS)}\n")
    path = storage.write(results, folder)
    path.with_suffix(".svg").write_text(draw(results, PARTS))
    print(f"written: {path} and {path.with_suffix('.svg').name}")


def _list() -> int:
    for part in PARTS:
        print(f"part  {part.name}: {', '.join(metric.title for metric in part.metrics)}")
    for peer in all_peers():
        print(f"peer  {peer.name}")
    return 0


def _micro(arguments: Sequence[str]) -> int:
    if find_spec("pytest_benchmark") is None:
        raise BenchmarkError("pytest-benchmark is missing: make bench installs it")
    import pytest

    folder = str(Path(__file__).parent / "micro")
    shown = ["--benchmark-columns=min,median,iqr,rounds", "--benchmark-time-unit=us"]
    return int(pytest.main([folder, "-q", "--timeout=0", *shown, *arguments]))


def _run(argv: Sequence[str]) -> int:
    if argv[:1] == ["micro"]:
        return _micro(argv[1:])
    if len(argv) == 2 and argv[0] in {"show", "picture"}:
        results = storage.read(Path(argv[1]))
        print(render(results, PARTS) if argv[0] == "show" else draw(results, PARTS))
        return 0
    given = _parser().parse_args(argv)
    return _list() if given.list else _measure(given)


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code: 0 for a whole run, 1, or 130 after Ctrl-C."""
    code = 1
    try:
        code = _run(argv)
    except* (BenchmarkError, OSError, msgspec.MsgspecError) as errors:
        for error in _leaves(errors):
            print(f"benchmarks: {error}", file=sys.stderr)
    except* KeyboardInterrupt:
        code = 130
    return code


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
