"""The routers from PyPI, each in an environment of its own and with one worker: the backend's first address.

Their logs and metrics are at their defaults. Their default policy looks into prompts; it is replaced by a
plain one, since ours is plain too.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.peers.base import Kit, Running, Surroundings, serving
from benchmarks.peers.environments import install, locked_version
from benchmarks.processes import free_ports

PLAIN_POLICY = "round_robin"


@dataclass(frozen=True)
class RustRouter:
    """sglang-router, smg and vllm-router: one family, nearly one command line."""

    name: str
    command: tuple[str, ...]
    policy: str = PLAIN_POLICY
    leaves_out: frozenset[str] = frozenset()
    why: str = ""

    def prepare(self, kit: Kit) -> str:
        install(self.name, kit)
        return locked_version(self.name)

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Running]:
        program, *rest = self.command
        port = free_ports(2)
        command = [
            *(str(install(self.name, surroundings.kit) / program), *rest),
            *("--host", "127.0.0.1", "--port", str(port), "--policy", self.policy),
            *("--worker-urls", f"http://{surroundings.backend.target}"),
            *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(port + 1)),
            *("--max-concurrent-requests", "8192"),
        ]
        environ = surroundings.clean_environ()
        target = f"127.0.0.1:{port}"
        async with serving(surroundings, self.name, command, target, environ) as running:
            yield running


_LITELLM = """\
model_list:
  - model_name: bench
    litellm_params:
      model: openai/bench
      api_base: http://@BACKEND@/v1
      api_key: none
"""


@dataclass(frozen=True)
class LiteLLM:
    """The proxy of litellm with one worker."""

    name: str = "litellm"
    leaves_out: frozenset[str] = frozenset({"paced", "memory", "slow", "disconnects"})
    why: str = "a request costs it tens of milliseconds: it cannot carry this load"

    def prepare(self, kit: Kit) -> str:
        install(self.name, kit)
        return locked_version(self.name)

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Running]:
        path = surroundings.write("litellm.yaml", _LITELLM)
        port = free_ports()
        command = [
            *(str(install(self.name, surroundings.kit) / "litellm"), "--config", str(path)),
            *("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"),
        ]
        environ = surroundings.clean_environ(
            LITELLM_LOCAL_MODEL_COST_MAP="True",  # otherwise it asks the internet for prices
            LITELLM_MODE="PRODUCTION",
            # Without keys, as the others; it listens on loopback only.
            LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true",
        )
        target = f"127.0.0.1:{port}"
        async with serving(surroundings, self.name, command, target, environ) as running:
            yield running
