"""Rules of a pod's specification: containers, ports, mounts, probes and resources."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.quantities import parse_quantity

Document = dict[str, Any]
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")


def pod_spec_rules(spec: Document, path: str) -> list[FieldError]:
    """All rules of a PodSpec at that path."""
    volumes = [entry for entry in spec.get("volumes") or [] if entry]
    known = {volume.get("name") for volume in volumes}
    found = _unique(volumes, f"{path}.volumes") + _volumes(volumes, f"{path}.volumes")
    for field in ("initContainers", "containers"):
        containers = [entry or {} for entry in spec.get(field) or []]
        for index, container in enumerate(containers):
            found += _container(container, f"{path}.{field}[{index}]", known)
        found += _unique(containers, f"{path}.{field}")
    return found


def _unique(entries: Iterable[Document], path: str) -> list[FieldError]:
    found, seen = [], set()
    for index, entry in enumerate(entries):
        name = entry.get("name")
        if name and name in seen:
            found.append(errors.duplicate(f"{path}[{index}].name", name))
        seen.add(name)
    return found


def _volumes(volumes: list[Document], path: str) -> list[FieldError]:
    found = []
    for index, volume in enumerate(volumes):
        name = volume.get("name", "")
        problems = names.label_problems(name) if name else []
        found += [errors.invalid(f"{path}[{index}].name", name, why) for why in problems]
        for source in [key for key in volume if key != "name"][1:]:
            detail = "may not specify more than 1 volume type"
            found.append(errors.forbidden(f"{path}[{index}].{source}", detail))
    return found


def _container(container: Document, path: str, volumes: set[Any]) -> list[FieldError]:
    name = container.get("name", "")
    problems = names.label_problems(name) if name else []
    found = [errors.invalid(f"{path}.name", name, why) for why in problems]
    if not container.get("image"):
        found.append(errors.required(f"{path}.image"))
    found += _ports(container.get("ports") or [], f"{path}.ports")
    found += _mounts(container.get("volumeMounts") or [], f"{path}.volumeMounts", volumes)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe) is not None:
            once = probe != "readinessProbe"
            found += _probe(container[probe], f"{path}.{probe}", once=once)
    return found + _resources(container.get("resources") or {}, f"{path}.resources")


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
        number = (port or {}).get("containerPort")
        problems = [] if number is None else names.port_number_problems(number)
        found += [errors.invalid(f"{place}.containerPort", number, why) for why in problems]
    return found


def _mounts(mounts: list[Any], path: str, volumes: set[Any]) -> list[FieldError]:
    found, seen = [], set()
    for index, mount in enumerate(mounts):
        name, target = (mount or {}).get("name"), (mount or {}).get("mountPath")
        if name and name not in volumes:
            found.append(errors.not_found(f"{path}[{index}].name", name))
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
        for name, text in (resources.get(field) or {}).items():
            quantity = parse_quantity(str(text))
            if quantity is not None:  # another text has not come so far
                parsed[field][name] = quantity
    for name, request in parsed["requests"].items():
        limit = parsed["limits"].get(name)
        if limit is not None and request > limit:
            given, most = resources["requests"][name], resources["limits"][name]
            detail = f"must be less than or equal to {name} limit of {most}"
            found.append(errors.invalid(f"{path}.requests", given, detail))
    return found
