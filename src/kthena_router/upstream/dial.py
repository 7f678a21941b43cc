"""Open connections to endpoints: TCP, and TLS on top where the endpoint asks for it."""

import errno
import os
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import trio
from trio.lowlevel import wait_readable, wait_writable

from kthena_router.concurrency.readiness import Readiness
from kthena_router.upstream.connection import Connection


class Address(NamedTuple):
    """Where to connect; *tls* is the host name that the certificate has to bear, None is clear text."""

    host: str  # an IP address, or a name to look up
    port: int
    tls: str | None = None


Dial = Callable[[Address], Awaitable[Connection]]

_PROBE_AFTER_SECONDS = 30
_PROBE_EVERY_SECONDS = 10
_PROBES = 3


def make_tls_context(*, verify: bool = True, ca_file: str | None = None) -> ssl.SSLContext:
    """Return settings for TLS to endpoints: HTTP/1.1 only; *ca_file* None means the system's authorities.

    Raises OSError where *ca_file* cannot be read (ssl.SSLError where it holds no certificate).
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Dialler:
    """Opens connections with one set of TLS settings, None for the default ones, that wait at *readiness*.

    Calling it raises OSError where no connection comes about, ValueError where the host's name cannot be one.
    """

    def __init__(
        self, tls: ssl.SSLContext | None = None, readiness: Readiness | None = None
    ) -> None:
        self._tls = tls
        self._readiness = readiness

    async def __call__(self, address: Address) -> Connection:
        """Connect to the first of the host's addresses that accepts."""
        sock = await _connect_any(address)
        if address.tls is None:
            return Connection(sock, self._readiness)
        try:
            return Connection(await self._wrap(sock, address.tls))
        except BaseException:
            sock.close()
            raise

    async def _wrap(self, plain: socket.socket, server_name: str) -> ssl.SSLSocket:
        if self._tls is None:
            self._tls = (
                make_tls_context()
            )  # reads the system's authorities, 20 ms: only when needed
        sock = self._tls.wrap_socket(
            plain,
            server_hostname=server_name,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,  # an end without TLS's farewell may be an attacker's
        )
        try:
            await _shake_hands(sock)
        except BaseException:
            sock.close()
            raise
        return sock


async def _shake_hands(sock: ssl.SSLSocket) -> None:
    while True:
        try:
            return sock.do_handshake()
        except ssl.SSLWantReadError:
            await wait_readable(sock)
        except ssl.SSLWantWriteError:
            await wait_writable(sock)


async def _connect_any(address: Address) -> socket.socket:
    found = await trio.socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    last_error = OSError(f"{address.host} has no address")
    for family, kind, protocol, _, where in found:
        try:
            return await _connect(socket.socket(family, kind, protocol), where)
        except OSError as error:
            last_error = error
    raise last_error


async def _connect(sock: socket.socket, where: tuple[object, ...]) -> socket.socket:
    try:
        sock.setblocking(False)
        _tune(sock)
        code = sock.connect_ex(where)
        if code == errno.EINPROGRESS:
            code = sock.connect_ex(where)  # on one machine it is done already
        if code == errno.EALREADY:
            await wait_writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code not in {0, errno.EISCONN}:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


def _tune(sock: socket.socket) -> None:
    """No delay for small writes (its absence costs 44 ms of TTFT), and probes that find a peer whose machine has died."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_EVERY_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
