"""Method `Process` of Envoy's external processors: a stream for each request of the gateway's."""

import struct
from collections.abc import Callable

from kthena_sandbox.picker.choice import Endpoint, candidates
from kthena_sandbox.picker.letters import (
    REQUEST_BODY,
    REQUEST_HEADERS,
    RESPONSE_BODY,
    RESPONSE_HEADERS,
    Asked,
    go_on,
    read_request,
    served_by,
    to_endpoint,
)
from kthena_sandbox.rpc.framing import INTERNAL, RpcError
from kthena_sandbox.rpc.service import Conversation


class Picker:
    """Lets the endpoints of a pool take turns."""

    def __init__(self, endpoints: Callable[[], list[Endpoint]], say: Callable[[str], None]) -> None:
        self._endpoints = endpoints
        self._say = say
        self._turn = 0

    async def process(self, call: Conversation) -> None:
        """One request from its headers to the end of its answer. Raises RpcError."""
        found: list[Endpoint] = []
        waits = False
        while (message := await call.receive()) is not None:
            asked = _read(message)
            if asked.part == REQUEST_HEADERS:
                found, waits = self._candidates(asked), True
            if waits and asked.ends:
                await call.send(self._pick(found))
                waits = False
            if asked.part == RESPONSE_HEADERS:
                await call.send(served_by(asked))
            elif asked.part in {REQUEST_BODY, RESPONSE_BODY}:
                await call.send(go_on(asked.part))

    def _candidates(self, asked: Asked) -> list[Endpoint]:
        if endpoints := self._endpoints():
            return candidates(endpoints, dict(asked.headers), asked.metadata)
        raise _unavailable("no pods available")

    def _pick(self, found: list[Endpoint]) -> bytes:
        if not found:
            raise _unavailable("no endpoints available")
        self._turn += 1
        endpoint = str(found[self._turn % len(found)])
        self._say(f"Selected endpoint {endpoint}")
        return to_endpoint(endpoint)


def _read(message: bytes) -> Asked:
    try:
        return read_request(message)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        text = f"grpc: error unmarshalling request: {error}"
        raise RpcError(INTERNAL, text) from error


def _unavailable(text: str) -> RpcError:
    return RpcError(INTERNAL, f"internal error: rpc error: code = Unavailable desc = {text}")
