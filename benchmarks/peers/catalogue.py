"""All peers, in the order in which they are measured and shown."""

from benchmarks.peers.base import Direct, Peer
from benchmarks.peers.ours import Ours
from benchmarks.peers.proxies import Haproxy, Nginx
from benchmarks.peers.routers import LiteLLM, RustRouter
from benchmarks.peers.stock import Stock

OURS = Ours()
DIRECT = Direct()
PEERS: tuple[Peer, ...] = (
    DIRECT,
    Nginx(),
    Haproxy(),
    RustRouter("sglang-router", ("sglang-router", "launch")),
    RustRouter("smg", ("smg", "launch")),
    RustRouter("vllm-router", ("vllm-router",)),
    LiteLLM(),
    Stock(),
    OURS,
)
