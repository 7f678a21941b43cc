"""Sockets for UDP."""

import trio


async def open_datagrams(address: str, port: int) -> trio.socket.SocketType:
    """A socket at the address. Raises OSError."""
    bound = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    try:
        await bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"listen udp {address}:{port}: {error.strerror}") from error
    return bound
