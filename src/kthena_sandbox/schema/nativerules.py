"""Rules of Services, ConfigMaps, Secrets, Leases that no schema expresses.

They are asked only about objects whose fields have the types of the schema.
"""

import base64
import json
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.gojson import json_problem
from kthena_sandbox.schema.selectorrules import label_rules, selector_rules
from kthena_sandbox.schema.workloadrules import amount_rules, at_most_all

Document = dict[str, Any]
_NO_PORT = {
    "Name": "", "Protocol": "", "AppProtocol": None, "Port": 0, "TargetPort": 0, "NodePort": 0,
}  # fmt: skip
_SERVICE_CHOICES = {
    "sessionAffinity": ["ClientIP", "None"],
    "type": ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
}
_EVICTION_POLICIES = ("AlwaysAllow", "IfHealthyBudget")
_MOST_BYTES = 1024 * 1024
_ACCOUNT = "kubernetes.io/service-account.name"
_BASIC = {"username", "password"}
_REQUIRED = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON = {
    name: _REQUIRED[name] for name in ("kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson")
}


def data_rules(document: Document) -> list[FieldError]:
    """Keys of a ConfigMap or Secret, that no key stands in both maps of a ConfigMap, and the size of the whole."""
    found = []
    for field in ("data", "binaryData"):
        for key in sorted(document.get(field) or {}):
            path = f"{field}[{key}]"
            found += [errors.invalid(path, key, why) for why in names.config_key_problems(key)]
            if field == "data" and key in (document.get("binaryData") or {}):
                found.append(errors.invalid(path, key, "duplicate of key present in binaryData"))
    if _size(document) > _MOST_BYTES:
        path = "data" if document.get("kind") == "Secret" else "[]"
        found.append(errors.too_long(path, _MOST_BYTES))
    return found


def secret_rules(secret: Document) -> list[FieldError]:
    """Data, and what the types of Secrets that Kubernetes knows must have."""
    data, kind = secret.get("data") or {}, secret.get("type", "")
    found = data_rules(secret)
    if kind == "kubernetes.io/service-account-token":
        annotations = (secret.get("metadata") or {}).get("annotations") or {}
        if not annotations.get(_ACCOUNT):
            found.append(errors.required(f"metadata.annotations[{_ACCOUNT}]"))
    if kind == "kubernetes.io/basic-auth" and not _BASIC & set(data):
        found += [errors.required(f"data[{name}]") for name in ("username", "password")]
    found += [
        errors.required(f"data[{name}]") for name in _REQUIRED.get(kind, ()) if name not in data
    ]
    for name in _JSON.get(kind, ()):
        if name in data and (why := _json_problem(data[name])):
            hidden = "<secret contents redacted>"
            found.append(errors.invalid(f"data[{name}]", hidden, why))
    return found


def _json_problem(encoded: str) -> str:
    return json_problem(base64.b64decode(encoded).decode(errors="replace"))


def _size(document: Document) -> int:
    """The bytes of all values; binary ones stand there in base64."""
    secret = document.get("kind") == "Secret"
    texts = (document.get("data") or {}).values()
    encoded = [*texts] if secret else [*(document.get("binaryData") or {}).values()]
    plain = 0 if secret else sum(len(text.encode()) for text in texts)
    return int(plain + sum(len(text) * 3 // 4 - text[-2:].count("=") for text in encoded))


def lease_rules(lease: Document) -> list[FieldError]:
    """Durations above zero, transitions not below."""
    spec = lease.get("spec") or {}
    found = []
    duration = spec.get("leaseDurationSeconds")
    if duration is not None and duration <= 0:
        path = "spec.leaseDurationSeconds"
        found.append(errors.invalid(path, duration, "must be greater than 0"))
    transitions = spec.get("leaseTransitions")
    if transitions is not None and transitions < 0:
        path = "spec.leaseTransitions"
        found.append(errors.invalid(path, transitions, "must be greater than or equal to 0"))
    return found


def service_rules(service: Document) -> list[FieldError]:
    """Ports of a Service, and the name of an external one."""
    spec = service.get("spec") or {}
    external = spec.get("type") == "ExternalName"
    ports = spec.get("ports") or []
    found = []
    if not ports and not external and spec.get("clusterIP") != "None":
        found.append(errors.required("spec.ports"))
    seen_names: list[str] = []
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        found += _service_port(port or {}, path, named=len(ports) > 1, seen=seen_names)
    found += label_rules(spec.get("selector") or {}, "spec.selector")
    for field, known in _SERVICE_CHOICES.items():
        value = spec.get(field, known[-1])
        if value not in known:
            found.append(errors.not_supported(f"spec.{field}", value, known))
    return found + _external_name(spec) + _repeated_ports(ports)


def _external_name(spec: Document) -> list[FieldError]:
    if spec.get("type") != "ExternalName":
        return []
    found = []
    if spec.get("clusterIP"):
        detail = "may not be set for ExternalName services"
        found.append(errors.forbidden("spec.clusterIPs", detail))
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        return [*found, errors.required("spec.externalName")]
    problems = names.subdomain_problems(name)
    return found + [errors.invalid("spec.externalName", name, why) for why in problems]


def _service_port(port: Document, path: str, *, named: bool, seen: list[str]) -> list[FieldError]:
    found = []
    name = port.get("name", "")
    if named and not name:
        found.append(errors.required(f"{path}.name"))
    elif name:
        found += [errors.invalid(f"{path}.name", name, why) for why in names.label_problems(name)]
        if name in seen:
            found.append(errors.duplicate(f"{path}.name", name))
        seen.append(name)
    number: int = port.get("port", 0)
    found += [
        errors.invalid(f"{path}.port", number, why) for why in names.port_number_problems(number)
    ]
    protocol = port.get("protocol", "TCP")
    if protocol not in {"SCTP", "TCP", "UDP"}:
        found.append(errors.not_supported(f"{path}.protocol", protocol, ["SCTP", "TCP", "UDP"]))
    target: int | str = port.get("targetPort", number)
    if isinstance(target, str):
        problems = names.port_name_problems(target)
        found += [errors.invalid(f"{path}.targetPort", target, why) for why in problems]
    else:
        problems = names.port_number_problems(target)
        found += [errors.invalid(f"{path}.targetPort", target, why) for why in problems]
    return found


def _repeated_ports(ports: list[Any]) -> list[FieldError]:
    found, seen = [], set()
    for index, port in enumerate(ports):
        identity = ((port or {}).get("port"), (port or {}).get("protocol", "TCP"))
        if identity in seen:
            shown = _NO_PORT | {"Protocol": identity[1], "Port": identity[0]}
            text = (
                f"spec.ports[{index}]: Duplicate value: {json.dumps(shown, separators=(',', ':'))}"
            )
            found.append(FieldError(f"spec.ports[{index}]", "FieldValueDuplicate", text))
        seen.add(identity)
    return found


def budget_rules(budget: Document) -> list[FieldError]:
    """A PodDisruptionBudget says one of the two limits, of no less than nothing."""
    spec = budget.get("spec") or {}
    limits = {name: spec.get(name) for name in ("minAvailable", "maxUnavailable")}
    found = []
    if None not in limits.values():
        shown = {
            "MinAvailable": limits["minAvailable"], "Selector": spec.get("selector"),
            "MaxUnavailable": limits["maxUnavailable"],
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }  # fmt: skip
        text = json.dumps(shown, separators=(",", ":"))
        detail = "minAvailable and maxUnavailable cannot be both set"
        found.append(errors.invalid_shown("spec", text, detail))
    for name, limit in limits.items():
        if limit is not None:
            found += amount_rules(limit, f"spec.{name}") or at_most_all(limit, f"spec.{name}")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _EVICTION_POLICIES:
        path = "spec.unhealthyPodEvictionPolicy"
        found.append(errors.not_supported(path, policy, _EVICTION_POLICIES))
    return found + selector_rules(spec.get("selector") or {}, "spec.selector")
