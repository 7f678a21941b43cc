"""Pod addresses in 127.1.0.0/16, which the whole of Linux's loopback answers to."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, ip_address

from kthena_sandbox.httpd.server import bind

ANNOTATION = "sandbox.kthena.io/address"
POD_NETWORK = IPv4Network("127.1.0.0/16")
_TRIES = 512


class NoAddress(Exception):
    """No address could be had; the text says why."""


def can_listen(address: str, ports: Iterable[int]) -> bool:
    """Whether nobody else on this machine holds one of *ports* at *address*."""
    for port in ports:
        try:
            bind(address, port).close()
        except OSError:
            return False
    return True


class AddressPool:
    """Gives every pod its own address; one that was given back waits until the others are used up."""

    def __init__(self, free: Callable[[str, Iterable[int]], bool] = can_listen) -> None:
        self._free = free
        self._taken: dict[str, str] = {}
        self._next = 1

    def take(self, uid: str, ports: Iterable[int], wanted: str = "") -> str:
        """An address on which *ports* can be had, *wanted* if it is one of ours. Raises NoAddress."""
        listed = tuple(ports)
        ours = wanted and ip_address(wanted) in POD_NETWORK and wanted not in self._taken
        if ours and self._free(wanted, listed):
            self._taken[wanted] = uid
            return wanted
        for _ in range(_TRIES):
            address = self._advance()
            if address not in self._taken and self._free(address, listed):
                self._taken[address] = uid
                return address
        shown = ", ".join(map(str, listed))
        raise NoAddress(
            f"no address in {POD_NETWORK} has port {shown} free; is another program listening on it "
            "on all addresses?"
        )

    def _advance(self) -> str:
        self._next = self._next % (POD_NETWORK.num_addresses - 2) + 1
        return str(POD_NETWORK[self._next])

    def give_back(self, uid: str) -> None:
        """Free the address of a pod."""
        self._taken = {address: holder for address, holder in self._taken.items() if holder != uid}
