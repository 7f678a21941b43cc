"""Rules of Services, ConfigMaps, Secrets, Leases and role bindings that no schema expresses.

They are asked only about objects whose fields have the types of the schema.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.golang import quoted, shown

Document = dict[str, Any]
_MOST_BYTES = 1024 * 1024


def data_rules(document: Document) -> list[FieldError]:
    """Keys of a ConfigMap or Secret, that no key stands in both maps of a ConfigMap, and the size of the whole."""
    found = []
    for field in ("data", "binaryData"):
        for key in document.get(field) or {}:
            path = f"{field}[{key}]"
            found += [errors.invalid(path, key, why) for why in names.config_key_problems(key)]
            if field == "binaryData" and key in (document.get("data") or {}):
                found.append(errors.invalid(path, key, "duplicate of key present in data"))
    if _size(document) > _MOST_BYTES:
        path = "data" if document.get("kind") == "Secret" else "[]"
        found.append(errors.too_long(path, _MOST_BYTES))
    return found


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
    found += _repeated_ports(ports)
    if external and not spec.get("externalName"):
        found.append(errors.required("spec.externalName"))
    return found


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
    number = port.get("port", 0)
    found += [
        errors.invalid(f"{path}.port", number, why) for why in names.port_number_problems(number)
    ]
    target = port.get("targetPort")
    if isinstance(target, str):
        problems = names.port_name_problems(target)
        found += [errors.invalid(f"{path}.targetPort", target, why) for why in problems]
    elif target is not None and not found:
        problems = names.port_number_problems(target)
        found += [errors.invalid(f"{path}.targetPort", target, why) for why in problems]
    return found


def _repeated_ports(ports: list[Any]) -> list[FieldError]:
    found, seen = [], set()
    for index, port in enumerate(ports):
        identity = ((port or {}).get("port"), (port or {}).get("protocol", "TCP"))
        if identity in seen:
            value = _service_port_syntax(*identity)
            text = f"spec.ports[{index}]: Duplicate value: {value}"
            found.append(FieldError(f"spec.ports[{index}]", "FieldValueDuplicate", text))
        seen.add(identity)
    return found


def _service_port_syntax(number: Any, protocol: Any) -> str:
    target = 'intstr.IntOrString{Type:0, IntVal:0, StrVal:""}'
    return (
        f'core.ServicePort{{Name:"", Protocol:{quoted(str(protocol))}, AppProtocol:(*string)(nil), '
        f"Port:{shown(number)}, TargetPort:{target}, NodePort:0}}"
    )


def binding_rules(binding: Document) -> list[FieldError]:
    """The role and the subjects of a RoleBinding or ClusterRoleBinding."""
    role = binding.get("roleRef") or {}
    found = []
    kinds = (
        ["ClusterRole"] if binding.get("kind") == "ClusterRoleBinding" else ["Role", "ClusterRole"]
    )
    if role.get("kind") and role["kind"] not in kinds:
        found.append(errors.not_supported("roleRef.kind", role["kind"], kinds))
    for index, subject in enumerate(binding.get("subjects") or []):
        found += _subject(subject or {}, f"subjects[{index}]")
    return found


def _subject(subject: Document, path: str) -> list[FieldError]:
    kind = subject.get("kind", "")
    if kind and kind not in {"ServiceAccount", "User", "Group"}:
        supported = ["ServiceAccount", "User", "Group"]
        return [errors.not_supported(f"{path}.kind", kind, supported)]
    return []


def budget_rules(budget: Document) -> list[FieldError]:
    """A PodDisruptionBudget says one of the two limits."""
    spec = budget.get("spec") or {}
    if spec.get("minAvailable") is None or spec.get("maxUnavailable") is None:
        return []
    detail = "minAvailable and maxUnavailable cannot be both set"
    return [errors.invalid_shown("spec", "core.PodDisruptionBudgetSpec{}", detail)]
