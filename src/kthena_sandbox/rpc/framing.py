"""Messages of gRPC in bodies of HTTP/2: a flag, four bytes of length, and the message. Pure."""

import struct
from collections.abc import Iterator
from urllib.parse import quote

LARGEST_MESSAGE = 4 * 1024 * 1024  # what gRPC's servers take unless they are told otherwise
_HEAD = struct.Struct(">BI")


class RpcError(Exception):
    """A call that fails, with its code and text as the client reads them."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


OK = 0
RESOURCE_EXHAUSTED = 8
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14


def framed(message: bytes) -> bytes:
    """A message as it is sent, uncompressed."""
    return _HEAD.pack(0, len(message)) + message


class Frames:
    """Takes bytes as they come, and gives complete messages."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def complete(self) -> bool:
        """Whether nothing was begun."""
        return not self._rest

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that *data* completes. Raises RpcError for compressed and oversized ones."""
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            compressed, length = _HEAD.unpack_from(self._rest)
            if compressed:
                raise RpcError(UNIMPLEMENTED, "compressed messages are not read here")
            if length > LARGEST_MESSAGE:
                text = f"received message larger than max ({length} vs. {LARGEST_MESSAGE})"
                raise RpcError(RESOURCE_EXHAUSTED, f"grpc: {text}")
            end = _HEAD.size + length
            if len(self._rest) < end:
                return
            message, self._rest = self._rest[_HEAD.size : end], self._rest[end:]
            yield message


def encoded_text(message: str) -> bytes:
    """The value of `grpc-message`: printable ASCII, and everything else percent-encoded."""
    printable = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
    return quote(message, safe=printable).encode()
