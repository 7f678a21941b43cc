"""One address that answers inference requests."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A port of a pod. *uid* is the pod's, *tls* whether it speaks HTTPS, *engine* `vLLM` or `SGLang`.

    *key* tells it from all others, also from an endpoint of the same name that was there before.
    """

    uid: str
    namespace: str
    name: str
    address: str
    port: int
    tls: bool = False
    engine: str = "vLLM"
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.uid}:{self.port}")

    @property
    def authority(self) -> str:
        """Return address and port as a URL has them: IPv6 in brackets (RFC 3986 3.2.2)."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"
