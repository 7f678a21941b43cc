"""Listening sockets: bound before anybody serves, so that a port that cannot be had is an answer and not a crash."""

import errno
import os
import socket

BACKLOG = 1024
KEEPALIVE_IDLE_SECONDS = 30
KEEPALIVE_INTERVAL_SECONDS = 10
KEEPALIVE_PROBES = 3
EPHEMERAL_ATTEMPTS = 10
# A machine without one of the two protocols answers with one of these.
FAMILY_MISSING = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})
REASONS = {
    errno.EADDRINUSE: "the port is in use by another process",
    errno.EACCES: "permission denied: ports below 1024 need the capability NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EMFILE: "no file descriptor left: raise the limit on open files",
    errno.ENFILE: "no file descriptor left on this machine",
}


class PortUnavailable(Exception):
    """A port cannot be bound; *reason* is for the operator."""

    def __init__(self, address: str, port: int, reason: str) -> None:
        super().__init__(f"cannot listen on {_authority(address, port)}: {reason}")
        self.port = port
        self.reason = reason


def bind(address: str, port: int, *, stall_timeout: float) -> list[socket.socket]:
    """Return listening sockets for *address*: one, or one for IPv4 and one for IPv6 where it is "" (all interfaces).

    Port 0 takes a free one, the same for both. A client that takes no bytes for *stall_timeout* seconds is cut off by
    the kernel. Raises PortUnavailable.
    """
    attempts = EPHEMERAL_ATTEMPTS if port == 0 else 1  # what is free for IPv4 may be taken for IPv6
    while True:
        attempts -= 1
        try:
            return _bind_all(address, port, stall_timeout)
        except OSError as error:
            if not attempts:
                raise PortUnavailable(address, port, _explain(error)) from error


def _bind_all(address: str, port: int, stall_timeout: float) -> list[socket.socket]:
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, host in _hosts(address):
            try:
                bound.append(_listen(family, host, port, stall_timeout))
            except OSError as error:
                if address or error.errno not in FAMILY_MISSING:
                    raise
                missing = error
                continue
            port = bound[0].getsockname()[1]
        if missing is not None and not bound:
            raise missing
    except OSError:
        for one in bound:
            one.close()
        raise
    return bound


def _hosts(address: str) -> list[tuple[socket.AddressFamily, str]]:
    if not address:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104 - all interfaces is the default
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise OSError(errno.EADDRNOTAVAIL, str(error)) from error
    family, *_, location = found[0]
    return [(family, str(location[0]))]


def _listen(
    family: socket.AddressFamily, host: str, port: int, stall_timeout: float
) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _find_dead_clients(listening, stall_timeout)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _find_dead_clients(listening: socket.socket, stall_timeout: float) -> None:
    """Set what accepted sockets inherit: an end to clients that do not read, and to machines that are gone."""
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_timeout * 1000))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS),
        (socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS),
        (socket.TCP_KEEPCNT, KEEPALIVE_PROBES),
    ):
        listening.setsockopt(socket.IPPROTO_TCP, option, value)


def _explain(error: OSError) -> str:
    number = error.errno or 0
    return REASONS.get(number) or error.strerror or os.strerror(number)


def _authority(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address or '*'}:{port}"
