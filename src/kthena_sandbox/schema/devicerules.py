"""Rules and defaults of DeviceClasses, ResourceClaims, their templates and ResourceSlices.

They are asked only about objects whose fields have the types of the schema. Expressions are read, and not checked against devices: nothing here evaluates them.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.cel.compiling import compiled
from kthena_sandbox.schema.cel.lexing import CelSyntaxError
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.selectorrules import label_rules

Document = dict[str, Any]
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NO_IDENTIFIER = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric "
    "characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is "
    f"'{_IDENTIFIER.pattern}')"
)
_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
)
_VALUES = {"IntValue": "int", "BoolValue": "bool", "StringValue": "string", "VersionValue": "version"}  # fmt: skip
_PLACES = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_UNKNOWN_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
_EITHER = "exactly one of `exactly` or `firstAvailable` is required"


def _map(value: Any) -> Document:
    return value if isinstance(value, dict) else {}


def claim_defaults(claim: Document) -> Document:
    """A ResourceClaim: how many devices each request is for."""
    devices = _map(_map(claim.get("spec")).get("devices"))
    requests = devices.get("requests")
    if not isinstance(requests, list):
        return claim
    filled = devices | {"requests": [_counted(entry) for entry in requests]}
    return claim | {"spec": _map(claim.get("spec")) | {"devices": filled}}


def template_defaults(template: Document) -> Document:
    """A ResourceClaimTemplate: the same of its claims."""
    spec = template.get("spec")
    return template | {"spec": claim_defaults(spec)} if isinstance(spec, dict) else template


def _counted(request: Any) -> Any:
    if not isinstance(request, dict):
        return request
    filled = dict(request)
    if isinstance(request.get("exactly"), dict):
        filled["exactly"] = _amount(request["exactly"])
    if isinstance(request.get("firstAvailable"), list):
        filled["firstAvailable"] = [
            _amount(one) if isinstance(one, dict) else one for one in request["firstAvailable"]
        ]
    return filled


def _amount(wanted: Document) -> Document:
    filled = wanted | {"allocationMode": wanted.get("allocationMode") or "ExactCount"}
    if filled["allocationMode"] == "ExactCount" and not wanted.get("count"):
        filled["count"] = 1
    return filled


def class_rules(device_class: Document) -> list[FieldError]:
    """A DeviceClass."""
    spec = device_class.get("spec") or {}
    found = list(_selectors(spec.get("selectors") or [], "spec.selectors"))
    for index, entry in enumerate(spec.get("config") or []):
        found += _opaque(entry or {}, f"spec.config[{index}]")
    return found


def claim_rules(claim: Document) -> list[FieldError]:
    """A ResourceClaim."""
    return _of_claim(claim.get("spec") or {}, "spec")


def template_rules(template: Document) -> list[FieldError]:
    """A ResourceClaimTemplate: its claims, which it cannot name."""
    spec = template.get("spec") or {}
    metadata = spec.get("metadata") or {}
    found = _of_claim(spec.get("spec") or {}, "spec.spec")
    found += label_rules(metadata.get("labels") or {}, "spec.metadata.labels")
    given = [name for name in ("name", "generateName", "namespace") if metadata.get(name)]
    return found + [errors.forbidden(f"spec.metadata.{name}", "cannot be set") for name in given]


def _of_claim(spec: Document, path: str) -> list[FieldError]:
    devices, path = spec.get("devices") or {}, f"{path}.devices"
    requests = devices.get("requests") or []
    found, known = [], set[str]()
    seen: list[str] = []
    for index, entry in enumerate(requests):
        found += _request(entry or {}, f"{path}.requests[{index}]", seen)
        name = (entry or {}).get("name", "")
        known |= {name, *(f"{name}/{one.get('name')}" for one in entry.get("firstAvailable") or [])}
    for index, entry in enumerate(devices.get("constraints") or []):
        place = f"{path}.constraints[{index}]"
        found += _named(entry.get("requests") or [], known, f"{place}.requests")
        attribute = entry.get("matchAttribute")
        if attribute is not None and "/" not in attribute:
            why = "must include a domain"
            found.append(errors.invalid(f"{place}.matchAttribute", attribute, why))
    for index, entry in enumerate(devices.get("config") or []):
        place = f"{path}.config[{index}]"
        found += _named(entry.get("requests") or [], known, f"{place}.requests")
        found += _opaque(entry, place)
    return found


def _named(requests: list[str], known: set[str], path: str) -> list[FieldError]:
    return [
        errors.invalid(f"{path}[{index}]", name, _UNKNOWN_REQUEST)
        for index, name in enumerate(requests)
        if name not in known
    ]


def _request(request: Document, path: str, seen: list[str]) -> list[FieldError]:
    name = request.get("name", "")
    found = _label(name, f"{path}.name", seen)
    exactly, first = request.get("exactly"), request.get("firstAvailable")
    if exactly is not None and first:
        found.append(errors.invalid(path, None, f"{_EITHER}, but multiple fields are set"))
    elif exactly is not None:
        found += _wanted(exactly, f"{path}.exactly")
    elif first:
        own: list[str] = []
        for index, entry in enumerate(first):
            place = f"{path}.firstAvailable[{index}]"
            found += _label((entry or {}).get("name", ""), f"{place}.name", own)
            found += _wanted(entry or {}, place)
    else:
        found.append(errors.required(path, _EITHER))
    return found


def _label(name: str, path: str, seen: list[str]) -> list[FieldError]:
    found = [errors.invalid(path, name, why) for why in names.label_problems(name)]
    if name in seen:
        found.append(errors.duplicate(path, name))
    seen.append(name)
    return found


def _wanted(wanted: Document, path: str) -> list[FieldError]:
    name, mode, count = wanted.get("deviceClassName", ""), wanted.get("allocationMode"), wanted.get("count", 0)  # fmt: skip
    place = f"{path}.deviceClassName"
    found = [errors.invalid(place, name, why) for why in names.subdomain_problems(name)]
    if not name:
        found = [errors.required(place)]
    found += _selectors(wanted.get("selectors") or [], f"{path}.selectors")
    if mode not in {"All", "ExactCount"}:
        found.append(errors.not_supported(f"{path}.allocationMode", mode, ["All", "ExactCount"]))
    elif mode == "All" and count:
        why = "must not be specified when allocationMode is 'All'"
        found.append(errors.invalid(f"{path}.count", count, why))
    elif mode == "ExactCount" and count <= 0:
        found.append(errors.invalid(f"{path}.count", count, "must be greater than zero"))
    for index, entry in enumerate(wanted.get("tolerations") or []):
        operator = entry.get("operator")
        if operator not in {"Equal", "Exists"}:
            place = f"{path}.tolerations[{index}].operator"
            found.append(errors.not_supported(place, operator, ["Equal", "Exists"]))
    return found


def _selectors(selectors: list[Any], path: str) -> Iterator[FieldError]:
    for index, entry in enumerate(selectors):
        place, expression = f"{path}[{index}].cel", (entry or {}).get("cel")
        if expression is None:
            yield errors.required(place)
            continue
        text = expression.get("expression", "")
        try:
            compiled(text)
        except CelSyntaxError as error:
            yield errors.invalid(f"{place}.expression", text, f"compilation failed: {error}")


def _opaque(config: Document, path: str) -> list[FieldError]:
    opaque, path = config.get("opaque"), f"{path}.opaque"
    if opaque is None:
        return [errors.required(path)]
    found = _driver(opaque.get("driver", ""), f"{path}.driver")
    if opaque.get("parameters") is None:
        found.append(errors.required(f"{path}.parameters"))
    return found


def _driver(name: str, path: str) -> list[FieldError]:
    found = [] if name else [errors.required(path)]
    return found + [errors.invalid(path, name, why) for why in names.subdomain_problems(name)]


def slice_rules(document: Document) -> list[FieldError]:
    """A ResourceSlice: whose devices these are, where, and which."""
    spec = document.get("spec") or {}
    node, pool = spec.get("nodeName"), spec.get("pool") or {}
    found = _driver(spec.get("driver", ""), "spec.driver")
    found += _pool(pool)
    if node is not None:
        problems = names.subdomain_problems(node)
        found += [errors.invalid("spec.nodeName", node, why) for why in problems]
    seen: list[str] = []
    for index, device in enumerate(spec.get("devices") or []):
        path = f"spec.devices[{index}]"
        found += _label(device.get("name", ""), f"{path}.name", seen)
        for name, value in sorted((device.get("attributes") or {}).items()):
            found += _attribute(name, value or {}, f"{path}.attributes[{name}]")
    return found


def new_slice_rules(document: Document) -> list[FieldError]:
    """What only a new ResourceSlice is asked: where its devices are, which stays."""
    spec = document.get("spec") or {}
    given = [name for name in _PLACES if spec.get(name)]
    why = f"exactly one of {', '.join(f'`{name}`' for name in _PLACES)} is required"
    if not given:
        return [errors.required("spec", why)]
    if len(given) == 1:
        return []
    listed = "{" + ", ".join(f"`{name}`" for name in given) + "}"
    return [errors.invalid("spec", listed, f"{why}, but multiple fields are set")]


def _pool(pool: Document) -> list[FieldError]:
    name, count, generation = pool.get("name", ""), pool.get("resourceSliceCount", 0), pool.get("generation", 0)  # fmt: skip
    found = [] if name else [errors.required("spec.pool.name")]
    if count <= 0:
        why = "must be greater than zero"
        found.append(errors.invalid("spec.pool.resourceSliceCount", count, why))
    if generation < 0:
        why = "must be greater than or equal to zero"
        found.append(errors.invalid("spec.pool.generation", generation, why))
    return found


def _attribute(name: str, value: Document, path: str) -> list[FieldError]:
    domain, slash, identifier = name.rpartition("/")
    found = []
    if slash:
        found += [errors.invalid(path, domain, why) for why in names.subdomain_problems(domain)]
    if not _IDENTIFIER.fullmatch(identifier):
        found.append(errors.invalid(path, identifier, _NO_IDENTIFIER))
    given = [field for field in _VALUES.values() if value.get(field) is not None]
    if not given:
        return [*found, errors.required(path, "exactly one value must be specified")]
    if len(given) > 1:
        fields = {one: value.get(field) for one, field in _VALUES.items()}
        shown = json.dumps(fields, separators=(",", ":"))
        return [*found, errors.invalid_shown(path, shown, "exactly one value must be specified")]
    version = value.get("version")
    if version is not None and not _VERSION.fullmatch(version):
        why = "must be a string compatible with semver.org spec 2.0.0"
        found.append(errors.invalid(f"{path}.version", version, why))
    return found
