"""One address that answers inference requests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A port of a pod. *uid* is the pod's, *tls* whether it speaks HTTPS, *engine* `vLLM` or `SGLang`."""

    uid: str
    namespace: str
    name: str
    address: str
    port: int
    tls: bool = False
    engine: str = "vLLM"

    @property
    def authority(self) -> str:
        """Return address and port as a URL has them: IPv6 in brackets (RFC 3986 3.2.2)."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"
