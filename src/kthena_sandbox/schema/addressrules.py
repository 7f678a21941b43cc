"""Rules of what says which addresses Services have: IPAddresses and ServiceCIDRs.

They are asked only about objects whose fields have the types of the schema.
"""

import re
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.addresses import NO_ADDRESS, NO_RANGE, parse_address, parse_range
from kthena_sandbox.schema.fielderrors import FieldError

Document = dict[str, Any]
_LEADING_ZERO = re.compile(r"(?:^|[./])0+[0-9]")
_MOST_RANGES = 2
_ONE_EACH = (
    "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
)


def address_name_problems(name: str) -> list[str]:
    """Why a text is no name of an IPAddress: it is the address, in its one spelling."""
    address = parse_address(name)
    if address is None:
        return [NO_ADDRESS]
    if _LEADING_ZERO.search(name):
        return ["must not have leading 0s"]
    return [] if str(address) == name else [f'must be in canonical form ("{address}")']


def address_rules(document: Document) -> list[FieldError]:
    """An IPAddress: whose it is."""
    parent, path = (document.get("spec") or {}).get("parentRef"), "spec.parentRef"
    if parent is None:
        return [errors.required(path)]
    group = parent.get("group", "")
    problems = names.subdomain_problems(group) if group else []
    found = [errors.invalid(f"{path}.group", group, why) for why in problems]
    for field in ("resource", "name"):
        value = parent.get(field, "")
        if not value:
            found.append(errors.required(f"{path}.{field}"))
            continue
        problems = names.segment_problems(value)
        found += [errors.invalid(f"{path}.{field}", value, why) for why in problems]
    space = parent.get("namespace", "")
    problems = names.segment_problems(space) if space else []
    return found + [errors.invalid(f"{path}.namespace", space, why) for why in problems]


def range_rules(document: Document) -> list[FieldError]:
    """A ServiceCIDR: a range for each family."""
    spec, path = document.get("spec") or {}, "spec.cidrs"
    ranges: list[str] = spec.get("cidrs") or []
    if not ranges:
        return [errors.required(path, "at least one CIDR required")]
    if len(ranges) > _MOST_RANGES:
        why = f"may only hold up to {_MOST_RANGES} values"
        return [errors.invalid(path, {"CIDRs": ranges}, why)]
    found = pair_rules(ranges) if len(ranges) == _MOST_RANGES else []
    for index, text in enumerate(ranges):
        found += [errors.invalid(f"{path}[{index}]", text, why) for why in range_problems(text)]
    return found


def pair_rules(ranges: list[str]) -> list[FieldError]:
    """Two ranges: of one family each."""
    versions = [network.version for text in ranges if (network := parse_range(text)) is not None]
    if len(versions) < _MOST_RANGES or len(set(versions)) == _MOST_RANGES:
        return []
    return [errors.invalid("spec.cidrs", ranges, _ONE_EACH)]


def range_problems(text: str) -> list[str]:
    """Why a text is no range of a ServiceCIDR."""
    network = parse_range(text)
    if network is None:
        return [NO_RANGE]
    problems = []
    if _LEADING_ZERO.search(text):
        problems.append("must not have leading 0s in IP or prefix length")
    if parse_address(text.partition("/")[0]) != network.network_address:
        problems.append("must not have bits set beyond the prefix length")
    if not problems and str(network) != text:
        problems.append(f'must be in canonical form ("{network}")')
    return problems
