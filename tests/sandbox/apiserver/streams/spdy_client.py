"""The client's side of SPDY/3.1, for tests."""

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import trio

from kthena_sandbox.apiserver.streams.spdy import DICTIONARY

FIN = 1


def data(stream: int, content: bytes, flags: int = 0) -> bytes:
    return struct.pack(">II", stream, flags << 24 | len(content)) + content


def control(kind: int, payload: bytes, version: int = 3) -> bytes:
    return struct.pack(">II", 0x80000000 | version << 16 | kind, len(payload)) + payload


class SpdyClient:
    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._rest = b""

    def block(self, headers: Mapping[str, str]) -> bytes:
        texts = [text.encode() for pair in headers.items() for text in pair]
        plain = struct.pack(">I", len(headers))
        plain += b"".join(struct.pack(">I", len(text)) + text for text in texts)
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def open(self, stream: int, **headers: str) -> bytes:
        return control(1, struct.pack(">IIBB", stream, 0, 0, 0) + self.block(headers))

    def frames(self, received: bytes) -> list[tuple[Any, ...]]:
        """(stream, bytes, whether it is the last) of data, (kind, stream or ping) of control frames."""
        found: list[tuple[Any, ...]] = []
        self._rest += received
        while len(self._rest) >= 8:
            first, second = struct.unpack_from(">II", self._rest)
            length = second & 0xFFFFFF
            if len(self._rest) < 8 + length:
                break
            payload, self._rest = self._rest[8 : 8 + length], self._rest[8 + length :]
            if first & 0x80000000:
                if first & 0xFFFF == 2:
                    assert self._inflate.decompress(payload[4:]) == b"\0\0\0\0"
                found.append((first & 0xFFFF, struct.unpack_from(">I", payload)[0]))
            else:
                found.append((first, payload, bool(second >> 24 & FIN)))
        return found


class Talk:
    """A conversation over a stream of bytes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.client = SpdyClient()
        self._seen: list[tuple[Any, ...]] = []

    async def open_pair(self, request: str, port: int, error: int, content: int) -> None:
        for stream, kind in ((error, "error"), (content, "data")):
            headers = {"streamtype": kind, "port": str(port), "requestid": request}
            await self.stream.send_all(self.client.open(stream, **headers))
        await self.stream.send_all(data(error, b"", FIN))

    async def all_of(self, stream: int) -> bytes:
        """What comes on a stream, to its end."""
        with trio.fail_after(60):
            while not any(frame[0] == stream and frame[-1] is True for frame in self._seen):
                received = bytes(await self.stream.receive_some())
                assert received
                self._seen += self.client.frames(received)
        frames = [frame for frame in self._seen if len(frame) == 3 and frame[0] == stream]
        return b"".join(frame[1] for frame in frames)
