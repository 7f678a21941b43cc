"""URLs, IP addresses and networks ("URL library", "IP address library", "CIDR library" of Kubernetes' documentation)."""

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from kthena_sandbox.schema.cel.kinds import CelError, no_overload
from kthena_sandbox.schema.cel.library import Library


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL, or a path from the root."""

    parts: SplitResult
    cel_type = "kubernetes.URL"

    @property
    def host(self) -> str:
        """With the port, as it stands there."""
        return self.parts.netloc.rpartition("@")[2]

    @property
    def hostname(self) -> str:
        """Without the port, and without brackets."""
        if self.host.startswith("["):
            return self.host[1:].partition("]")[0]
        return self.host.partition(":")[0]

    @property
    def port(self) -> str:
        """As it stands there."""
        return self.host.rpartition("]")[2].partition(":")[2]


@dataclass(frozen=True, slots=True)
class Ip:
    """An address."""

    address: IPv4Address | IPv6Address
    cel_type = "net.IP"

    @property
    def cel_text(self) -> str:
        """As a text."""
        return str(self.address)


@dataclass(frozen=True, slots=True)
class Cidr:
    """An address with the length of its network."""

    address: IPv4Address | IPv6Address
    network: IPv4Network | IPv6Network
    cel_type = "net.CIDR"

    @property
    def cel_text(self) -> str:
        """As a text."""
        return f"{self.address}/{self.network.prefixlen}"


def url(text: Any) -> Url:
    """A URL. Raises CelError."""
    if not isinstance(text, str):
        raise no_overload("url")
    try:
        parts = urlsplit(text)
        _ = parts.port  # which may be no number
    except ValueError as error:
        raise CelError(f'URL parse error during conversion from string: parse "{text}": {error}') from error  # fmt: skip
    if " " in parts.netloc or not (parts.scheme or text.startswith("/")):
        why = f'parse "{text}": invalid URI for request'
        raise CelError(f"URL parse error during conversion from string: {why}")
    return Url(parts)


def _query(target: Url) -> dict[str, list[str]]:
    return parse_qs(target.parts.query, keep_blank_values=True)


def _escaped_path(target: Url) -> str:
    path = target.parts.path
    return path if unquote(path) != path else quote(path, safe="/:@!$&'()*+,;=~-._")


def _address(text: Any) -> IPv4Address | IPv6Address:
    if not isinstance(text, str):
        raise no_overload("ip")
    try:
        address = ip_address(text)
    except ValueError as error:
        raise CelError(
            f'IP Address "{text}" parse error during conversion from string: ParseAddr("{text}"): '
            "unable to parse IP"
        ) from error
    if isinstance(address, IPv6Address):
        if address.scope_id:
            raise CelError(f'IP address "{text}" with zone value is not allowed')
        if address.ipv4_mapped:
            raise CelError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return address


def _ip(value: Any) -> Ip:
    return Ip(_address(value))


def _is(read: Any) -> Any:
    def check(value: Any) -> bool:
        if not isinstance(value, str):
            raise no_overload()
        try:
            read(value)
        except CelError:
            return False
        return True

    return check


def _is_canonical(text: str) -> bool:
    return str(_address(text)) == text


def _cidr(text: Any) -> Cidr:
    if not isinstance(text, str):
        raise no_overload("cidr")
    try:
        found = ip_interface(text)
        if "/" not in text or not text.rpartition("/")[2].isdecimal():
            raise ValueError("no '/'")
    except ValueError as error:
        why = f'netip.ParsePrefix("{text}"): {error}'
        raise CelError(
            f"network address parse error during conversion from string: {why}"
        ) from error
    return Cidr(_address(text.rpartition("/")[0]), found.network)


def _contains_ip(network: Cidr, given: Any) -> bool:
    address = given.address if isinstance(given, Ip) else _address(given)
    return address in network.network


def _contains_cidr(network: Cidr, given: Any) -> bool:
    other = given if isinstance(given, Cidr) else _cidr(given)
    own = network.network
    return own.version == other.network.version and other.address in own and (
        own.prefixlen <= other.network.prefixlen
    )  # fmt: skip


def _masked(network: Cidr) -> Cidr:
    return Cidr(network.network.network_address, ip_network(network.network))


def _is_global(target: Ip) -> bool:
    """As Go's netip has it, where private addresses count too."""
    found = target.address
    return not (
        found.is_unspecified or found.is_loopback or found.is_multicast or found.is_link_local
        or str(found) == "255.255.255.255"
    )  # fmt: skip


def _link_local_multicast(target: Ip) -> bool:
    if isinstance(target.address, IPv4Address):
        return target.address in IPv4Network("224.0.0.0/24")
    return target.address in IPv6Network("ff02::/16")


LIBRARY = Library(
    {
        "url": url, "isURL": _is(url), "ip": _ip, "isIP": _is(_address), "ip.isCanonical": _is_canonical,
        "cidr": _cidr, "isCIDR": _is(_cidr),
    },
    {
        (Url, "getScheme"): lambda target: target.parts.scheme,
        (Url, "getHost"): lambda target: target.host,
        (Url, "getHostname"): lambda target: target.hostname,
        (Url, "getPort"): lambda target: target.port,
        (Url, "getEscapedPath"): _escaped_path, (Url, "getQuery"): _query,
        (Ip, "family"): lambda target: target.address.version,
        (Ip, "isUnspecified"): lambda target: target.address.is_unspecified,
        (Ip, "isLoopback"): lambda target: target.address.is_loopback,
        (Ip, "isLinkLocalUnicast"): lambda target: target.address.is_link_local,
        (Ip, "isLinkLocalMulticast"): _link_local_multicast, (Ip, "isGlobalUnicast"): _is_global,
        (Cidr, "containsIP"): _contains_ip, (Cidr, "containsCIDR"): _contains_cidr,
        (Cidr, "ip"): lambda target: Ip(target.address), (Cidr, "masked"): _masked,
        (Cidr, "prefixLength"): lambda target: target.network.prefixlen,
    },
    """
    url: (string) -> kubernetes.URL
    isURL: (string) -> bool
    getScheme: kubernetes.URL.() -> string
    getHost: kubernetes.URL.() -> string
    getHostname: kubernetes.URL.() -> string
    getPort: kubernetes.URL.() -> string
    getEscapedPath: kubernetes.URL.() -> string
    getQuery: kubernetes.URL.() -> map(string, list(string))
    ip: (string) -> net.IP
    isIP: (string) -> bool
    ip.isCanonical: (string) -> bool
    family: net.IP.() -> int
    isUnspecified: net.IP.() -> bool
    isLoopback: net.IP.() -> bool
    isLinkLocalUnicast: net.IP.() -> bool
    isLinkLocalMulticast: net.IP.() -> bool
    isGlobalUnicast: net.IP.() -> bool
    string: (net.IP) -> string
    cidr: (string) -> net.CIDR
    isCIDR: (string) -> bool
    containsIP: net.CIDR.(net.IP) -> bool
    containsIP: net.CIDR.(string) -> bool
    containsCIDR: net.CIDR.(net.CIDR) -> bool
    containsCIDR: net.CIDR.(string) -> bool
    ip: net.CIDR.() -> net.IP
    masked: net.CIDR.() -> net.CIDR
    prefixLength: net.CIDR.() -> int
    string: (net.CIDR) -> string
    """,
)  # fmt: skip
