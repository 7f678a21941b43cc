"""Notice within half a minute that the far end of a watch has vanished without a word."""

import socket

import httpx

IDLE_SECONDS = 15
INTERVAL_SECONDS = 5
PROBES = 3

_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_SECONDS),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL_SECONDS),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES),
)


def probe_peer(response: httpx.Response) -> None:
    """Let the kernel probe the peer of *response*: a watch may rightly be silent for minutes (RFC 9293, 3.8.4)."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if connection is not None:
        for level, option, value in _OPTIONS:
            connection.setsockopt(level, option, value)
