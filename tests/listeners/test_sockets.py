import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kthena_router.listeners.sockets import PortUnavailable, bind


@contextmanager
def bound(address: str, port: int = 0, stall_timeout: float = 60) -> Iterator[list[socket.socket]]:
    sockets = bind(address, port, stall_timeout=stall_timeout)
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def port_of(one: socket.socket) -> int:
    return int(one.getsockname()[1])


def test_all_interfaces_are_one_port_for_each_version_of_ip() -> None:
    with bound("") as sockets:
        assert [one.family for one in sockets] == [socket.AF_INET, socket.AF_INET6]
        assert port_of(sockets[0]) == port_of(sockets[1])


def test_a_machine_without_ipv6_is_served_over_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without_ipv6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, kind)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    with bound("") as sockets:
        assert [one.family for one in sockets] == [socket.AF_INET]


def test_one_address_is_one_socket() -> None:
    with bound("127.0.0.5") as [one]:
        assert one.getsockname()[0] == "127.0.0.5"


def test_accepted_sockets_inherit_the_end_of_clients_that_do_not_read() -> None:
    with (
        bound("127.0.0.1", stall_timeout=2.5) as [one],
        socket.create_connection(one.getsockname()),
    ):
        one.setblocking(True)
        accepted, _ = one.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 2500
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_a_port_in_use_is_said_to_be_and_can_be_had_when_it_is_free() -> None:
    with bound("127.0.0.1") as [taken]:
        port = port_of(taken)
        with pytest.raises(PortUnavailable) as caught:
            bind("127.0.0.1", port, stall_timeout=60)
        assert str(caught.value) == (
            f"cannot listen on 127.0.0.1:{port}: the port is in use by another process"
        )
    with bound("127.0.0.1", port):
        pass


def test_a_port_taken_on_one_version_of_ip_is_not_half_bound() -> None:
    with bound("::1") as [taken]:
        port = port_of(taken)
        with pytest.raises(PortUnavailable, match="in use"):
            bind("", port, stall_timeout=60)
        with bound("127.0.0.1", port):
            pass


def test_a_port_can_be_had_again_while_its_old_clients_are_connected() -> None:
    with bound("127.0.0.1") as [old], socket.create_connection(old.getsockname()):
        old.setblocking(True)
        accepted, _ = old.accept()
        port = port_of(old)
        old.close()
        with accepted, bound("127.0.0.1", port):
            pass


def test_a_missing_permission_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Forbidden)
    with pytest.raises(
        PortUnavailable, match=r"cannot listen on \*:80: permission denied: .*NET_BIND"
    ):
        bind("", 80, stall_timeout=60)


def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(PortUnavailable, match="this machine does not have that address"):
        bind("192.0.2.1", 0, stall_timeout=60)


def test_a_name_that_does_not_resolve_is_explained() -> None:
    with pytest.raises(PortUnavailable, match="this machine does not have that address"):
        bind("not an address", 0, stall_timeout=60)
