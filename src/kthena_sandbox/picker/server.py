"""The picker's ports: one for gateways, with TLS unless it is told otherwise, and one for its health."""

import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import trio

from kthena_sandbox.apiserver.auth.authority import new_authority, server_context
from kthena_sandbox.client import open_client
from kthena_sandbox.connections import Connections, HandshakeError, as_in_go, with_tls
from kthena_sandbox.entrance import Entrance
from kthena_sandbox.httpd.server import bind
from kthena_sandbox.kinds import Key
from kthena_sandbox.picker.pool import PoolView
from kthena_sandbox.picker.process import Picker
from kthena_sandbox.picker.settings import PickerSettings
from kthena_sandbox.rpc.health import health_check
from kthena_sandbox.rpc.service import Method, RpcApp

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"


class PickerServer:
    """One pod's server; `run` it once."""

    def __init__(
        self, settings: PickerSettings, address: str, entrance: Entrance, say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._address = address
        self._entrance = entrance
        self._say = say
        self._connections = Connections(as_in_go())

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Raises OSError where a port cannot be had."""
        given = self._settings
        async with open_client(self._entrance) as client, trio.open_nursery() as nursery:
            view = PoolView(client.named("lwepp"), Key(given.namespace, given.pool))
            picker = Picker(view.endpoints, self._say)
            methods: dict[str, Method] = {f"/{SERVICE}/Process": picker.process}
            if given.answers_health:
                methods |= health_check({SERVICE: True}.get)
            health = health_check(view.is_served)
            context = self._context() if given.tls else None
            await nursery.start(self._listen, given.port, methods, context)
            await nursery.start(self._listen, given.health_port, health, None)
            nursery.start_soon(view.run)
            task_status.started()

    def _context(self) -> ssl.SSLContext:
        """TLS with a certificate that nobody knows: gateways do not check it."""
        now = datetime.now(UTC)
        context = server_context(new_authority(now), [self._address], now)
        context.set_alpn_protocols(["h2"])
        return context

    async def _listen(
        self, port: int, methods: Mapping[str, Method], context: ssl.SSLContext | None, *,
        task_status: trio.TaskStatus[None],
    ) -> None:  # fmt: skip
        bound = trio.socket.from_stdlib_socket(bind(self._address, port))
        self._say(f"gRPC server listening on port {port}")
        task_status.started()
        serve = partial(self._serve, RpcApp(methods), context)
        await trio.serve_listeners(serve, [trio.SocketListener(bound)])

    async def _serve(
        self, app: RpcApp, context: ssl.SSLContext | None, plain: trio.SocketStream
    ) -> None:
        try:
            stream = plain if context is None else await with_tls(plain, context)
        except HandshakeError as error:
            self._say(f"grpc: handshake failed: {error}")
            return
        await self._connections.serve(app, stream)
