"""The stock chain: what one gets from hypercorn and httpx as they come. The baseline to beat."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers.base import Kit, Running, Surroundings, serving
from benchmarks.processes import free_ports

_APP = Path(__file__).with_name("stock_app.py")


@dataclass(frozen=True)
class Stock:
    """See `stock_app.py`."""

    name: str = "hypercorn+httpx"
    leaves_out: frozenset[str] = frozenset()
    why: str = ""

    def prepare(self, kit: Kit) -> str:
        return f"{version('hypercorn')} + {version('httpx')}"

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Running]:
        target = f"127.0.0.1:{free_ports()}"
        access_log = str(surroundings.folder / "stock-access.log")
        command = [sys.executable, str(_APP), target, surroundings.backend.target, access_log]
        environ = surroundings.clean_environ()
        async with serving(surroundings, self.name, command, target, environ) as running:
            yield running
