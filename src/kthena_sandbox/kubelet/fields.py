"""What a pod tells its containers about itself: `fieldRef` and `resourceFieldRef`. Pure.

https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

import json
import re
from decimal import ROUND_CEILING, Decimal

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.podstatus import HOST_ADDRESS
from kthena_sandbox.kubelet.references import ConfigError
from kthena_sandbox.schema.quantities import parse_quantity

ALLOCATABLE = {"cpu": "1000", "memory": "1000Gi", "pods": "10000", "ephemeral-storage": "1000Gi"}
_ONE_OF_MANY = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def field_of(path: str, pod: Document, address: str) -> str:
    """The value of a `fieldRef`. Raises ConfigError."""
    metadata, spec = pod["metadata"], pod["spec"]
    simple = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": HOST_ADDRESS,
        "status.hostIPs": HOST_ADDRESS,
    }
    match = _ONE_OF_MANY.fullmatch(path)
    if match is not None:
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path not in simple:
        raise ConfigError(f"fieldPath {path} is not supported in the sandbox")
    return str(simple[path])


def file_of(path: str, pod: Document, address: str) -> str:
    """The same for a file of a volume, where all labels or annotations may be asked for: `key="value"` in lines."""
    if path in {"metadata.labels", "metadata.annotations"}:
        entries = pod["metadata"].get(path.partition(".")[2]) or {}
        quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in entries.items()}
        return "\n".join(f"{key}={value}" for key, value in sorted(quoted.items()))
    return field_of(path, pod, address)


def resource_of(reference: Document, container: Document) -> str:
    """The value of a `resourceFieldRef`: in units of its divisor, rounded up. Raises ConfigError.

    A limit that is not set is that of the node.
    """
    resource = str(reference["resource"])
    group, _, name = resource.partition(".")
    given = (container.get("resources") or {}).get(group) or {}
    if group == "requests":
        given = (container.get("resources") or {}).get("limits", {}) | given
    fallback = ALLOCATABLE.get(name, "0") if group == "limits" else "0"
    amount = parse_quantity(str(given.get(name, fallback)))
    divisor = parse_quantity(str(reference.get("divisor") or "0")) or Decimal(1)
    if group not in {"limits", "requests"} or amount is None:
        raise ConfigError(f"unsupported container resource : {resource}")
    return str((amount / divisor).to_integral_value(rounding=ROUND_CEILING))
