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
from tests.differential.controllers import belonging, scaling, scenarios, storage
from tests.differential.controllers.scenarios import Scenario
from tests.differential.controllers.scheduled import SCHEDULED
from tests.differential.controllers.shapes import differences, shape
from tests.differential.controllers.world import World, make_node, open_world
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


async def run(reference: Path, chosen: Sequence[Scenario]) -> int:
    different = 0
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = await stack.enter_async_context(running(folder, controllers=True))
        theirs = await stack.enter_async_context(open_client(read_entrance(reference)))
        for client in (cluster.client, theirs):
            await make_node(client)
        for scenario in chosen:
            namespace = f"{scenario.__name__.replace('_', '-')}-{secrets.token_hex(3)}"
            worlds = [await open_world(client, namespace) for client in (cluster.client, theirs)]
            try:
                found = await play(scenario, worlds)
            except ApiError as error:
                found = {str(error): "refused"}
            different += bool(found)
            print(f"{scenario.__name__}: {'different' if found else 'equal'}")
            for told, step in found.items():
                print(f"    {step}: {told}", flush=True)
            for world in worlds:
                await world.close()
    return different


def main() -> int:
    """Play the scenarios, tell what differs, and return 1 where something does."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.differential.controllers", description=__doc__
    )
    parser.add_argument(
        "--reference", type=Path, required=True, help="kubeconfig of a cluster that may be spoilt"
    )
    parser.add_argument("scenarios", nargs="*", help="those to play; default: all")
    given = parser.parse_args()
    chosen = [one for one in SCENARIOS if not given.scenarios or one.__name__ in given.scenarios]
    return int(trio.run(run, given.reference, chosen) > 0)


if __name__ == "__main__":
    sys.exit(main())
