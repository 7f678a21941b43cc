"""The endpoints of a Service from its pods, and the EndpointSlices that list them. Pure.

After "EndpointSlices" in the Kubernetes documentation and KEP-1672 (terminating endpoints).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.controllers.ownership import labels_of, reference_to
from kthena_sandbox.kinds import Document, is_leaving

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
_ZONE = "topology.kubernetes.io/zone"
MIRRORING = "endpointslicemirroring-controller.k8s.io"
TOO_MANY = (
    "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. "
    "{} addresses were skipped"
)
_FULL = 100
_FULL_MIRROR = 1000
_FINISHED = {"Succeeded", "Failed"}

Ports = tuple[tuple[str, str, int, str], ...]  # name, protocol, number, application protocol


def selects_pods(service: Document) -> bool:
    """Whether its endpoints are the pods of a selector; the others' are written by somebody else."""
    return bool(service["spec"].get("selector"))


def is_elsewhere(service: Document) -> bool:
    """Whether it is a name outside: what was listed for it before stays as it is."""
    return bool(service["spec"].get("type") == "ExternalName")


def is_selected(service: Document, pod: Document) -> bool:
    """Whether a pod of the Service's namespace belongs to it."""
    wanted = service["spec"].get("selector") or {}
    return bool(wanted) and wanted.items() <= labels_of(pod).items()


def pods_of(service: Document, pods: Iterable[Document]) -> list[Document]:
    """The Service's pods that have an address and have not ended, by name."""
    namespace = service["metadata"]["namespace"]
    found = [
        pod for pod in pods
        if pod["metadata"]["namespace"] == namespace and is_selected(service, pod)
        and (pod.get("status") or {}).get("podIP")
        and pod["status"].get("phase") not in _FINISHED
    ]  # fmt: skip
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def ports_for(service: Document, pod: Document) -> Ports:
    """The Service's ports at this pod; a named target that the pod lacks is left out."""
    found = []
    for port in service["spec"].get("ports") or []:
        number = _number(port, pod)
        if number:
            protocol = port.get("protocol", "TCP")
            found.append((port.get("name", ""), protocol, number, port.get("appProtocol", "")))
    return tuple(found)


def _number(port: Document, pod: Document) -> int:
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for entry in container.get("ports") or []:
            alike = entry.get("protocol", "TCP") == port.get("protocol", "TCP")
            if entry.get("name") == target and alike:
                return int(entry["containerPort"])
    return 0


def endpoint_of(service: Document, pod: Document, zones: Mapping[str, str]) -> Document:
    """A pod as an endpoint; `zones` by the names of nodes."""
    serving, terminating = is_true(pod, "Ready"), is_leaving(pod)
    unready_too = bool(service["spec"].get("publishNotReadyAddresses"))
    node = pod["spec"].get("nodeName", "")
    endpoint: dict[str, Any] = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": unready_too or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": target_of(pod),
    }
    zone = zones.get(node, "")
    optional: dict[str, Any] = {"nodeName": node, "zone": zone, "hostname": hostname(service, pod)}
    optional |= {"hints": _hints(service, zone, node)}
    return endpoint | {name: value for name, value in optional.items() if value}


def _hints(service: Document, zone: str, node: str) -> dict[str, Any]:
    """For whom an endpoint is meant, as `trafficDistribution` of the Service asks."""
    wish = service["spec"].get("trafficDistribution", "")
    zones = {"forZones": [{"name": zone}]} if zone and wish else {}
    nodes = {"forNodes": [{"name": node}]} if node and wish == "PreferSameNode" else {}
    return zones | nodes


def target_of(pod: Document) -> Document:
    """The reference from an endpoint to its pod."""
    metadata = pod["metadata"]
    return {
        "kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"],
        "uid": metadata["uid"],
    }  # fmt: skip


def hostname(service: Document, pod: Document) -> str:
    """The pod's host name where the Service is its subdomain, as for the pods of a StatefulSet."""
    spec = pod["spec"]
    within = spec.get("subdomain") == service["metadata"]["name"]
    return str(spec.get("hostname") or "") if within else ""


def zones_of(nodes: Iterable[Document]) -> dict[str, str]:
    """The zone of every node that says one."""
    return {node["metadata"]["name"]: labels_of(node).get(_ZONE, "") for node in nodes}


def is_headless(service: Document) -> bool:
    """Whether it has no address of its own."""
    return (service.get("spec") or {}).get("clusterIP") == "None"


def labels_for(service: Document) -> dict[str, str]:
    """What its slices and Endpoints are labelled with: its own labels, and whether it is headless."""
    given = {key: value for key, value in labels_of(service).items() if key != HEADLESS}
    return given | ({HEADLESS: ""} if is_headless(service) else {})


@dataclass
class Plan:
    """What to do to a Service's slices."""

    create: list[Document] = field(default_factory=list)
    update: list[Document] = field(default_factory=list)
    delete: list[Document] = field(default_factory=list)


def plan_slices(
    service: Document,
    wanted: Mapping[Ports, Sequence[Document]],
    present: Iterable[Document],
    manager: str = CONTROLLER,
) -> Plan:
    """Change as few slices as possible: endpoints stay where they are, new ones fill what has room.

    `wanted` has the endpoints of each set of ports; a Service without any keeps one empty slice. Slices that are not
    needed any more are filled with what needs new ones.
    """
    plan = Plan()
    groups = dict(wanted) or {(): ()}
    by_ports: dict[Ports, list[Document]] = {ports: [] for ports in groups}
    for entry in sorted(present, key=lambda entry: str(entry["metadata"]["name"])):
        by_ports.setdefault(_ports_in(entry), []).append(entry)
    for ports, slices in by_ports.items():
        if ports not in groups:
            plan.delete += slices
            continue
        full = _FULL_MIRROR if manager == MIRRORING else _FULL
        chunks = list(_distribute(groups[ports], slices, full))
        for document, endpoints in chunks:
            _decide(plan, service, (document, ports, endpoints), manager)
    while plan.create and plan.delete:
        before, after = plan.delete.pop(0), plan.create.pop()
        prefix = after["metadata"]["generateName"]
        merged = _merged(before, after)
        plan.update.append(merged | {"metadata": merged["metadata"] | {"generateName": prefix}})
    return plan


def _decide(
    plan: Plan,
    service: Document,
    chunk: tuple[Document | None, Ports, list[Document]],
    manager: str,
) -> None:
    before, ports, endpoints = chunk
    if before is not None and not endpoints and ports:
        plan.delete.append(before)
        return
    after = _slice(service, ports, endpoints, manager)
    if before is None:
        plan.create.append(after)
    elif not _is_same(before, after):
        merged = _merged(before, after)
        if manager == MIRRORING:  # which writes it anew under the name that it has
            merged["metadata"].pop("generateName", None)
        plan.update.append(merged)


def _distribute(
    endpoints: Sequence[Document], slices: Sequence[Document], full: int
) -> Iterator[tuple[Document | None, list[Document]]]:
    left = {_identity(entry): entry for entry in endpoints}
    filled: list[tuple[Document | None, list[Document]]] = []
    for document in slices:
        kept = [_identity(entry) for entry in document.get("endpoints") or []]
        filled.append((document, [left.pop(name) for name in kept if name in left]))
    rest = list(left.values())
    for _, listed in filled:
        room = full - len(listed)
        listed.extend(rest[:room])
        rest = rest[room:]
    filled += [(None, rest[start : start + full]) for start in range(0, len(rest), full)]
    yield from filled or [(None, [])]


def _identity(endpoint: Document) -> tuple[Any, ...]:
    return (tuple(endpoint["addresses"]), (endpoint.get("targetRef") or {}).get("uid"))


def _ports_in(document: Document) -> Ports:
    return tuple(
        (entry.get("name", ""), entry.get("protocol", "TCP"), int(entry.get("port") or 0),
         entry.get("appProtocol", ""))
        for entry in document.get("ports") or []
    )  # fmt: skip


def _slice(
    service: Document, ports: Ports, endpoints: Sequence[Document], manager: str
) -> Document:
    name = service["metadata"]["name"]
    own = {SERVICE_NAME: name, MANAGED_BY: manager}
    return {
        "metadata": {
            "generateName": f"{name}-",
            "namespace": service["metadata"]["namespace"],
            "labels": labels_for(service) | own,
            "ownerReferences": [reference_to(service)],
        },
        "addressType": "IPv4",
        "endpoints": list(endpoints),
        "ports": [
            {"name": label, "protocol": protocol, "port": number}
            | ({"appProtocol": application} if application else {})
            for label, protocol, number, application in ports
        ],
    }


def _is_same(before: Document, after: Document) -> bool:
    same = all((before.get(name) or []) == after[name] for name in ("endpoints", "ports"))
    return same and labels_of(before) == labels_of(after)


def _merged(before: Document, after: Document) -> Document:
    metadata = before["metadata"] | {
        "labels": after["metadata"]["labels"],
        "ownerReferences": after["metadata"]["ownerReferences"],
    }
    return before | {
        "metadata": metadata, "endpoints": after["endpoints"], "ports": after["ports"],
    }  # fmt: skip


def subsets_of(service: Document, pods: Iterable[Document]) -> list[Document]:
    """The subsets of the Service's Endpoints: addresses with the same ports stand together."""
    groups: dict[Ports, tuple[list[Document], list[Document]]] = {}
    for pod in pods:
        early = bool(service["spec"].get("publishNotReadyAddresses"))
        if is_leaving(pod) and not early:  # unlike slices, which tell that it is leaving
            continue
        ready, unready = groups.setdefault(ports_for(service, pod), ([], []))
        (ready if early or is_true(pod, "Ready") else unready).append(_address(service, pod))
    return [
        _subset(ports, *addresses) for ports, addresses in sorted(groups.items())
        if ports or (is_headless(service) and not service["spec"].get("ports"))
    ]  # fmt: skip


def _address(service: Document, pod: Document) -> Document:
    optional = {"hostname": hostname(service, pod), "nodeName": pod["spec"].get("nodeName", "")}
    address = {"ip": pod["status"]["podIP"], "targetRef": target_of(pod)}
    return address | {name: value for name, value in optional.items() if value}


def _subset(ports: Ports, ready: list[Document], unready: list[Document]) -> Document:
    listed = [
        {"port": number, "protocol": protocol} | ({"name": name} if name else {})
        | ({"appProtocol": application} if application else {})
        for name, protocol, number, application in ports
    ]  # fmt: skip
    fields = {"addresses": ready, "notReadyAddresses": unready, "ports": listed}
    return {name: value for name, value in fields.items() if value}


def service_of(document: Document) -> str:
    """The Service that a slice belongs to, "" where it says none."""
    return str(labels_of(document).get(SERVICE_NAME, ""))


def is_managed(document: Document, manager: str = CONTROLLER) -> bool:
    """Whether a slice is the business of one of the controllers."""
    return labels_of(document).get(MANAGED_BY) == manager


def mirrored(endpoints: Document) -> tuple[dict[Ports, list[Document]], int]:
    """Endpoints that somebody wrote by hand, as the endpoints of slices, and how many are too many."""
    wanted: dict[Ports, list[Document]] = {}
    skipped = 0
    for subset in endpoints.get("subsets") or []:
        found = [
            _mirrored(entry, is_ready)
            for name, is_ready in (("addresses", True), ("notReadyAddresses", False))
            for entry in subset.get(name) or []
        ]
        wanted.setdefault(_ports_in(subset), []).extend(found[:_FULL_MIRROR])
        skipped += max(0, len(found) - _FULL_MIRROR)
    return wanted, skipped


def _mirrored(address: Document, is_ready: bool) -> Document:
    endpoint = {"addresses": [address["ip"]], "conditions": {"ready": is_ready}}
    names = ("hostname", "nodeName", "targetRef")
    return endpoint | {name: address[name] for name in names if address.get(name)}
