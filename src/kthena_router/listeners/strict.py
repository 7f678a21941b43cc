"""Requests that h2 and h11 have read, as strictly as our own HTTP/1.1: what they refuse breaks the framing, odd words pass.

A method with a space or a path without a slash is harmless here, and something else to whoever writes it down as HTTP/1.1
(RFC 9113 10.3, intermediary encapsulation attacks).
"""

import re

from kthena_router.errors import RouterError
from kthena_router.listeners.asgi import JSON_CONTENT, ASGIApp, Receive, Scope, Send, respond
from kthena_router.listeners.http1_grammar import TOKEN
from kthena_router.listeners.http1_refusals import MalformedRequest
from kthena_router.listeners.targets import check_target, the_host
from kthena_router.telemetry.refusals import Refusal, Refused, not_noted
from kthena_router.wire.payloads import error_body

_METHOD = re.compile(TOKEN)
_TARGET = re.compile(rb"[\x21-\x7e]++")


def strict(app: ASGIApp, refused: Refused = not_noted) -> ASGIApp:
    """Return an application that answers odd requests itself, and leaves all others to *app*."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            check(scope)
        except RouterError as error:
            client = scope["client"]
            address = client[0] if client else ""
            protocol = f"HTTP/{scope['http_version']}"
            refused(Refusal(address, error, scope["method"], scope["path"], protocol))
            await respond(send, error.status, error_body(error), [JSON_CONTENT])
            return
        await app(scope, receive, send)

    return checked


def check(scope: Scope) -> None:
    """Raise an InvalidRequest for what HTTP/1.1 would not allow in a request line or a Host."""
    method, target = scope["method"].encode("latin-1"), scope["raw_path"]
    if scope["query_string"]:
        target = b"%b?%b" % (target, scope["query_string"])
    if not _METHOD.fullmatch(method) or not _TARGET.fullmatch(target):
        raise MalformedRequest("the method or the path contains forbidden characters")
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    check_target(method, target, the_host(hosts, required=scope["http_version"] != "1.0"))
