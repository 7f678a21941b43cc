"""A client's end of a connection, as bytes."""

import trio

Client = trio.abc.HalfCloseableStream


class ClientEnd:
    """Says and hears bytes on *client*."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def say(self, data: bytes) -> None:
        await self.client.send_all(data)

    async def hear_to_the_end(self) -> bytes:
        heard = b""
        while piece := await self.client.receive_some(65536):
            heard += bytes(piece)
        return heard

    async def hear_until(self, ending: bytes) -> bytes:
        heard = b""
        while not heard.endswith(ending):
            piece = await self.client.receive_some(65536)
            assert piece, f"ended after {heard!r}"
            heard += bytes(piece)
        return heard
