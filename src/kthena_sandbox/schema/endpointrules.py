"""Rules of Endpoints, EndpointSlices and Events, in the words and the order of a kube-apiserver 1.34."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.reading import maps, text, texts

Document = dict[str, Any]
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_FAMILIES = {"FQDN": 0, "IPv4": 4, "IPv6": 6}
_NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def event_rules(event: Document) -> list[FieldError]:
    """An Event of the core group stands in the namespace of what it is about."""
    asked, own = text(event, "involvedObject.namespace"), text(event, "metadata.namespace")
    if asked == own or (not asked and own in {"", "default"}):
        return []
    detail = "does not match event.namespace"
    return [errors.invalid("involvedObject.namespace", asked, detail)]


def endpoints_rules(endpoints: Document) -> list[FieldError]:
    """The subsets of Endpoints."""
    return [
        error
        for index, subset in enumerate(maps(endpoints, "subsets"))
        for error in _subset(subset, f"subsets[{index}]")
    ]


def _subset(subset: Document, path: str) -> Iterator[FieldError]:
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        yield errors.required(path, "must specify `addresses` or `notReadyAddresses`")
    for field in ("addresses", "notReadyAddresses"):
        for index, address in enumerate(maps(subset, field)):
            yield from _address(address, f"{path}.{field}[{index}]")
    ports = maps(subset, "ports")
    for index, port in enumerate(ports):
        yield from _endpoints_port(port, f"{path}.ports[{index}]", named=len(ports) > 1)


def _address(address: Document, path: str) -> Iterator[FieldError]:
    value = text(address, "ip")
    if _version(value) is None:  # said by two validations
        yield errors.invalid(f"{path}.ip", value, _NO_ADDRESS)
    host = text(address, "hostname")
    for why in names.label_problems(host) if host else []:
        yield errors.invalid(f"{path}.hostname", host, why)
    if _version(value) is None:
        yield errors.invalid(f"{path}.ip", value, "must be a valid IP address")


def _endpoints_port(port: Document, path: str, *, named: bool) -> Iterator[FieldError]:
    name, number, protocol = text(port, "name"), port.get("port", 0), text(port, "protocol", "TCP")
    if named and not name:
        yield errors.required(f"{path}.name")
    for why in names.label_problems(name) if name else []:
        yield errors.invalid(f"{path}.name", name, why)
    for why in names.port_number_problems(number):
        yield errors.invalid(f"{path}.port", number, why)
    if protocol not in _PROTOCOLS:
        yield errors.not_supported(f"{path}.protocol", protocol, _PROTOCOLS)


def endpoint_slice_rules(endpoint_slice: Document) -> list[FieldError]:
    """The kind of addresses, the endpoints and the ports of an EndpointSlice."""
    kind = text(endpoint_slice, "addressType")
    found: list[FieldError] = []
    if not kind:
        found.append(errors.required("addressType"))
    elif kind not in _FAMILIES:
        found.append(errors.not_supported("addressType", kind, _FAMILIES))
    for index, endpoint in enumerate(maps(endpoint_slice, "endpoints")):
        found += _endpoint(endpoint, f"endpoints[{index}]", kind)
    seen: set[str] = set()
    for index, port in enumerate(maps(endpoint_slice, "ports")):
        found += _slice_port(port, f"ports[{index}]", seen)
    return found


def _endpoint(endpoint: Document, path: str, kind: str) -> Iterator[FieldError]:
    addresses = texts(endpoint, "addresses")
    if not addresses:
        yield errors.required(f"{path}.addresses", "must contain at least 1 address")
    for index, address in enumerate(addresses):
        place, found = f"{path}.addresses[{index}]", _version(address)
        if kind == "FQDN":
            problems = names.subdomain_problems(address)
            yield from (errors.invalid(place, address, why) for why in problems)
        elif found is None and kind in _FAMILIES:
            yield errors.invalid(place, address, _NO_ADDRESS)
        elif kind in _FAMILIES and found != _FAMILIES[kind]:
            yield errors.invalid(f"{path}.addresses", address, f"must be an {kind} address")
    host = text(endpoint, "hostname")
    for why in names.label_problems(host) if host else []:
        yield errors.invalid(f"{path}.hostname", host, why)


def _slice_port(port: Document, path: str, seen: set[str]) -> Iterator[FieldError]:
    name, protocol = text(port, "name"), text(port, "protocol", "TCP")
    for why in names.label_problems(name) if name else []:
        yield errors.invalid(f"{path}.name", name, why)
    if name in seen:
        yield errors.duplicate(f"{path}.name", name)
    seen.add(name)
    if protocol not in _PROTOCOLS:
        yield errors.not_supported(f"{path}.protocol", protocol, _PROTOCOLS)


def _version(text: str) -> int | None:
    """4 or 6 for an address of the Internet Protocol."""
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return None
