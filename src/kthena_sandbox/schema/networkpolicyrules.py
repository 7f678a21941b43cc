"""Rules, defaults and warnings of NetworkPolicies.

They are asked only about objects whose fields have the types of the schema.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.addresses import NO_RANGE, parse_range, range_warnings
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.selectorrules import selector_rules

Document = dict[str, Any]
_PROTOCOLS = ["TCP", "UDP", "SCTP"]
_TYPES = ["Ingress", "Egress"]
_DIRECTIONS = (("ingress", "from"), ("egress", "to"))


def network_policy_defaults(policy: Document) -> Document:
    """A NetworkPolicy is about traffic that comes in, and about what goes out if it says something of that."""
    spec = policy.get("spec")
    given = spec if isinstance(spec, dict) else {}
    if given.get("policyTypes"):
        return policy
    types = _TYPES if given.get("egress") else _TYPES[:1]
    return policy | {"spec": {"podSelector": {}} | given | {"policyTypes": types}}


def network_policy_rules(policy: Document) -> list[FieldError]:
    """A NetworkPolicy."""
    spec = policy.get("spec") or {}
    found = selector_rules(spec.get("podSelector") or {}, "spec.podSelector")
    for direction, peers in _DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or []):
            path, given = f"spec.{direction}[{index}]", rule or {}
            for place, port in enumerate(given.get("ports") or []):
                found += _port(port or {}, f"{path}.ports[{place}]")
            for place, peer in enumerate(given.get(peers) or []):
                found += _peer(peer or {}, f"{path}.{peers}[{place}]")
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        detail = "may not specify more than two policyTypes"
        return [*found, errors.invalid("spec.policyTypes", types, detail)]
    return found + [
        errors.not_supported(f"spec.policyTypes[{index}]", kind, _TYPES)
        for index, kind in enumerate(types)
        if kind not in _TYPES
    ]


def _port(entry: Document, path: str) -> list[FieldError]:
    protocol, port, end = entry.get("protocol", "TCP"), entry.get("port"), entry.get("endPort")
    found = []
    if protocol not in _PROTOCOLS:
        found.append(errors.not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
    if isinstance(port, str):
        problems = names.port_name_problems(port)
    else:
        problems = [] if port is None else names.port_number_problems(port)
    found += [errors.invalid(f"{path}.port", port, why) for why in problems]
    if end is None:
        return found
    place = f"{path}.endPort"
    if port is None:
        detail = "may not be specified when `port` is not specified"
        return [*found, errors.invalid(place, end, detail)]
    if isinstance(port, str):
        detail = "may not be specified when `port` is non-numeric"
        return [*found, errors.invalid(place, end, detail)]
    if end < port:
        found.append(errors.invalid(place, port, "must be greater than or equal to `port`"))
    return found + [errors.invalid(place, end, why) for why in names.port_number_problems(end)]


def _peer(peer: Document, path: str) -> list[FieldError]:
    found = []
    selectors = [
        name for name in ("podSelector", "namespaceSelector") if peer.get(name) is not None
    ]
    for name in selectors:
        found += selector_rules(peer[name], f"{path}.{name}")
    block = peer.get("ipBlock")
    if block is not None:
        found += _block(block, f"{path}.ipBlock")
    if block is not None and selectors:
        detail = "may not specify both ipBlock and another peer"
        found.append(errors.forbidden(path, detail))
    if block is None and not selectors:
        found.append(errors.required(path, "must specify a peer"))
    return found


def _block(block: Document, path: str) -> list[FieldError]:
    text = block.get("cidr", "")
    if not text:
        return [errors.required(f"{path}.cidr")]
    whole = parse_range(text)
    if whole is None:
        return [errors.invalid(f"{path}.cidr", text, NO_RANGE)]
    found = []
    for index, entry in enumerate(block.get("except") or []):
        part = parse_range(entry)
        place = f"{path}.except[{index}]"
        if part is None:
            found.append(errors.invalid(place, entry, NO_RANGE))
        elif part.version != whole.version or part == whole or not _is_within(part, whole):
            found.append(errors.invalid(place, entry, "must be a strict subset of `cidr`"))
    return found


def _is_within(part: Any, whole: Any) -> bool:
    return bool(part.subnet_of(whole))


def network_policy_warnings(policy: Document) -> list[str]:
    """What is odd about its ranges."""
    spec = policy.get("spec") or {}
    found = []
    for direction, peers in _DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or []):
            for place, peer in enumerate((rule or {}).get(peers) or []):
                path = f"spec.{direction}[{index}].{peers}[{place}].ipBlock"
                found += _odd_ranges((peer or {}).get("ipBlock") or {}, path)
    return found


def _odd_ranges(block: Document, path: str) -> list[str]:
    ranges = [(f"{path}.cidr", block.get("cidr", ""))]
    ranges += [
        (f"{path}.except[{index}]", entry) for index, entry in enumerate(block.get("except") or [])
    ]
    return [f"{place}: {why}" for place, text in ranges for why in range_warnings(text)]
