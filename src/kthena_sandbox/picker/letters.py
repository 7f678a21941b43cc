"""Messages of Envoy's `external_processor.proto`, as far as the picker reads and writes them. Pure."""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kthena_sandbox.schema.protobuf import block, boolean, split, text

# Fields of ProcessingRequest and, for the answers, of ProcessingResponse.
REQUEST_HEADERS, RESPONSE_HEADERS, REQUEST_BODY, RESPONSE_BODY = 2, 3, 4, 5
_METADATA = 8
_ANSWERS = {REQUEST_HEADERS: 1, RESPONSE_HEADERS: 2, REQUEST_BODY: 3, RESPONSE_BODY: 4}
_DYNAMIC_METADATA = 8
_DESTINATION = "x-gateway-destination-endpoint"
_SERVED = "x-conformance-test-served-endpoint"
_NAMESPACE = "envoy.lb"


@dataclass(frozen=True)
class Asked:
    """One ProcessingRequest. `part` is the number of its field, 0 for one that means nothing here."""

    part: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    ends: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)


def read_request(message: bytes) -> Asked:
    """What a gateway says. Raises IndexError, struct.error, UnicodeDecodeError."""
    fields = {number: value for number, _, value in split(message)}
    part = next((number for number in _ANSWERS if number in fields), 0)
    inner = {number: value for number, _, value in split(fields.get(part, b""))}
    metadata = dict(_map(fields.get(_METADATA, b""), _struct))
    if part in {REQUEST_HEADERS, RESPONSE_HEADERS}:
        return Asked(part, tuple(_headers(inner.get(1, b""))), bool(inner.get(3)), metadata)
    return Asked(part, (), bool(inner.get(2)), metadata)


def _headers(message: bytes) -> Iterator[tuple[str, str]]:
    for number, _, header in split(message):
        if number == 1:
            parts = {number: value.decode() for number, _, value in split(header)}
            yield parts.get(1, ""), parts.get(3) or parts.get(2, "")


def _map(message: bytes, read: Callable[[bytes], Any]) -> Iterator[tuple[str, Any]]:
    """The entries of a message's first field, which is a map from texts."""
    for number, _, entry in split(message):
        if number == 1:
            parts = {number: value for number, _, value in split(entry)}
            yield parts.get(1, b"").decode(), read(parts.get(2, b""))


def _struct(message: bytes) -> dict[str, Any]:
    """A `google.protobuf.Struct`."""
    return dict(_map(message, _value))


def _value(message: bytes) -> Any:
    """A `google.protobuf.Value`."""
    for number, _, raw in split(message):
        match number:
            case 2:
                return struct.unpack("<d", raw)[0]
            case 3:
                return raw.decode()
            case 4:
                return bool(raw)
            case 5:
                return _struct(raw)
            case 6:
                return [_value(one) for _, _, one in split(raw)]
    return None


def to_endpoint(endpoint: str) -> bytes:
    """The answer to a request's headers: where it should go."""
    pairs = [(_DESTINATION, endpoint), ("X-Echo-Set-Header", f"{_SERVED}:{endpoint}")]
    common = _mutation(pairs) + boolean(5, True)
    served = block(1, text(1, _DESTINATION) + block(2, text(3, endpoint)))
    metadata = block(1, text(1, _NAMESPACE) + block(2, block(5, served)))
    return block(_ANSWERS[REQUEST_HEADERS], block(1, common)) + block(_DYNAMIC_METADATA, metadata)


def served_by(asked: Asked) -> bytes:
    """The answer to an answer's headers: which endpoint the gateway says has served it."""
    told = asked.metadata.get(_NAMESPACE)
    if not isinstance(told, dict):
        served = "fail: missing envoy lb metadata"
    else:
        missing = "fail: missing destination endpoint served metadata"
        served = told.get(f"{_DESTINATION}-served") or missing
    pairs = [(_SERVED, served), ("x-went-into-resp-headers", "true"), *asked.headers]
    return block(_ANSWERS[RESPONSE_HEADERS], block(1, _mutation(pairs)))


def go_on(part: int) -> bytes:
    """The answer to a piece of a body: nothing is changed."""
    return block(_ANSWERS[part], block(1, b""))


def _mutation(pairs: Iterable[tuple[str, str]]) -> bytes:
    options = [block(1, text(1, name) + text(3, value)) for name, value in pairs]
    return block(2, b"".join(block(1, option) for option in options))
