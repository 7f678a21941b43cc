"""What the echo server answers. Pure.

Go's peculiarities are kept: names of headers are written in their canonical form, and JSON has one space for each level.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_NOT_TOLD = {"Host", "Transfer-Encoding", "Trailer"}


def go_json(document: Mapping[str, Any], indent: int | None = None) -> bytes:
    """JSON as Go's encoder writes it."""
    separators = (",", ":" if indent is None else ": ")
    text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=False)
    return text.translate(_ESCAPES).encode()


@dataclass(frozen=True)
class Asked:
    """One request. `uri` is as it was sent, `headers` in any case."""

    method: str
    uri: str
    host: str
    proto: str
    headers: tuple[tuple[str, str], ...]


def canonical(name: str) -> str:
    """A header's name as Go writes it: `x-request-id` is `X-Request-Id`."""
    return "-".join(part.capitalize() for part in name.split("-"))


def gathered(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The headers by name, sorted; without those that Go keeps apart."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(canonical(name), []).append(value)
    return {name: found[name] for name in sorted(found.keys() - _NOT_TOLD)}


def echo_body(
    asked: Asked, context: Mapping[str, str], port: int, tls: Mapping[str, Any] | None
) -> bytes:
    """The answer to any request that has no other."""
    document: dict[str, Any] = {
        "path": asked.uri,
        "host": asked.host,
        "method": asked.method,
        "proto": asked.proto,
        "headers": gathered(asked.headers),
        "httpPort": str(port),
        **context,
    }
    if tls is not None:
        document["tls"] = tls
    document["sni"] = tls["serverName"] if tls and "backendTLS" in asked.uri else ""
    return go_json(document, indent=1)


def wanted_headers(asked: Asked) -> list[tuple[str, str]]:
    """The headers of the answer that `X-Echo-Set-Header: name:value, name:value` asks for."""
    found: dict[str, str] = {}
    for value in gathered(asked.headers).get("X-Echo-Set-Header", []):
        for entry in value.split(","):
            name, _, content = entry.strip().partition(":")
            found[name] = f"{found[name]},{content.strip()}" if name in found else content
    return [(name, content) for name, content in found.items() if name]


def status_of(uri: str) -> int:
    """The status that `/status/NNN` asks for; 400 for anything else there."""
    match = re.fullmatch(r"/status/(\d\d\d)", uri)
    return int(match[1]) if match else 400


def seconds_of(duration: str) -> float:
    """A duration of Go's, such as `1.5s` or `2m30s`. Raises ValueError in Go's words."""
    if duration == "0":
        return 0.0
    pieces = _DURATION.findall(duration)
    if not pieces or "".join(number + unit for number, unit in pieces) != duration:
        raise ValueError(f'time: invalid duration "{duration}"')
    return sum(float(number) * _UNITS[unit] for number, unit in pieces)
