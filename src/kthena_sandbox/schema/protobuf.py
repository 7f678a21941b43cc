"""The protobuf wire format, as much of it as messages of texts, numbers and messages need."""

import struct
from collections.abc import Iterator
from typing import Any


def varint(value: int) -> bytes:
    """A non-negative number in groups of seven bits."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def block(number: int, content: bytes) -> bytes:
    """A field of bytes: a text or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def text(number: int, value: str) -> bytes:
    """A text field; absent when empty, as in proto3."""
    return block(number, value.encode()) if value else b""


def integer(number: int, value: int) -> bytes:
    """An int64 field, also for negative numbers; absent when zero."""
    return varint(number << 3) + varint(value & 0xFFFF_FFFF_FFFF_FFFF) if value else b""


def boolean(number: int, value: bool) -> bytes:
    """A bool field; absent when false."""
    return integer(number, int(value))


def double(number: int, value: float) -> bytes:
    """A double field; absent when zero."""
    return varint(number << 3 | 1) + struct.pack("<d", value) if value else b""


def varint_at(data: bytes, at: int) -> tuple[int, int]:
    """The number at *at*, and where it ends. Raises IndexError."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def split(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Field number, wire type and raw value, in the order of the wire. Raises IndexError."""
    at = 0
    while at < len(data):
        tag, at = varint_at(data, at)
        number, wire = tag >> 3, tag & 7
        value: Any
        if wire == 0:
            value, at = varint_at(data, at)
        else:
            length = {1: 8, 5: 4}.get(wire)
            if length is None:
                length, at = varint_at(data, at)
            if at + length > len(data):
                raise IndexError("unexpected EOF")
            value, at = data[at : at + length], at + length
        yield number, wire, value
