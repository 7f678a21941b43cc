"""gRPC's own health protocol (`grpc.health.v1.Health`): both sides of `Check`."""

from collections.abc import Callable

import trio

from kthena_sandbox.rpc.client import call
from kthena_sandbox.rpc.framing import RpcError
from kthena_sandbox.rpc.service import Call, Method
from kthena_sandbox.schema.protobuf import integer, split, text

_CHECK = "/grpc.health.v1.Health/Check"
_NOT_FOUND = 5
_STATES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")


def health_check(is_served: Callable[[str], bool | None]) -> dict[str, Method]:
    """The method; *is_served* tells of a service whether it is, None where there is no such service."""

    async def check(asked: Call) -> None:
        message = await asked.receive()
        service = {number: value for number, _, value in split(message or b"")}.get(1, b"")
        served = is_served(service.decode())
        if served is None:
            raise RpcError(_NOT_FOUND, "unknown service")
        await asked.send(integer(1, 1 if served else 2))

    return {_CHECK: check}


async def ask_health(stream: trio.abc.Stream, authority: str, service: str) -> str:
    """The state of a service, as `SERVING`. Raises RpcError."""
    answer = await call(stream, authority, _CHECK, text(1, service))
    number = {number: value for number, _, value in split(answer)}.get(1, 0)
    return _STATES[number] if number < len(_STATES) else str(number)
