"""Rules of Ingresses and their classes.

They are asked only about objects whose fields have the types of the schema.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.addresses import NO_ADDRESS, parse_address
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.references import reference_rules

Document = dict[str, Any]
_PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"]
_NOT_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_NOT_AT_ENDS = ("/..", "/.")
_MOST_BYTES = 250
_NO_DOMAIN = 'must be a domain-prefixed path (such as "acme.io/foo")'
_NO_NAME = "must be a DNS name, not an IP address"


def ingress_rules(ingress: Document) -> list[FieldError]:
    """An Ingress, with the addresses that a controller has given it."""
    spec = ingress.get("spec") or {}
    found = []
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        detail = "either `defaultBackend` or `rules` must be specified"
        found.append(errors.invalid("spec", None, detail))
    if spec.get("defaultBackend") is not None:
        found += _backend(spec["defaultBackend"], "spec.defaultBackend")
    for index, rule in enumerate(spec.get("rules") or []):
        found += _rule(rule or {}, f"spec.rules[{index}]")
    for index, entry in enumerate(spec.get("tls") or []):
        found += _tls(entry or {}, f"spec.tls[{index}]")
    name = spec.get("ingressClassName")
    if name is not None:
        problems = names.subdomain_problems(name)
        found += [errors.invalid("spec.ingressClassName", name, why) for why in problems]
    return found + _status(ingress.get("status") or {})


def _rule(rule: Document, path: str) -> list[FieldError]:
    host = rule.get("host", "")
    found = []
    if host and parse_address(host) is not None:
        found.append(errors.invalid(f"{path}.host", host, _NO_NAME))
    # an address of IPv4 could be a name, as one of IPv6 could not
    found += _host(host, f"{path}.host") if host else []
    if rule.get("http") is None:
        return found
    paths = rule["http"].get("paths") or []
    if not paths:
        found.append(errors.required(f"{path}.http.paths"))
    for index, entry in enumerate(paths):
        found += _path(entry or {}, f"{path}.http.paths[{index}]")
    return found


def _host(name: str, path: str) -> list[FieldError]:
    problems = names.wildcard_problems(name) if "*" in name else names.subdomain_problems(name)
    return [errors.invalid(path, name, why) for why in problems]


def _path(entry: Document, path: str) -> list[FieldError]:
    kind, text = entry.get("pathType"), entry.get("path", "")
    if kind is None:
        return [errors.required(f"{path}.pathType", "pathType must be specified")]
    found = []
    if kind in {"Exact", "Prefix"}:
        problems = [] if text.startswith("/") else ["must be an absolute path"]
        problems += [f"must not contain '{part}'" for part in _NOT_IN_PATHS if part in text]
        problems += [f"cannot end with '{end}'" for end in _NOT_AT_ENDS if text.endswith(end)]
        found += [errors.invalid(f"{path}.path", text, why) for why in problems]
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            found.append(errors.invalid(f"{path}.path", text, "must be an absolute path"))
    else:
        found.append(errors.not_supported(f"{path}.pathType", kind, _PATH_TYPES))
    return found + _backend(entry.get("backend") or {}, f"{path}.backend")


def _backend(backend: Document, path: str) -> list[FieldError]:
    service, other = backend.get("service"), backend.get("resource")
    if service is not None and other is not None:
        return [errors.invalid(path, "", "cannot set both resource and service backends")]
    if other is not None:
        return _reference(other, f"{path}.resource")
    if service is None:
        return [errors.invalid(path, "", "resource or service backend is required")]
    return _service(service, path)


def _service(service: Document, path: str) -> list[FieldError]:
    name, port = service.get("name", ""), service.get("port") or {}
    found = [] if name else [errors.required(f"{path}.service.name")]
    problems = names.dns1035_problems(name) if name else []
    found += [errors.invalid(f"{path}.service.name", name, why) for why in problems]
    port_name, number = port.get("name", ""), port.get("number", 0)
    if port_name and number:
        return [*found, errors.invalid(path, "", "cannot set both port name & port number")]
    if port_name:
        problems, field, value = names.port_name_problems(port_name), "name", port_name
    elif number:
        problems, field, value = names.port_number_problems(number), "number", number
    else:
        return [*found, errors.required(path, "port name or number is required")]
    return found + [errors.invalid(f"{path}.service.port.{field}", value, why) for why in problems]


def _reference(reference: Document, path: str) -> list[FieldError]:
    """An object in a group, by its kind and name."""
    group = reference.get("apiGroup")
    problems = [] if group is None else names.subdomain_problems(group)
    found = [errors.invalid(f"{path}.apiGroup", group, why) for why in problems]
    return found + reference_rules(reference, path)


def _tls(entry: Document, path: str) -> list[FieldError]:
    found = []
    for index, host in enumerate(entry.get("hosts") or []):
        found += _host(host, f"{path}.hosts[{index}]")
    secret = entry.get("secretName", "")
    problems = names.subdomain_problems(secret) if secret else []
    return found + [errors.invalid(f"{path}.secretName", secret, why) for why in problems]


def _status(status: Document) -> list[FieldError]:
    found = []
    given = (status.get("loadBalancer") or {}).get("ingress") or []
    for index, entry in enumerate(given):
        path = f"status.loadBalancer.ingress[{index}]"
        address, name = (entry or {}).get("ip", ""), (entry or {}).get("hostname", "")
        if address and parse_address(address) is None:
            found.append(errors.invalid(f"{path}.ip", address, NO_ADDRESS))
        problems = names.subdomain_problems(name) if name else []
        found += [errors.invalid(f"{path}.hostname", name, why) for why in problems]
        if name and parse_address(name) is not None:
            found.append(errors.invalid(f"{path}.hostname", name, _NO_NAME))
    return found


def ingress_class_rules(ingress_class: Document) -> list[FieldError]:
    """An IngressClass: who serves it, and with what parameters."""
    spec = ingress_class.get("spec") or {}
    found = _controller(spec.get("controller", ""), "spec.controller")
    parameters, path = spec.get("parameters"), "spec.parameters"
    if parameters is None:
        return found
    found += _reference(parameters, path)
    scope, namespace = parameters.get("scope", ""), parameters.get("namespace")
    if scope not in {"Cluster", "Namespace"}:
        found.append(errors.not_supported(f"{path}.scope", scope, ["Cluster", "Namespace"]))
    if scope == "Namespace" and namespace is None:
        detail = "`parameters.scope` is set to 'Namespace'"
        found.append(errors.required(f"{path}.namespace", detail))
    if scope == "Namespace" and namespace is not None:
        problems = names.label_problems(namespace)
        found += [errors.invalid(f"{path}.namespace", namespace, why) for why in problems]
    if scope == "Cluster" and namespace is not None:
        detail = "`parameters.scope` is set to 'Cluster'"
        found.append(errors.forbidden(f"{path}.namespace", detail))
    return found


def _controller(name: str, path: str) -> list[FieldError]:
    if not name:
        return [errors.required(path)]
    if len(name) > _MOST_BYTES:
        return [errors.too_long(path, _MOST_BYTES)]
    domain, _, rest = name.partition("/")
    if not domain or not rest:
        return [errors.invalid(path, name, _NO_DOMAIN)]
    return [errors.invalid(path, domain, why) for why in names.subdomain_problems(domain)]
