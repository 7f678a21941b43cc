"""What the API server does to Services: cluster addresses from 127.96.0.0/16 and node ports.

As Kubernetes does, it draws them from the upper part of their ranges (KEP-3070 and KEP-3668), here by the Service's
uid: two sandboxes on one machine, which share its loopback, hardly ever draw the same.
"""

import hashlib
from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from kthena_sandbox.apiserver.errors import Cause, internal
from kthena_sandbox.apiserver.families import families, family_causes
from kthena_sandbox.apiserver.surroundings import Surroundings

Document = dict[str, Any]

RANGE = IPv4Network("127.96.0.0/16")
KUBERNETES = str(RANGE[1])  # of the Service through which pods find the API server
NODE_PORTS = range(30000, 32768)
# What lies below is for Services that ask for a number.
_DRAWN_ADDRESSES = range(int(RANGE[256]), int(RANGE[-1]))
_DRAWN_PORTS = range(30086, 32768)
_DEFAULTS = {"internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "type": "ClusterIP"}
_ADDRESS_FIELDS = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


def create(service: Document, surroundings: Surroundings) -> Document:
    """A new Service with its address and node ports, and the fields that follow from them.

    An address or `None` (headless) chosen by the client stays; ExternalName has none.
    """
    spec = service.get("spec")
    if not isinstance(spec, dict):
        return service
    others = list(surroundings.services())
    return service | {
        "spec": _allocated(spec, others, _uid(service)),
        "status": {"loadBalancer": {}},
    }


def update(service: Document, old: Document, surroundings: Surroundings) -> Document:
    """A changed Service: what was allocated stays with it as long as its type has a use for it."""
    spec, before = service.get("spec"), old["spec"]
    if not isinstance(spec, dict):
        return service
    if _has_address(spec):
        names = (name for name in _ADDRESS_FIELDS if name in before and not spec.get(name))
        spec = spec | {name: before[name] for name in names}
        if spec.get("clusterIP") != (spec.get("clusterIPs") or [None])[0]:
            spec = spec | {"clusterIPs": [spec.get("clusterIP")]}
    else:
        spec = _without(spec, before, _ADDRESS_FIELDS)
    spec = _with_earlier_ports(_without_unused(spec, before), before)
    if _has_health_port(spec) and before.get("healthCheckNodePort"):
        spec = {"healthCheckNodePort": before["healthCheckNodePort"]} | spec
    uid = _uid(old)
    others = [entry for entry in surroundings.services() if _uid(entry) != uid]
    changed = service | {"spec": _allocated(spec, others, uid)}
    return changed if spec.get("type") == "LoadBalancer" else _without_ingress(changed)


def _has_health_port(spec: Document) -> bool:
    """Whether load balancers ask each node if it has endpoints (`externalTrafficPolicy: Local`)."""
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def shown(service: Document) -> Document:
    """A Service as it is read: one with an external name keeps its policy for internal traffic, and does not show it."""
    spec = service.get("spec") or {}
    if spec.get("type") != "ExternalName" or "internalTrafficPolicy" not in spec:
        return service
    return service | {"spec": {k: v for k, v in spec.items() if k != "internalTrafficPolicy"}}


def _without(spec: Document, before: Document, names: Iterable[str]) -> Document:
    """Without the fields that are only there because they were there before."""
    dropped = {name for name in names if spec.get(name) == before.get(name)}
    return {name: value for name, value in spec.items() if name not in dropped}


def _without_unused(spec: Document, before: Document) -> Document:
    """Without the fields that belonged to the type that it had before."""
    if not _has_node_ports(spec):
        reached = spec.get("type") != "ExternalName" and spec.get("externalIPs")
        spec = spec if reached else _without(spec, before, ("externalTrafficPolicy",))
        if spec.get("ports") and _node_ports(spec) == _node_ports(before):
            spec = spec | {"ports": [_without_node_port(port) for port in _ports(spec)]}
    if not _has_health_port(spec):
        spec = _without(spec, before, ("healthCheckNodePort",))
    if spec.get("type") != "LoadBalancer":
        spec = _without(spec, before, ("allocateLoadBalancerNodePorts", "loadBalancerClass"))
    return spec


def _without_node_port(port: Document) -> Document:
    return {name: value for name, value in port.items() if name != "nodePort"}


def _with_earlier_ports(spec: Document, before: Document) -> Document:
    """Node ports belong to the names of ports."""
    if not _has_node_ports(spec):
        return spec
    known = {port.get("name"): port["nodePort"] for port in _ports(before) if port.get("nodePort")}
    taken = set(_node_ports(spec))
    ports = []
    for port in _ports(spec):
        number = known.get(port.get("name"))
        if not port.get("nodePort") and number is not None and number not in taken:
            port = port | {"nodePort": number}  # noqa: PLW2901  the port with what it had
        ports.append(port)
    return spec | {"ports": ports}


def _without_ingress(service: Document) -> Document:
    status = service.get("status") or {}
    return service | {"status": status | {"loadBalancer": {}}}


def _uid(service: Document) -> str:
    return str(service["metadata"]["uid"])


def _allocated(spec: Document, others: list[Document], uid: str) -> Document:
    if not _has_address(spec):
        return {"sessionAffinity": "None"} | spec
    address = spec.get("clusterIP") or free_address(_addresses(others), uid)
    chosen: Document = {"clusterIP": address, "clusterIPs": [address]}
    filled: Document = _DEFAULTS | spec | families(spec) | chosen
    if not _has_node_ports(filled):
        return filled
    if filled.get("allocateLoadBalancerNodePorts") is False:
        return _with_health_port(filled, _all_node_ports(others), uid)
    filled |= {"ports": _with_node_ports(_ports(filled), _all_node_ports(others), uid)}
    return _with_health_port(filled, _all_node_ports(others), uid)


def _with_health_port(spec: Document, taken: set[int], uid: str) -> Document:
    if not _has_health_port(spec) or spec.get("healthCheckNodePort"):
        return spec
    taken = taken | set(_node_ports(spec))
    free = next(number for number in drawn(_DRAWN_PORTS, uid) if number not in taken)
    return spec | {"healthCheckNodePort": free}


def _with_node_ports(ports: list[Document], taken: set[int], uid: str) -> list[Document]:
    taken = taken | {port["nodePort"] for port in ports if port.get("nodePort")}
    free = (number for number in drawn(_DRAWN_PORTS, uid) if number not in taken)
    return [port if port.get("nodePort") else port | {"nodePort": next(free)} for port in ports]


def free_address(taken: set[str], uid: str) -> str:
    """An address that no Service has."""
    candidates = (str(IPv4Address(number)) for number in drawn(_DRAWN_ADDRESSES, uid))
    return next(address for address in candidates if address not in taken)


def drawn(numbers: range, uid: str) -> Iterator[int]:
    """All numbers, beginning with one that the uid determines."""
    start = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8], "big")
    return (numbers[(start + step) % len(numbers)] for step in range(len(numbers)))


def check(service: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """What is wrong with the addresses, their families and node ports that a client chose."""
    spec = service.get("spec")
    if not isinstance(spec, dict) or not _has_address(spec):
        return []
    before = (old or {}).get("spec") or {}
    chosen = old is None or not _has_address(before)
    causes = _malformed(spec["clusterIP"]) if chosen else _moved(spec, before)
    return (family_causes(spec) or causes) + _health_causes(spec, before) + _needless_ports(spec)


def _health_causes(spec: Document, before: Document) -> list[Cause]:
    field, port = "spec.healthCheckNodePort", spec.get("healthCheckNodePort")
    if port and not _has_health_port(spec):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        return [Cause("FieldValueInvalid", f"Invalid value: {port}: {why}", field)]
    if _has_health_port(before) and _has_health_port(spec) and port != before.get("healthCheckNodePort"):  # fmt: skip
        return [Cause("FieldValueForbidden", "Forbidden: field is immutable", field)]
    return []


def check_allocation(
    service: Document, old: Document | None, surroundings: Surroundings
) -> list[Cause]:
    """Which of the addresses and node ports that a client chose cannot be had. Raises ApiError 500."""
    spec, before = service.get("spec") or {}, (old or {}).get("spec") or {}
    if not _has_address(spec):
        return []
    others = [one for one in surroundings.services() if _uid(one) != _uid(service)]
    if old is None or not _has_address(before):
        if spec["clusterIP"] != "None" and not service["metadata"].get("name") and not surroundings.dry_run:  # fmt: skip
            # a kube-apiserver keeps addresses under the name of their Service, and so finds none for it
            raise internal("failed to allocate a serviceIP: range is full")
        if causes := _address_causes(spec, others, tried=surroundings.dry_run):
            return causes
    if surroundings.dry_run:
        return []
    taken = _all_node_ports(others)
    if causes := _node_port_causes(spec, before, taken):
        return causes
    health = spec.get("healthCheckNodePort")
    if health in taken | set(_node_ports(spec)) and health != before.get("healthCheckNodePort"):
        why = "provided port is already allocated"
        raise internal(f"failed to allocate requested HealthCheck NodePort {health}: {why}")
    return []


def _moved(spec: Document, before: Document) -> list[Cause]:
    address = spec["clusterIP"]
    if before.get("clusterIP") in {None, address}:
        return []
    return _malformed(address) or [
        _bad_address("spec.clusterIPs[0]", address, "may not change once set")
    ]


def _malformed(address: str) -> list[Cause]:
    try:
        IPv4Address("127.0.0.1" if address == "None" else address)
    except AddressValueError:
        why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        text = f'Invalid value: "{address}": {why}'
        return [Cause("FieldValueInvalid", text, "spec.clusterIPs[0]")]
    return []


def _address_causes(spec: Document, others: list[Document], *, tried: bool) -> list[Cause]:
    address = spec["clusterIP"]
    if address == "None":
        return []
    if malformed := _malformed(address):
        return malformed
    why = ""
    if IPv4Address(address) not in RANGE:
        why = "the provided network does not match the current range"
        if tried:
            why = f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {RANGE}"
    elif address in _addresses(others):
        why = "provided IP is already allocated"
    failed = f"failed to allocate IP {address}: {why}"
    return [_bad_address("spec.clusterIPs", address, failed)] if why else []


def _bad_address(field: str, address: str, why: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: ["{address}"]: {why}', field)


def _needless_ports(spec: Document) -> list[Cause]:
    if _has_node_ports(spec):
        return []
    text = f"Forbidden: may not be used when `type` is '{spec['type']}'"
    return [
        Cause("FieldValueForbidden", text, f"spec.ports[{index}].nodePort")
        for index, port in enumerate(_ports(spec))
        if port.get("nodePort")
    ]


def _node_port_causes(spec: Document, before: Document, taken: set[int]) -> list[Cause]:
    causes = []
    kept = _node_ports(before)
    for index, port in enumerate(_ports(spec) if _has_node_ports(spec) else ()):
        number, field = port.get("nodePort"), f"spec.ports[{index}].nodePort"
        if number and number not in NODE_PORTS:
            why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
            causes.append(Cause("FieldValueInvalid", f"Invalid value: {number}: {why}", field))
        elif number in taken and number not in kept:
            text = f"Invalid value: {number}: provided port is already allocated"
            causes.append(Cause("FieldValueInvalid", text, field))
    return causes


def _has_address(spec: Document) -> bool:
    return spec.get("type") != "ExternalName"


def _has_node_ports(spec: Document) -> bool:
    return spec.get("type") in {"NodePort", "LoadBalancer"}


def _ports(spec: Document) -> list[Document]:
    ports = spec.get("ports")
    return [port for port in ports if isinstance(port, dict)] if isinstance(ports, list) else []


def _node_ports(spec: Document) -> list[int]:
    return [port["nodePort"] for port in _ports(spec) if port.get("nodePort")]


def _all_node_ports(services: Iterable[Document]) -> set[int]:
    specs = [entry.get("spec") or {} for entry in services]
    health = {spec["healthCheckNodePort"] for spec in specs if spec.get("healthCheckNodePort")}
    return health | {number for spec in specs for number in _node_ports(spec)}


def _addresses(services: Iterable[Document]) -> set[str]:
    return {(entry.get("spec") or {}).get("clusterIP", "") for entry in services}
