from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from kthena_sandbox.schema.addresses import (
    Address,
    Network,
    parse_address,
    parse_range,
    range_warnings,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.1.2.3", IPv4Address("10.1.2.3")),
        ("010.1.2.003", IPv4Address("10.1.2.3")),
        ("::ffff:1.2.3.4", IPv4Address("1.2.3.4")),
        ("2001:DB8::1", IPv6Address("2001:db8::1")),
        ("10.1.2", None),
        ("a.b", None),
        ("", None),
    ],
)
def test_addresses(text: str, address: Address | None) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3/8", IPv4Network("10.0.0.0/8")),
        ("10.0.0.0/08", IPv4Network("10.0.0.0/8")),
        ("::ffff:1.2.3.4/120", IPv4Network("1.2.3.0/24")),
        ("fe80::/10", IPv6Network("fe80::/10")),
        ("10.0.0.0/33", None),
        ("10.0.0.0", None),
        ("10.0.0.0/", None),
        ("::ffff:1.2.3.4/90", None),
        ("x/8", None),
    ],
)
def test_ranges(text: str, network: Network | None) -> None:
    assert parse_range(text) == network


@pytest.mark.parametrize("text", ["10.0.0.0/8", "fe80::/10", "0.0.0.0/0", "::/0", "no range"])
def test_nothing_is_odd_about_a_range_in_its_own_form(text: str) -> None:
    assert range_warnings(text) == []


def test_what_is_odd_about_a_range() -> None:
    assert range_warnings("10.1.2.3/8") == [
        'CIDR value "10.1.2.3/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.1.2.3/32"?)'
    ]
    assert range_warnings("10.0.0.0/08") == [
        (
            'non-standard CIDR value "10.0.0.0/08" will be considered invalid in a future Kubernetes '
            'release: use "10.0.0.0/8"'
        )
    ]
    assert range_warnings("FE80::/10") == [
        'IPv6 CIDR value "FE80::/10" should be in RFC 5952 canonical format ("fe80::/10")'
    ]
    assert range_warnings("::ffff:1.2.3.4/100") == [
        'CIDR value "::ffff:1.2.3.4/100" is ambiguous in this context (should be "0.0.0.0/4" or "1.2.3.4/128"?)',
        (
            'non-standard CIDR value "::ffff:1.2.3.4/100" will be considered invalid in a future Kubernetes '
            'release: use "0.0.0.0/4"'
        ),
    ]
