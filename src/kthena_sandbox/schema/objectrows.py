"""Table rows of Namespaces, Nodes, Events, Leases, Secrets, ConfigMaps and the kinds of RBAC."""

from datetime import datetime
from typing import Any

from kthena_sandbox.schema.ages import UNKNOWN, age, human_duration
from kthena_sandbox.schema.reading import at, maps, table_of, text, whole

Document = dict[str, Any]
_ROLE = "node-role.kubernetes.io/"


def name_of(entry: Document) -> str:
    """metadata.name."""
    return text(entry, "metadata.name")


def age_of(entry: Document, now: datetime) -> str:
    """The time since the object was created."""
    return age(at(entry, "metadata.creationTimestamp"), now)


def dated(entry: Document, _: datetime) -> list[Any]:
    """Kinds without columns of their own."""
    return [name_of(entry), at(entry, "metadata.creationTimestamp")]


def config_map(entry: Document, now: datetime) -> list[Any]:
    """ConfigMap."""
    size = len(table_of(entry, "data")) + len(table_of(entry, "binaryData"))
    return [name_of(entry), size, age_of(entry, now)]


def secret(entry: Document, now: datetime) -> list[Any]:
    """Secret."""
    size = len(table_of(entry, "data"))
    return [name_of(entry), text(entry, "type"), size, age_of(entry, now)]


def service_account(entry: Document, now: datetime) -> list[Any]:
    """ServiceAccount."""
    return [name_of(entry), len(maps(entry, "secrets")), age_of(entry, now)]


def resource_quota(entry: Document, now: datetime) -> list[Any]:
    """ResourceQuota: what is used of what there is, once a controller has told."""
    hard, used = table_of(entry, "status.hard"), table_of(entry, "status.used")
    shown = {name: f"{name}: {used.get(name, '0')}/{hard[name]}" for name in sorted(hard)}
    limits = [text for name, text in shown.items() if name.startswith("limits.")]
    requests = [text for name, text in shown.items() if not name.startswith("limits.")]
    return [name_of(entry), ", ".join(requests), ", ".join(limits), age_of(entry, now)]


def namespace(entry: Document, now: datetime) -> list[Any]:
    """Namespace."""
    return [name_of(entry), text(entry, "status.phase"), age_of(entry, now)]


def lease(entry: Document, now: datetime) -> list[Any]:
    """Lease."""
    return [name_of(entry), text(entry, "spec.holderIdentity"), age_of(entry, now)]


def node(entry: Document, now: datetime) -> list[Any]:
    """Node."""
    addresses = {
        text(found, "type"): text(found, "address") for found in maps(entry, "status.addresses")
    }
    info = table_of(entry, "status.nodeInfo")
    return [
        name_of(entry),
        _node_status(entry),
        _node_roles(entry),
        age_of(entry, now),
        text(info, "kubeletVersion"),
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        *(
            text(info, field, UNKNOWN)
            for field in ("osImage", "kernelVersion", "containerRuntimeVersion")
        ),
    ]


def _node_status(entry: Document) -> str:
    ready = [found for found in maps(entry, "status.conditions") if found.get("type") == "Ready"]
    status = "Unknown"
    if ready:
        status = "Ready" if ready[-1].get("status") == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if at(entry, "spec.unschedulable") else status


def _node_roles(entry: Document) -> str:
    roles = set()
    for key, value in table_of(entry, "metadata.labels").items():
        if key.startswith(_ROLE) and len(key) > len(_ROLE):
            roles.add(key.removeprefix(_ROLE))
        elif key == "kubernetes.io/role" and value:
            roles.add(str(value))
    return ",".join(sorted(roles)) or "<none>"


def event(entry: Document, now: datetime) -> list[Any]:
    """Event, in the form of either of its two APIs."""
    first = age(
        at(entry, "firstTimestamp")
        or at(entry, "deprecatedFirstTimestamp")
        or at(entry, "eventTime"),
        now,
    )
    last_time = at(entry, "lastTimestamp") or at(entry, "deprecatedLastTimestamp")
    last = age(last_time, now) if last_time else first
    count = whole(entry, "count") or whole(entry, "deprecatedCount") or 1
    if series := table_of(entry, "series"):
        last, count = age(series.get("lastObservedTime"), now), whole(series, "count")
    subject = table_of(entry, "involvedObject") or table_of(entry, "regarding")
    message = text(entry, "message") or text(entry, "note")
    return [
        last,
        text(entry, "type"),
        text(entry, "reason"),
        "/".join(filter(None, (text(subject, "kind").lower(), text(subject, "name")))),
        text(subject, "fieldPath"),
        _event_source(entry),
        message.strip(),
        first,
        count,
        name_of(entry),
    ]


def _event_source(entry: Document) -> str:
    source = table_of(entry, "source") or table_of(entry, "deprecatedSource")
    component = (
        text(source, "component")
        or text(entry, "reportingComponent")
        or text(entry, "reportingController")
    )
    instance = text(source, "host") or text(entry, "reportingInstance")
    return ", ".join(filter(None, (component, instance)))


def role_binding(entry: Document, now: datetime) -> list[Any]:
    """RoleBinding and ClusterRoleBinding."""
    role = f"{text(entry, 'roleRef.kind')}/{text(entry, 'roleRef.name')}"
    subjects = maps(entry, "subjects")
    users, groups = (
        [text(found, "name") for found in subjects if found.get("kind") == kind]
        for kind in ("User", "Group")
    )
    accounts = [
        f"{text(found, 'namespace')}/{text(found, 'name')}"
        for found in subjects
        if found.get("kind") == "ServiceAccount"
    ]
    listed = [", ".join(found) for found in (users, groups, accounts)]
    return [name_of(entry), role, age_of(entry, now), *listed]


def priority_class(entry: Document, now: datetime) -> list[Any]:
    """PriorityClass."""
    value, is_default = whole(entry, "value"), at(entry, "globalDefault") is True
    policy = text(entry, "preemptionPolicy")
    return [name_of(entry), value, is_default, age_of(entry, now), policy]


def runtime_class(entry: Document, now: datetime) -> list[Any]:
    """RuntimeClass."""
    return [name_of(entry), text(entry, "handler"), age_of(entry, now)]


def signing_request(entry: Document, now: datetime) -> list[Any]:
    """CertificateSigningRequest."""
    seconds = whole(entry, "spec.expirationSeconds")
    return [
        name_of(entry),
        age_of(entry, now),
        text(entry, "spec.signerName", "<none>"),
        text(entry, "spec.username"),
        human_duration(seconds) if seconds else "<none>",
        _verdict(entry),
    ]


def _verdict(request: Document) -> str:
    given = {text(condition, "type") for condition in maps(request, "status.conditions")}
    said = [
        next(({one} for one in ("Denied", "Approved") if one in given), {"Pending"}),
        {"Failed"} & given,
        {"Issued"} if text(request, "status.certificate") else set(),
    ]
    return ",".join(name for names in said for name in names)
