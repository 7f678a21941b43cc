"""Table rows of Services, Endpoints, EndpointSlices, Ingresses, their classes and NetworkPolicies."""

from datetime import datetime
from typing import Any

from kthena_sandbox.schema.labels import selector_text
from kthena_sandbox.schema.objectrows import age_of, name_of
from kthena_sandbox.schema.reading import maps, table_of, text, texts, whole

Document = dict[str, Any]
_SHOWN = 3


def service(entry: Document, now: datetime) -> list[Any]:
    """Service."""
    ports = ",".join(_service_port(port) for port in maps(entry, "spec.ports"))
    selector = table_of(entry, "spec.selector")
    return [
        name_of(entry),
        text(entry, "spec.type"),
        next(iter(texts(entry, "spec.clusterIPs")), "<none>"),
        _external_address(entry),
        ports or "<none>",
        age_of(entry, now),
        ",".join(f"{key}={selector[key]}" for key in sorted(selector)) or "<none>",
    ]


def _service_port(port: Document) -> str:
    node_port = whole(port, "nodePort")
    number = f"{whole(port, 'port')}:{node_port}" if node_port else str(whole(port, "port"))
    return f"{number}/{text(port, 'protocol')}"


def _external_address(entry: Document) -> str:
    external = texts(entry, "spec.externalIPs")
    match text(entry, "spec.type"):
        case "ClusterIP" | "NodePort":
            return ",".join(external) or "<none>"
        case "LoadBalancer":
            return ",".join([*_balancers(entry), *external]) or "<pending>"
        case "ExternalName":
            return text(entry, "spec.externalName")
        case _:
            return "<unknown>"


def _balancers(entry: Document) -> list[str]:
    given = [
        text(found, "ip") or text(found, "hostname")
        for found in maps(entry, "status.loadBalancer.ingress")
    ]
    return sorted({*filter(None, given)})


def _shortened(found: list[str], none: str) -> str:
    if not found:
        return none
    more = f" + {len(found) - _SHOWN} more..." if len(found) > _SHOWN else ""
    return ",".join(found[:_SHOWN]) + more


def endpoints(entry: Document, now: datetime) -> list[Any]:
    """Endpoints."""
    found = []
    for subset in maps(entry, "subsets"):
        addresses = [text(address, "ip") for address in maps(subset, "addresses")]
        ports = [whole(port, "port") for port in maps(subset, "ports")]
        found += [f"{address}:{port}" for port in ports for address in addresses]
        found += [] if ports else addresses
    none = "" if maps(entry, "subsets") else "<none>"
    return [name_of(entry), _shortened(found, none), age_of(entry, now)]


def endpoint_slice(entry: Document, now: datetime) -> list[Any]:
    """EndpointSlice."""
    ports = [
        str(port["port"]) if port.get("port") is not None else "*" for port in maps(entry, "ports")
    ]
    addresses = [found for slot in maps(entry, "endpoints") for found in texts(slot, "addresses")]
    return [
        name_of(entry),
        text(entry, "addressType"),
        _shortened(ports, "<unset>"),
        _shortened(addresses, "<unset>"),
        age_of(entry, now),
    ]


def ingress(entry: Document, now: datetime) -> list[Any]:
    """Ingress."""
    hosts = [host for rule in maps(entry, "spec.rules") if (host := text(rule, "host"))]
    return [
        name_of(entry),
        text(entry, "spec.ingressClassName", "<none>"),
        _shortened(hosts, "*"),
        ",".join(_balancers(entry)),
        "80, 443" if maps(entry, "spec.tls") else "80",
        age_of(entry, now),
    ]


def ingress_class(entry: Document, now: datetime) -> list[Any]:
    """IngressClass."""
    parameters = table_of(entry, "spec.parameters")
    kind = ".".join(filter(None, (text(parameters, "kind"), text(parameters, "apiGroup"))))
    shown = f"{kind}/{text(parameters, 'name')}" if parameters else "<none>"
    return [name_of(entry), text(entry, "spec.controller"), shown, age_of(entry, now)]


def network_policy(entry: Document, now: datetime) -> list[Any]:
    """NetworkPolicy."""
    selector = selector_text(table_of(entry, "spec.podSelector"))
    return [name_of(entry), selector or "<none>", age_of(entry, now)]


def ip_address(entry: Document, _: datetime) -> list[Any]:
    """IPAddress."""
    parent = table_of(entry, "spec.parentRef")
    parts = (text(parent, name) for name in ("resource", "namespace", "name"))
    group = text(parent, "group")
    shown = "/".join(part for part in parts if part)
    return [name_of(entry), f"{group}/{shown}" if group else shown]


def service_range(entry: Document, now: datetime) -> list[Any]:
    """ServiceCIDR."""
    return [name_of(entry), ",".join(texts(entry, "spec.cidrs")), age_of(entry, now)]
