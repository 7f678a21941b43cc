"""How soon a Gateway's port opens and closes: `python -m tests.system.port_life --rounds 50`.

Both times run from the moment in which a user asks the API server to that in which a client finds the port open or
refused. Prints the distribution.
"""

import argparse
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio
from tests.support.churn import GATEWAYS, Api, gateway_document, open_api
from tests.support.oracle import Listener
from tests.support.stack import free_ports, open_stack

LOOK_SECONDS = 0.002
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Round:
    """Seconds until the port was open, and closed again."""

    opened: float
    closed: float


def refuses(port: int) -> bool:
    """Return whether no connection can be had; in the moment of closing the kernel may reset one that it just made."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return True
    return False


async def wait_until_port(port: int, *, open_: bool) -> None:
    """Return when a port is open, or refuses connections. Raises trio.TooSlowError."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            if refuses(port) is not open_:
                return
            await trio.sleep(LOOK_SECONDS)


async def open_and_close(api: Api, port: int) -> Round:
    """Create a Gateway on *port* and delete it again."""
    began = trio.current_time()
    await api.create(GATEWAYS, gateway_document("short-lived", [Listener(port, "")]))
    await wait_until_port(port, open_=True)
    opened = trio.current_time() - began
    began = trio.current_time()
    await api.delete(GATEWAYS, "short-lived")
    await wait_until_port(port, open_=False)
    return Round(opened, trio.current_time() - began)


async def measure(url: str, rounds: int) -> list[Round]:
    """Play *rounds* through the API server at *url*, each on another port."""
    async with open_api(url) as api:
        return [await open_and_close(api, port) for port in free_ports(rounds)]


def distribution(seconds: Sequence[float]) -> str:
    ranked = sorted(seconds)
    shares = (("median", 0.5), ("90 %", 0.9), ("longest", 1.0))
    return ", ".join(
        f"{name} {ranked[min(int(len(ranked) * share), len(ranked) - 1)] * 1000:.0f} ms"
        for name, share in shares
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.port_life", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory(prefix="port-life-") as folder,
        open_stack(Path(folder)) as stack,
    ):
        found = trio.run(measure, stack.api, rounds)
    print(f"open after   {distribution([one.opened for one in found])}")
    print(f"closed after {distribution([one.closed for one in found])}")
    return 0 if max(one.closed for one in found) < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
