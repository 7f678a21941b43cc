"""Port-forward over WebSocket channels (`v4.channel.k8s.io`), which clients other than kubectl use.

The first byte of a message is its channel: of the *i*-th port 2*i* carries the data and 2*i*+1 a text where the connection
fails. The first message on each is the port, in two bytes, the lower one first (kubernetes pkg/kubelet/cri/streaming/
portforward/websocket.go).
"""

import struct
from collections.abc import Sequence
from contextlib import suppress

import trio

from kthena_sandbox.apiserver.streams.forwarding import BROKEN, Dial, failure_text, pump
from kthena_sandbox.apiserver.streams.websocket import WebSocket

_PIECES = 16


class ChannelForwarding:
    """One WebSocket with the connections to all ports that it asks for."""

    def __init__(self, socket: WebSocket, ports: Sequence[int], dial: Dial, pod: str) -> None:
        self._socket = socket
        self._ports = ports
        self._dial = dial
        self._pod = pod
        self._pieces = [trio.open_memory_channel[bytes](_PIECES) for _ in ports]

    async def run(self) -> None:
        """Serve until the client leaves, or all connections have ended."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._connect_all, nursery.cancel_scope)
            while message := await self._socket.next_message():
                index, is_error = divmod(message[0], 2)
                if not is_error and index < len(self._ports) and len(message) > 1:
                    with suppress(trio.BrokenResourceError):  # that connection has ended
                        await self._pieces[index][0].send(message[1:])
            nursery.cancel_scope.cancel()
        await self._socket.close()

    async def _connect_all(self, scope: trio.CancelScope) -> None:
        async with trio.open_nursery() as nursery:
            for index in range(len(self._ports)):
                nursery.start_soon(self._connect, index)
        scope.cancel()

    async def _connect(self, index: int) -> None:
        async def send(data: bytes) -> None:
            await self._socket.send_message(bytes([2 * index]) + data)

        port, failure = self._ports[index], ""
        try:
            for channel in (2 * index, 2 * index + 1):
                await self._socket.send_message(bytes([channel]) + struct.pack("<H", port))
            with self._pieces[index][1] as pieces:
                async with await self._dial(port) as stream:
                    await pump(stream, pieces, send)
        except* OSError as errors:
            failure = failure_text(port, self._pod, errors)
        except* BROKEN:
            failure = failure_text(port, self._pod, "the connection was reset")
        if failure:
            with suppress(*BROKEN):
                await self._socket.send_message(bytes([2 * index + 1]) + failure.encode())
