"""The application of the management port: is the router alive, is it ready."""

from kthena_router.listeners.asgi import JSON_CONTENT, ASGIApp, Receive, Scope, Send, respond
from kthena_router.telemetry.health import Health

TEXT_CONTENT = (b"content-type", b"text/plain; charset=utf-8")


def management_app(health: Health) -> ASGIApp:
    """Return the application that answers `/healthz` and `/readyz`, with any method, and 404 for the rest."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer = health.answer(scope["path"])
        if answer is None:
            await respond_not_found(send)
        else:
            status, body = answer
            await respond(send, status, body, [JSON_CONTENT])

    return app


async def respond_not_found(send: Send) -> None:
    """Answer as the original does for paths it does not have."""
    await respond(send, 404, b"404 page not found", [TEXT_CONTENT])
