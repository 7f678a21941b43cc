"""The application of the metrics port: `/metrics` and nothing else."""

from collections.abc import Callable

from kthena_router.admin.management_app import respond_not_found
from kthena_router.listeners.asgi import ASGIApp, Receive, Scope, Send, respond


def metrics_app(render: Callable[[], tuple[bytes, str]]) -> ASGIApp:
    """Return the application that answers `/metrics` with what *render* returns: the exposition and its content type."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/metrics":
            await respond_not_found(send)
            return
        exposition, content_type = render()
        await respond(send, 200, exposition, [(b"content-type", content_type.encode())])

    return app
