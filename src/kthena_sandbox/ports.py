"""The ports that the sandbox needs: whether they can be had, and what to say where they cannot."""

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kthena_sandbox.apiprocess import SandboxError
from kthena_sandbox.httpd.server import bind
from kthena_sandbox.routerprocess import ADDRESS
from kthena_sandbox.settings import Settings


def port_is_free(port: int) -> bool:
    """Whether nobody listens on a port of 127.0.0.1."""
    try:
        bind(ADDRESS, port).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((ADDRESS, 0))
        return int(found.getsockname()[1])


_USES = {
    "api_port": ("the API server", "--api-port"),
    "router_port": ("the router", "--router-port"),
    "management_port": ("the router's health", "--management-port"),
    "metrics_port": ("the router's metrics", "--metrics-port"),
    "gateway_port": ("the guide's second Gateway", "--gateway-port"),
}


def check_ports(settings: Settings, say: Callable[[str], None]) -> Settings:
    """The settings with ports that can be had: a check takes others. Raises SandboxError."""
    names = ["api_port"]
    if settings.router:
        names += ["router_port", "management_port", "metrics_port"]
        names += ["gateway_port"] if settings.demo or settings.check else []
    chosen: dict[str, Any] = {}
    for name in names:
        port = getattr(settings, name)
        if not port or port_is_free(port):
            continue
        if not settings.check:
            use, flag = _USES[name]
            raise SandboxError(
                f"port {port} on {ADDRESS}, wanted for {use}, is taken: choose another with {flag}"
            )
        other = _free_port()
        say(f"port {port} on {ADDRESS} is taken, the check uses {other} in its place")
        chosen[name] = other
    return replace(settings, **chosen)
