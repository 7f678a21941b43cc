"""Where a Service is reached and who is behind it. Pure.

As kube-proxy does it: ready endpoints, and where there is none, those that still serve while they leave (KEP-1669).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from kthena_sandbox.kinds import Document

NODE_ADDRESS = "127.0.0.1"
LOOPBACK = IPv4Network("127.0.0.0/8")
BALANCERS = IPv4Network("127.4.0.0/16")
_PROTOCOLS = ("TCP", "UDP")


class Endpoint(NamedTuple):
    """One server behind a Service."""

    host: str
    port: int


class Frontend(NamedTuple):
    """One listening socket of a Service."""

    host: str
    port: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Route:
    """A frontend's port, its endpoints, and for how many seconds a client stays with one (0: not at all)."""

    port: str
    endpoints: tuple[Endpoint, ...]
    affinity_seconds: float = 0.0


def routes_of(service: Document, slices: Sequence[Document]) -> dict[Frontend, Route]:
    """The sockets to keep open: none for ports without endpoints, where connections are refused."""
    spec = service["spec"]
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") in {None, "", "None"}:
        return {}
    found: dict[Frontend, Route] = {}
    seconds = _affinity_seconds(spec)
    for port in spec.get("ports") or []:
        endpoints = endpoints_of(port.get("name", ""), slices, _protocol(port))
        if _protocol(port) not in _PROTOCOLS or not endpoints:
            continue
        route = Route(port.get("name") or str(port["port"]), endpoints, seconds)
        found |= dict.fromkeys(_frontends(service, port), route)
    return found


def unforwarded(service: Document) -> list[str]:
    """What a Service asks for and does not get here, in words."""
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return []
    problems = [
        f"port {port.get('name') or port['port']}/{port['protocol']}: the sandbox forwards TCP and UDP only"
        for port in spec.get("ports") or []
        if _protocol(port) not in _PROTOCOLS
    ]
    problems += [
        f"externalIPs: {address} is not an address of the loopback, where all Services of the sandbox are"
        for address in spec.get("externalIPs") or []
        if not is_loopback(address)
    ]
    if spec.get("loadBalancerSourceRanges"):
        problems.append("loadBalancerSourceRanges are not applied by the sandbox")
    return problems


def _frontends(service: Document, port: Document) -> Iterable[Frontend]:
    spec, protocol = service["spec"], _protocol(port)
    if is_loopback(spec["clusterIP"]):
        yield Frontend(spec["clusterIP"], port["port"], protocol)
    if port.get("nodePort"):
        yield Frontend(NODE_ADDRESS, port["nodePort"], protocol)
    balancers = [entry for entry in balancer_addresses(service) if is_balancer(entry)]
    for address in [*balancers, *filter(is_loopback, spec.get("externalIPs") or [])]:
        yield Frontend(address, port["port"], protocol)


def _protocol(port: Document) -> str:
    return str(port.get("protocol", "TCP"))


def _affinity_seconds(spec: Document) -> float:
    if spec.get("sessionAffinity") != "ClientIP":
        return 0.0
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return float(config.get("timeoutSeconds", 10800))


def endpoints_of(
    port: str, slices: Iterable[Document], protocol: str = "TCP"
) -> tuple[Endpoint, ...]:
    """The endpoints that get new connections to a port of this name."""
    ready: dict[Endpoint, None] = {}
    leaving: dict[Endpoint, None] = {}
    for document in slices:
        number = _number(port, protocol, document)
        for entry in (document.get("endpoints") or []) if number else []:
            conditions = entry.get("conditions") or {}
            found = {Endpoint(host, number): None for host in entry["addresses"][:1]}
            if conditions.get("ready") is not False:
                ready |= found
            elif conditions.get("serving") and conditions.get("terminating"):
                leaving |= found
    return tuple(ready or leaving)


def _number(port: str, protocol: str, document: Document) -> int:
    for entry in document.get("ports") or []:
        if (entry.get("name") or "") == port and _protocol(entry) == protocol:
            return int(entry.get("port") or 0)
    return 0


def balancer_addresses(service: Document) -> list[str]:
    """The addresses in a Service's `status.loadBalancer`."""
    status = (service.get("status") or {}).get("loadBalancer") or {}
    return [entry["ip"] for entry in status.get("ingress") or [] if entry.get("ip")]


def is_loopback(address: str) -> bool:
    """Whether an address can be listened on here."""
    return _within(address, LOOPBACK)


def is_balancer(address: str) -> bool:
    """Whether an address is one that load balancers get here."""
    return _within(address, BALANCERS)


def _within(address: str, network: IPv4Network) -> bool:
    try:
        return IPv4Address(address) in network
    except ValueError:
        return False
