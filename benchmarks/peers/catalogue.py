"""All peers, in the order in which they are measured and shown."""

from collections.abc import Sequence

from benchmarks.peers.base import Direct, Peer
from benchmarks.peers.ours import Ours
from benchmarks.peers.proxies import Haproxy, Nginx
from benchmarks.peers.routers import PLAIN_POLICY, LiteLLM, RustRouter
from benchmarks.peers.stock import Stock

DIRECT = "no proxy"
OURS = "kthena-router"


def all_peers(router_arguments: Sequence[str] = (), policy: str = PLAIN_POLICY) -> tuple[Peer, ...]:
    """Return them; *router_arguments* are further flags of ours, *policy* is the Rust routers'."""
    return (
        Direct(),
        Nginx(),
        Haproxy(),
        RustRouter("sglang-router", ("sglang-router", "launch"), policy),
        RustRouter("smg", ("smg", "launch"), policy),
        RustRouter("vllm-router", ("vllm-router",), policy),
        LiteLLM(),
        Stock(),
        Ours(arguments=tuple(router_arguments)),
    )
