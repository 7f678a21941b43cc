import pytest

from kthena_router.admin.management_app import management_app
from kthena_router.admin.metrics_app import metrics_app
from kthena_router.listeners.asgi import ASGIApp, Message
from kthena_router.telemetry.health import Health


async def ask(app: ASGIApp, path: str) -> tuple[int, bytes, bytes]:
    """Return status, content type and body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET", "path": path}, receive, send)
    head, body = sent
    return head["status"], dict(head["headers"])[b"content-type"], body["body"]


async def test_the_management_port_tells_alive_from_ready() -> None:
    health = Health()
    health.require("the ports")
    app = management_app(health)
    json = b"application/json"
    assert await ask(app, "/healthz") == (200, json, b'{"message":"ok"}')
    assert await ask(app, "/readyz") == (503, json, b'{"message":"router is not ready"}')
    health.satisfy("the ports")
    assert await ask(app, "/readyz") == (200, json, b'{"message":"router is ready"}')


async def test_the_metrics_port_answers_with_the_exposition_of_the_moment() -> None:
    values = iter([b"up 1\n", b"up 2\n"])
    app = metrics_app(lambda: (next(values), "text/plain; version=0.0.4"))
    assert await ask(app, "/metrics") == (200, b"text/plain; version=0.0.4", b"up 1\n")
    assert await ask(app, "/metrics") == (200, b"text/plain; version=0.0.4", b"up 2\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/healthz", "/v1/models"])
async def test_the_metrics_port_has_nothing_else(path: str) -> None:
    app = metrics_app(lambda: (b"", "text/plain"))
    assert await ask(app, path) == (404, b"text/plain; charset=utf-8", b"404 page not found")


async def test_the_management_port_has_nothing_else() -> None:
    status, _, _ = await ask(management_app(Health()), "/metrics")
    assert status == 404
