"""Of Kubernetes' own CEL libraries what published definitions use: `isIP`, and `format.NAME().validate(TEXT)`.

Source: Kubernetes documentation, "Common Expression Language in Kubernetes", IP address library and format library.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple

from kthena_sandbox.schema.cel.optionals import Optional
from kthena_sandbox.schema.cel.values import CelError
from kthena_sandbox.schema.names import (
    label_problems,
    label_value_problems,
    qualified_problems,
    subdomain_problems,
)


class Format(NamedTuple):
    """A named format; *problems* says why a text does not have it."""

    problems: Callable[[str], list[str]]


FORMATS: Mapping[str, Format] = {
    "dns1123Label": Format(label_problems),
    "dns1123Subdomain": Format(subdomain_problems),
    "labelValue": Format(label_value_problems),
    "qualifiedName": Format(qualified_problems),
}


def is_ip(text: Any) -> bool:
    """Whether a text is an address of IPv4 or IPv6, without a zone and not one within the other. Raises CelError."""
    if not isinstance(text, str):
        raise CelError("no such overload: isIP")
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped))


def validate(target: Any, arguments: list[Any]) -> Optional:
    """`format.validate(text)`: what is wrong with the text, or none. Raises CelError."""
    if not isinstance(target, Format) or len(arguments) != 1 or not isinstance(arguments[0], str):
        raise CelError("no such overload: validate")
    problems = target.problems(arguments[0])
    return Optional(True, problems) if problems else Optional()
