"""Rules of a pod's specification: containers, ports, mounts, probes, resources and tolerations."""

import re
from decimal import Decimal
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.quantities import parse_quantity
from kthena_sandbox.schema.selectorrules import label_rules

Document = dict[str, Any]
_MOST_SECONDS = 2**31 - 1
_VARIABLE = re.compile(r"[ -<>-~]+")
_NO_VARIABLE = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_KEYLESS = (
    'operator must be Exists when `key` is empty, which means "match all values and all keys"'
)
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")


def pod_spec_rules(spec: Document, path: str) -> list[FieldError]:
    """All rules of a PodSpec at that path, in the order in which a kube-apiserver asks them."""
    volumes = [entry for entry in spec.get("volumes") or [] if entry]
    known = {volume.get("name") for volume in volumes}
    found = _volumes(volumes, f"{path}.volumes")
    if not spec.get("containers"):
        found.append(errors.required(f"{path}.containers"))
    seen: set[str] = set()
    for field in ("containers", "initContainers"):
        for index, entry in enumerate(spec.get(field) or []):
            place, container = f"{path}.{field}[{index}]", entry or {}
            found += _container(container, place, known)
            found += _repeated(container, place, seen)
    return found + _pod_fields(spec, path)


def _pod_fields(spec: Document, path: str) -> list[FieldError]:
    found = _choice(spec, path, "restartPolicy", ["Always", "OnFailure", "Never"])
    known = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
    found += _choice(spec, path, "dnsPolicy", known)
    found += label_rules(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    if spec.get("dnsPolicy") == "None" and not spec.get("dnsConfig"):
        detail = "must provide `dnsConfig` when `dnsPolicy` is None"
        found.append(errors.required(f"{path}.dnsConfig", detail))
    for field in ("serviceAccountName", "nodeName"):
        problems = names.subdomain_problems(spec[field]) if spec.get(field) else []
        found += [errors.invalid(f"{path}.{field}", spec[field], why) for why in problems]
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _MOST_SECONDS:
        detail = f"must be between 1 and {_MOST_SECONDS}, inclusive"
        found.append(errors.invalid(f"{path}.activeDeadlineSeconds", deadline, detail))
    for field in ("hostname", "subdomain"):
        found += _host_name(spec.get(field) or "", f"{path}.{field}")
    return found + toleration_rules(spec.get("tolerations") or [], f"{path}.tolerations")


def _choice(document: Document, path: str, field: str, supported: list[str]) -> list[FieldError]:
    value = document.get(field, "")
    if not value or value in supported:
        return []
    return [errors.not_supported(f"{path}.{field}", value, supported)]


def _host_name(name: str, path: str) -> list[FieldError]:
    told = names.host_problems if path.endswith("hostname") else names.label_problems
    problems = told(name) if name else []
    return [errors.invalid(path, name, why) for why in problems]


def _repeated(entry: Document, path: str, seen: set[str]) -> list[FieldError]:
    name = entry.get("name")
    if not name:
        return []
    found = [errors.duplicate(f"{path}.name", name)] if name in seen else []
    seen.add(name)
    return found


def _volumes(volumes: list[Document], path: str) -> list[FieldError]:
    found = []
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        place, name = f"{path}[{index}]", volume.get("name", "")
        for source in [key for key in volume if key != "name"][1:]:
            detail = "may not specify more than 1 volume type"
            found.append(errors.forbidden(f"{place}.{source}", detail))
        if not name:
            found.append(errors.required(f"{place}.name"))
        problems = names.label_problems(name) if name else []
        found += [errors.invalid(f"{place}.name", name, why) for why in problems]
        found += _repeated(volume, place, seen)
    return found


def _container(container: Document, path: str, volumes: set[Any]) -> list[FieldError]:
    name = container.get("name", "")
    found = [] if name else [errors.required(f"{path}.name")]
    problems = names.label_problems(name) if name else []
    found += [errors.invalid(f"{path}.name", name, why) for why in problems]
    if not container.get("image"):
        found.append(errors.required(f"{path}.image"))
    known = ["File", "FallbackToLogsOnError"]
    found += _choice(container, path, "terminationMessagePolicy", known)
    found += _ports(container.get("ports") or [], f"{path}.ports")
    found += _environment(container.get("env") or [], f"{path}.env")
    found += _mounts(container.get("volumeMounts") or [], f"{path}.volumeMounts", volumes)
    found += _choice(container, path, "imagePullPolicy", ["Always", "IfNotPresent", "Never"])
    found += _resources(container.get("resources") or {}, f"{path}.resources")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe) is not None:
            once = probe != "readinessProbe"
            found += _probe(container[probe], f"{path}.{probe}", once=once)
    return found


def _environment(variables: list[Any], path: str) -> list[FieldError]:
    found = []
    for index, variable in enumerate(variables):
        name = (variable or {}).get("name", "")
        if not name:
            found.append(errors.required(f"{path}[{index}].name"))
        elif not _VARIABLE.fullmatch(name):
            found.append(errors.invalid(f"{path}[{index}].name", name, _NO_VARIABLE))
    return found


def _ports(ports: list[Any], path: str) -> list[FieldError]:
    found, seen = [], set()
    for index, port in enumerate(ports):
        place = f"{path}[{index}]"
        name = (port or {}).get("name")
        if name:
            problems = names.port_name_problems(name)
            found += [errors.invalid(f"{place}.name", name, why) for why in problems]
            if name in seen:
                found.append(errors.duplicate(f"{place}.name", name))
            seen.add(name)
        number = (port or {}).get("containerPort", 0)
        if not number:
            found.append(errors.required(f"{place}.containerPort"))
        problems = names.port_number_problems(number) if number else []
        found += [errors.invalid(f"{place}.containerPort", number, why) for why in problems]
        on_host = (port or {}).get("hostPort", 0)
        problems = names.port_number_problems(on_host) if on_host else []
        found += [errors.invalid(f"{place}.hostPort", on_host, why) for why in problems]
        found += _choice(port or {}, place, "protocol", ["SCTP", "TCP", "UDP"])
    return found


def _mounts(mounts: list[Any], path: str, volumes: set[Any]) -> list[FieldError]:
    found, seen = [], set()
    for index, mount in enumerate(mounts):
        name, target = (mount or {}).get("name", ""), (mount or {}).get("mountPath")
        if not name:
            found.append(errors.required(f"{path}[{index}].name"))
        if name not in volumes:
            found.append(errors.not_found(f"{path}[{index}].name", name))
        if not target:
            found.append(errors.required(f"{path}[{index}].mountPath"))
        if target and target in seen:
            found.append(errors.invalid(f"{path}[{index}].mountPath", target, "must be unique"))
        seen.add(target)
    return found


def _probe(probe: Document, path: str, *, once: bool) -> list[FieldError]:
    handlers = [name for name in _HANDLERS if probe.get(name) is not None]
    found = []
    if not handlers:
        found.append(errors.required(path, "must specify a handler type"))
    for handler in handlers[1:]:
        detail = "may not specify more than 1 handler type"
        found.append(errors.forbidden(f"{path}.{handler}", detail))
    successes = probe.get("successThreshold", 1)
    if once and successes != 1:
        found.append(errors.invalid(f"{path}.successThreshold", successes, "must be 1"))
    for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"):
        if probe.get(field, 0) < 0:
            detail = "must be greater than or equal to 0"
            found.append(errors.invalid(f"{path}.{field}", probe[field], detail))
    return found


def _resources(resources: Document, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    parsed: dict[str, dict[str, Decimal]] = {}
    for field in ("limits", "requests"):
        parsed[field] = {}
        for name, text in sorted((resources.get(field) or {}).items()):
            quantity = parse_quantity(str(text))
            if quantity is None:  # another text has not come so far
                continue
            parsed[field][name] = quantity
            if quantity < 0:
                detail = "must be greater than or equal to 0"
                found.append(errors.invalid(f"{path}.{field}[{name}]", text, detail))
            limit = parsed["limits"].get(name)
            if limit is not None and quantity > limit:
                detail = (
                    f"must be less than or equal to {name} limit of {resources['limits'][name]}"
                )
                found.append(errors.invalid(f"{path}.requests", text, detail))
    return found


def toleration_rules(tolerations: list[Any], path: str) -> list[FieldError]:
    """The tolerations of a pod."""
    return [
        error
        for index, toleration in enumerate(tolerations)
        for error in _toleration(toleration or {}, f"{path}[{index}]")
    ]


def _toleration(toleration: Document, path: str) -> list[FieldError]:
    key, operator, value, effect = (
        toleration.get(field, "") for field in ("key", "operator", "value", "effect")
    )
    found = []
    if key:
        found += [errors.invalid(f"{path}.key", key, why) for why in names.qualified_problems(key)]
    elif operator != "Exists":
        found.append(errors.invalid(f"{path}.operator", operator, _KEYLESS))
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        found.append(errors.invalid(f"{path}.effect", effect, detail))
    if operator in {"", "Equal"}:
        problems = names.label_value_problems(value)
        found += [errors.invalid(f"{path}.operator", value, why) for why in problems]
    elif operator == "Exists" and value:
        detail = "value must be empty when `operator` is 'Exists'"
        found.append(errors.invalid(f"{path}.operator", value, detail))
    found += _choice(toleration, path, "operator", ["Equal", "Exists"])
    effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
    return found + _choice(toleration, path, "effect", effects)
