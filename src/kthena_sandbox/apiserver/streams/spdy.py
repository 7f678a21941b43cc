"""SPDY/3.1 as clients of Kubernetes use it for port-forward: bytes in, events out, and bytes to send. Pure.

https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/, section 2. Flow control is left out on both sides, as
in the library that Kubernetes uses (moby/spdystream): windows are neither announced nor heeded.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_NAMES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
)
_MORE_NAMES = "version HTTP/1.1 url public set-cookie keep-alive origin"
_CODES = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
_SYN_REPLY, _RST_STREAM, _PING = 2, 3, 6
_VERSION = 3
_FIN = 1
_LARGEST_FRAME = 1024 * 1024
_LARGEST_HEADERS = 64 * 1024
_CONTROL = 0x80000000
PROTOCOL_ERROR, CANCEL = 1, 5


def _counted(words: Iterable[str]) -> bytes:
    return b"".join(struct.pack(">I", len(word)) + word.encode() for word in words)


DICTIONARY = _counted([*_NAMES.split(), "200 OK", *_MORE_NAMES.split()]) + _CODES.encode()


class SpdyError(Exception):
    """The other side does not speak SPDY/3.1."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """A stream of the client's; header names are in lower case."""

    stream: int
    headers: Mapping[str, str]
    ended: bool


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Bytes on a stream, the last ones where it `ended`."""

    stream: int
    data: bytes
    ended: bool


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The client gave a stream up."""

    stream: int


Event = StreamOpened | DataReceived | StreamReset


class SpdyConnection:
    """The server's side of one connection. What is to be sent gathers until `take`."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._output = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def take(self) -> bytes:
        """All that is to be sent now."""
        output, self._output = bytes(self._output), bytearray()
        return output

    def receive(self, data: bytes) -> Iterator[Event]:
        """What the bytes say. Raises SpdyError."""
        self._received += data
        while len(self._received) >= 8:
            first, second = struct.unpack_from(">II", self._received)
            flags, length = second >> 24, second & 0xFFFFFF
            if length > _LARGEST_FRAME:
                raise SpdyError(f"a frame of {length} bytes")
            if len(self._received) < 8 + length:
                return
            payload = bytes(self._received[8 : 8 + length])
            del self._received[: 8 + length]
            if not first & _CONTROL:
                yield DataReceived(first, payload, bool(flags & _FIN))
                continue
            if (first & ~_CONTROL) >> 16 != _VERSION:
                raise SpdyError("another version than SPDY/3")
            yield from self._control(first & 0xFFFF, flags, payload)

    def _control(self, kind: int, flags: int, payload: bytes) -> Iterator[Event]:
        ended = bool(flags & _FIN)
        try:
            match kind:
                case 1:  # SYN_STREAM
                    (stream,) = struct.unpack_from(">I", payload)
                    yield StreamOpened(stream, self._headers(payload[10:]), ended)
                case (
                    2 | 8
                ):  # SYN_REPLY, HEADERS: read all the same, for the compression is one stream
                    self._headers(payload[4:])
                case 3:  # RST_STREAM
                    (stream,) = struct.unpack_from(">I", payload)
                    yield StreamReset(stream)
                case 6:  # PING
                    self._frame(_PING, payload)
                case _:  # SETTINGS, GOAWAY, WINDOW_UPDATE
                    return
        except (struct.error, UnicodeDecodeError, zlib.error) as error:
            raise SpdyError(
                f"a control frame of type {kind} that cannot be read: {error}"
            ) from None

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block, _LARGEST_HEADERS)
        if self._inflate.unconsumed_tail:
            raise SpdyError("too many headers")
        (count,) = struct.unpack_from(">I", plain)
        texts, offset = [], 4
        for _ in range(2 * count):
            (length,) = struct.unpack_from(">I", plain, offset)
            texts.append(plain[offset + 4 : offset + 4 + length].decode())
            offset += 4 + length
        return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}

    def accept(self, stream: int) -> None:
        """Answer a new stream, without headers."""
        block = self._deflate.compress(struct.pack(">I", 0))
        block += self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._frame(_SYN_REPLY, struct.pack(">I", stream) + block)

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Bytes on a stream; with *end* the last ones."""
        flags = _FIN if end else 0
        self._output += struct.pack(">II", stream, flags << 24 | len(data)) + data

    def reset(self, stream: int, status: int = CANCEL) -> None:
        """Give a stream up."""
        self._frame(_RST_STREAM, struct.pack(">II", stream, status))

    def _frame(self, kind: int, payload: bytes) -> None:
        self._output += struct.pack(">II", _CONTROL | _VERSION << 16 | kind, len(payload)) + payload
