"""Sockets for UDP."""

import socket


def bind_datagrams(address: str, port: int) -> socket.socket:
    """A socket at the address. Raises OSError."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"listen udp {address}:{port}: {error.strerror}") from error
    bound.setblocking(False)
    return bound
