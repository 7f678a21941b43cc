import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st
from tests.sandbox.apiserver.streams.spdy_client import FIN, SpdyClient, control, data

from kthena_sandbox.apiserver.streams.spdy import (
    DICTIONARY,
    DataReceived,
    SpdyConnection,
    SpdyError,
    StreamOpened,
    StreamReset,
)


def test_the_dictionary_is_that_of_the_standard() -> None:
    """Its checksum stands at the head of every compressed stream."""
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_frames_come_in_any_pieces() -> None:
    client, server = SpdyClient(), SpdyConnection()
    sent = client.open(1, Port="80", streamType="error") + data(1, b"", FIN)
    sent += client.open(3, port="80") + data(3, b"hello") + control(3, struct.pack(">II", 3, 5))
    events = [event for byte in sent for event in server.receive(bytes([byte]))]
    assert events == [
        StreamOpened(1, {"port": "80", "streamtype": "error"}, ended=False),
        DataReceived(1, b"", ended=True),
        StreamOpened(3, {"port": "80"}, ended=False),
        DataReceived(3, b"hello", ended=False),
        StreamReset(3),
    ]


def test_what_is_sent() -> None:
    client, server = SpdyClient(), SpdyConnection()
    server.accept(1)
    server.accept(3)
    server.send(3, b"hello")
    server.send(3, b"", end=True)
    server.reset(1)
    assert client.frames(server.take()) == [
        (2, 1), (2, 3), (3, b"hello", False), (3, b"", True), (3, 1),
    ]  # fmt: skip
    assert server.take() == b""


def test_pings_are_answered_and_other_frames_left_alone() -> None:
    server = SpdyConnection()
    others = control(4, b"\0\0\0\0") + control(9, bytes(8)) + control(7, bytes(8))
    assert list(server.receive(others + control(6, b"\0\0\0\x07"))) == []
    assert server.take() == control(6, b"\0\0\0\x07")


def test_headers_of_other_frames_are_read_for_the_sake_of_those_that_follow() -> None:
    client, server = SpdyClient(), SpdyConnection()
    sent = control(8, b"\0\0\0\1" + client.block({"a": "b"})) + client.open(1, port="80")
    assert list(server.receive(sent)) == [StreamOpened(1, {"port": "80"}, ended=False)]


@pytest.mark.parametrize(
    "sent",
    [
        control(1, b"\0\0\0\1"),
        control(1, bytes(10) + b"not compressed"),
        control(6, b"", version=2),
        struct.pack(">II", 1, 0xFFFFFF),
    ],
    ids=["short", "headers", "version", "length"],
)
def test_what_is_no_spdy_is_refused(sent: bytes) -> None:
    with pytest.raises(SpdyError):
        list(SpdyConnection().receive(sent))


def test_headers_that_blow_up_are_refused() -> None:
    client = SpdyClient()
    with pytest.raises(SpdyError, match="too many headers"):
        list(SpdyConnection().receive(client.open(1, port="0" * 100_000)))


@given(st.integers(1, 12), st.integers(0, 3), st.binary(max_size=64), st.binary(max_size=64))
def test_bytes_of_any_kind_do_no_harm(kind: int, flags: int, payload: bytes, rest: bytes) -> None:
    head = struct.pack(">II", 0x80030000 | kind, flags << 24 | len(payload))
    with suppress(SpdyError):
        list(SpdyConnection().receive(head + payload + rest))
