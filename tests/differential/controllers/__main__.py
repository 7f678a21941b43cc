"""`python -m tests.differential.controllers --reference KUBECONFIG`: the same happens in the sandbox and in a real cluster.

The reference is a kube-apiserver with a kube-controller-manager and nothing else: pods are started, and stopped, by
the scenarios, in both clusters alike.
"""

import argparse
import secrets
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import trio
from tests.differential.controllers import (
    belonging,
    finishing,
    ordered,
    owning,
    reaching,
    rollouts,
    scaling,
    scenarios,
    storage,
)
from tests.differential.controllers.scenarios import Scenario
from tests.differential.controllers.scheduled import SCHEDULED
from tests.differential.controllers.shapes import differences, shape
from tests.differential.controllers.world import Place, World, open_place, open_world
from tests.sandbox.house import running

from kthena_sandbox.client import ApiError, open_client
from kthena_sandbox.entrance import read_entrance
from kthena_sandbox.kinds import Document

SCENARIOS = (
    *scenarios.SCENARIOS,
    *SCHEDULED,
    *scaling.SCENARIOS,
    *belonging.SCENARIOS,
    *storage.SCENARIOS,
    *rollouts.SCENARIOS,
    *ordered.SCENARIOS,
    *finishing.SCENARIOS,
    *reaching.SCENARIOS,
    *owning.SCENARIOS,
)


async def play(scenario: Scenario, worlds: Sequence[World]) -> dict[str, str]:
    """Let it happen in both, ours first, and return what differs, with the step after which it did first."""
    found: dict[str, str] = {}
    steps = [scenario(world) for world in worlds]
    while True:
        named = [await anext(one, None) for one in steps]
        if named[0] is None:
            return found
        settled: dict[int, Document] = {}

        async def settle(world: World, settled: dict[int, Document] = settled) -> None:
            settled[id(world)] = shape(await world.settled(), world.names)

        async with trio.open_nursery() as nursery:
            for world in worlds:
                nursery.start_soon(settle, world)
        ours, theirs = (settled[id(world)] for world in worlds)
        for kind in sorted(ours.keys() & theirs.keys()):
            for told in differences(ours[kind], theirs[kind], kind):
                found.setdefault(told, named[0])


async def play_apart(scenario: Scenario, places: Sequence[Place]) -> bool:
    """Play it in namespaces of its own, tell what differs, and return whether something does."""
    namespace = f"{scenario.__name__.replace('_', '-')}-{secrets.token_hex(3)}"
    worlds = [await open_world(place, namespace) for place in places]
    try:
        found = await play(scenario, worlds)
    except ApiError as error:
        found = {str(error): "refused"}
    told = [f"{scenario.__name__}: {'different' if found else 'equal'}"]
    told += (f"    {step}: {difference}" for difference, step in found.items())
    print("\n".join(told), flush=True)
    for world in worlds:
        await world.close()
    return bool(found)


async def run(reference: Path, chosen: Sequence[Scenario], at_once: int) -> int:
    """Play the scenarios, so many at once, and return how many differ."""
    different: list[Scenario] = []
    waiting = list(reversed(chosen))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = await stack.enter_async_context(running(folder, controllers=True))
        theirs = await stack.enter_async_context(open_client(read_entrance(reference)))
        places = [
            await stack.enter_async_context(open_place(client))
            for client in (cluster.client, theirs)
        ]

        async def player() -> None:
            while waiting:
                scenario = waiting.pop()
                if await play_apart(scenario, places):
                    different.append(scenario)

        async with trio.open_nursery() as nursery:
            for _ in range(at_once):
                nursery.start_soon(player)
    print(f"{len(chosen) - len(different)} of {len(chosen)} are equal")
    return len(different)


def main() -> int:
    """Play the scenarios, tell what differs, and return 1 where something does."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.differential.controllers", description=__doc__
    )
    parser.add_argument(
        "--reference", type=Path, required=True, help="kubeconfig of a cluster that may be spoilt"
    )
    parser.add_argument("--at-once", type=int, default=4, help="scenarios; default: 4")
    parser.add_argument("scenarios", nargs="*", help="those to play; default: all")
    given = parser.parse_args()
    chosen = [one for one in SCENARIOS if not given.scenarios or one.__name__ in given.scenarios]
    return int(trio.run(run, given.reference, chosen, given.at_once) > 0)


if __name__ == "__main__":
    sys.exit(main())
