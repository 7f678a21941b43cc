"""Addresses and ranges as fields of built-in kinds have them, read as tolerantly as Kubernetes always has."""

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NO_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_LEADING_ZEROS = re.compile(r"(?<![0-9a-fA-F:])0+(?=[0-9])")
_MAPPED_BITS = 96


def parse_address(text: str) -> Address | None:
    """An address, also one with leading zeros; None for a text that is none."""
    try:
        found = ip_address(_LEADING_ZEROS.sub("", text))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def parse_range(text: str) -> Network | None:
    """A range in CIDR notation, whatever stands in the bits of the host; None for a text that is none."""
    address, slash, bits = text.partition("/")
    found = parse_address(address)
    if found is None or not slash or not re.fullmatch("[0-9]{1,3}", bits):
        return None
    length = int(bits) - (_MAPPED_BITS if ":" in address and found.version == 4 else 0)
    if not 0 <= length <= found.max_prefixlen:
        return None
    return ip_network(f"{found}/{length}", strict=False)


def range_warnings(text: str) -> list[str]:
    """What is odd about a range that is one: its spelling, and bits of a host that stand there."""
    found = parse_range(text)
    if found is None or text == str(found):
        return []
    address, _, bits = text.partition("/")
    host, said = parse_address(address), []
    if host != found.network_address:
        single = f"{host}/{128 if ':' in address else 32}"
        said.append(
            f'CIDR value "{text}" is ambiguous in this context (should be "{found}" or "{single}"?)'
        )
    is_mapped = ":" in address and found.version == 4
    if is_mapped or _LEADING_ZEROS.search(address) or bits != str(int(bits)):
        said.append(
            f'non-standard CIDR value "{text}" will be considered invalid in a future Kubernetes '
            f'release: use "{found}"'
        )
    if said:
        return said
    return [f'IPv6 CIDR value "{text}" should be in RFC 5952 canonical format ("{found}")']
