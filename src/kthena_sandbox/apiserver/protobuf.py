"""Bodies in `application/vnd.kubernetes.protobuf`, which Go clients send for built-in kinds, read as JSON.

The wire format is that of Protocol Buffers, in an envelope with a magic number and a
`runtime.Unknown` message. `protobuf_fields.txt` has a line for each message: its fields by number,
`-` where a field's own fields stand in its place; `[]` is repeated, `{}` a map from strings, and `*` a
field whose zero is a value: Go has a pointer there, or writes it in JSON even when it is empty. Other
scalars are written when they are zero too, but then nobody has set them.
"""

import base64
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import msgspec

from kthena_sandbox.apiserver.errors import ApiError, bad_request
from kthena_sandbox.schema.protobuf import split, varint_at

Document = dict[str, Any]
MAGIC = b"k8s\x00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPTIONS = frozenset({"DeleteOptions", "CreateOptions", "UpdateOptions", "PatchOptions"})


class Field(NamedTuple):
    """One field of a message; `name` is "" where the message's own fields stand in its place."""

    name: str
    type: str
    form: str = ""  # "[]" repeated, "{}" map, "*" a scalar whose zero is a value


@cache
def messages() -> Mapping[str, Mapping[int, Field]]:
    """Every message that is known, by name and field number."""
    path = resources.files("kthena_sandbox.apiserver") / "protobuf_fields.txt"
    lines = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: dict(_fields(text.strip())) for name, _, text in lines}


def _fields(text: str) -> Iterator[tuple[int, Field]]:
    for entry in filter(None, text.split(", ")):
        number, name, kind = entry.split(" ")
        form = next((form for form in ("[]", "{}", "*") if kind.startswith(form)), "")
        yield int(number), Field("" if name == "-" else name, kind.removeprefix(form), form)


def decode_protobuf(body: bytes) -> Document:
    """The object in an envelope. Raises ApiError 400, or 415 for a kind that is not known here."""
    if not body.startswith(MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix")
    try:
        return _unwrapped(body[len(MAGIC) :])
    except (
        IndexError,
        OverflowError,
        struct.error,
        UnicodeDecodeError,
        msgspec.DecodeError,
    ) as error:
        raise bad_request(f"unable to decode protobuf: {error}") from error


def _unwrapped(envelope: bytes) -> Document:
    parts = {number: value for number, _, value in split(envelope)}
    meta = {number: value.decode() for number, _, value in split(parts.get(1, b""))}
    version, kind = meta.get(1, ""), meta.get(2, "")
    name = _message_name(version, kind)
    if name not in messages():
        text = f"{kind} of {version} is not read from protobuf here; use application/json"
        raise ApiError(415, "UnsupportedMediaType", text)
    return {"apiVersion": version, "kind": kind} | _message(name, parts.get(2, b""))


def _message_name(version: str, kind: str) -> str:
    if kind in _OPTIONS:
        return f"meta.v1.{kind}"
    group, _, number = version.rpartition("/")
    return f"{group.partition('.')[0] or 'core'}.{number}.{kind}"


def _message(name: str, data: bytes) -> Document:
    document: Document = {}
    known = messages()[name]
    for number, wire, raw in split(data):
        field = known.get(number)
        if field is None:
            continue
        if field.form == "{}":
            key, value = _entry(field.type, raw)
            document.setdefault(field.name, {})[key] = value
        elif field.form == "[]":
            document.setdefault(field.name, []).extend(_elements(field.type, wire, raw))
        else:
            _set(document, field, _value(field.type, raw))
    return document


def _set(document: Document, field: Field, value: Any) -> None:
    if field.name == "":
        document.update(value)
    elif value is not None and (value or isinstance(value, dict) or _zero_is_a_value(field)):
        document[field.name] = value


def _zero_is_a_value(field: Field) -> bool:
    return field.form == "*" or field.type in _ANY_VALUE


def _entry(kind: str, data: bytes) -> tuple[str, Any]:
    parts = {number: value for number, _, value in split(data)}
    return parts.get(1, b"").decode(), _value(kind, parts.get(2, 0 if kind == "int" else b""))


def _elements(kind: str, wire: int, raw: Any) -> list[Any]:
    if kind != "int" or wire == 0:
        return [_value(kind, raw)]
    found, at = [], 0
    while at < len(raw):
        number, at = varint_at(raw, at)
        found.append(_value("int", number))
    return found


def _value(kind: str, raw: Any) -> Any:
    match kind:
        case "string":
            return raw.decode()
        case "int":
            return raw - (1 << 64) if raw >> 63 else raw
        case "bool":
            return bool(raw)
        case "bytes":
            return base64.b64encode(raw).decode()
        case "double":
            number: float = struct.unpack("<d", raw)[0]
            return int(number) if number.is_integer() else number
        case _ if kind in _SPECIAL:
            return _SPECIAL[kind](_raw_parts(raw))
        case _ if kind in _CHOICES:
            message = _message(kind, raw)
            return next((message[name] for name in _CHOICES[kind] if name in message), [])
        case _:
            return _message(kind, raw)


def _raw_parts(raw: bytes) -> dict[int, Any]:
    return {number: value for number, _, value in split(raw)}


def _moment(parts: Mapping[int, Any]) -> datetime | None:
    seconds, nanoseconds = _value("int", parts.get(1, 0)), parts.get(2, 0)
    if not seconds and not nanoseconds:
        return None
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)


def _time(parts: Mapping[int, Any]) -> str | None:
    moment = _moment(parts)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z" if moment else None


def _micro_time(parts: Mapping[int, Any]) -> str | None:
    moment = _moment(parts)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z" if moment else None


def _int_or_string(parts: Mapping[int, Any]) -> int | str:
    text: bytes = parts.get(3, b"")
    number: int = _value("int", parts.get(2, 0))
    return text.decode() if parts.get(1) else number


def _json(parts: Mapping[int, Any]) -> Any:
    return msgspec.json.decode(parts[1]) if parts.get(1) else None


_SPECIAL: Mapping[str, Callable[[Mapping[int, Any]], Any]] = {
    "meta.v1.Time": _time,
    "meta.v1.MicroTime": _micro_time,
    "api.resource.Quantity": lambda parts: parts.get(1, b"").decode(),
    "util.intstr.IntOrString": _int_or_string,
    "runtime.RawExtension": _json,
    "meta.v1.FieldsV1": _json,
    "apiextensions.v1.JSON": _json,
}
# Messages that stand for the first of these fields that they have.
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "authentication.v1.ExtraValue": ("items",),
    "authorization.v1.ExtraValue": ("items",),
    "certificates.v1.ExtraValue": ("items",),
    "apiextensions.v1.JSONSchemaPropsOrArray": ("jSONSchemas", "schema"),
    "apiextensions.v1.JSONSchemaPropsOrBool": ("schema", "allows"),
    "apiextensions.v1.JSONSchemaPropsOrStringArray": ("property", "schema"),
}
# Types whose values may be zero, false or an empty list and say something all the same.
_ANY_VALUE = frozenset({
    "util.intstr.IntOrString", "runtime.RawExtension", "apiextensions.v1.JSON", *_CHOICES,
})  # fmt: skip
