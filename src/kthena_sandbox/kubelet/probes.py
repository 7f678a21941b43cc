"""Probes as Kubernetes runs them: read from the pod, carried out over HTTP, TCP and gRPC, counted."""

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import trio

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.commands import refusal, sleep_seconds
from kthena_sandbox.rpc.framing import UNIMPLEMENTED, RpcError
from kthena_sandbox.rpc.health import ask_health

Check = Callable[[], Awaitable[str]]
Execute = Callable[[Sequence[str]], Awaitable[str]]


@dataclass(frozen=True)
class Probe:
    """One probe. Times are seconds."""

    scheme: str = "tcp"
    port: int = 0
    path: str = "/"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    service: str = ""  # whose health is asked for, with gRPC
    delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    successes: int = 1
    failures: int = 3
    grace: float | None = None  # for the container when it is ended for this probe's sake
    command: tuple[str, ...] = ()


def read_probe(container: Document, name: str) -> Probe | None:
    """`readinessProbe`, `livenessProbe` or `startupProbe`; None where there is none."""
    given = container.get(name)
    if not given:
        return None
    times: dict[str, Any] = {
        "delay": float(given.get("initialDelaySeconds") or 0),
        "period": float(given.get("periodSeconds") or 10),
        "timeout": float(given.get("timeoutSeconds") or 1),
        "successes": int(given.get("successThreshold") or 1),
        "failures": int(given.get("failureThreshold") or 3),
        "grace": given.get("terminationGracePeriodSeconds"),
    }
    return read_handler(given, container, **times)


def read_handler(given: Document, container: Document, **times: Any) -> Probe:
    """What a probe or a hook is to ask."""
    if http := given.get("httpGet"):
        headers = tuple((entry["name"], entry["value"]) for entry in http.get("httpHeaders") or [])
        return Probe(
            scheme=(http.get("scheme") or "HTTP").lower(), port=_port(container, http["port"]),
            path=http.get("path") or "/", host=http.get("host", ""), headers=headers, **times,
        )  # fmt: skip
    if tcp := given.get("tcpSocket"):
        return Probe(port=_port(container, tcp["port"]), host=tcp.get("host", ""), **times)
    if grpc := given.get("grpc"):
        service = grpc.get("service") or ""
        return Probe(scheme="grpc", port=int(grpc["port"]), service=service, **times)
    command = (given.get("exec") or {}).get("command") or ()
    return Probe(scheme="exec", command=tuple(command), **times)


def _port(container: Document, port: int | str) -> int:
    if isinstance(port, int):
        return port
    listed = container.get("ports") or []
    named = (entry["containerPort"] for entry in listed if entry.get("name") == port)
    return int(next(named, port if port.isdecimal() else 0))


async def check(probe: Probe, address: str, execute: Execute) -> str:
    """Probe once: "" for success, otherwise what went wrong."""
    if probe.scheme == "exec":
        return await _check_command(probe, execute)
    host = probe.host or address
    if probe.scheme == "tcp":
        return await _check_tcp(host, probe)
    if probe.scheme == "grpc":
        return await _check_grpc(host, probe)
    return await _check_http(host, probe)


async def refuse(command: Sequence[str]) -> str:
    """What containers say that have no program of their own."""
    await trio.lowlevel.checkpoint()
    return refusal(command)


async def _check_command(probe: Probe, execute: Execute) -> str:
    why = f'command timed out: "{" ".join(probe.command)}" timed out after {probe.timeout:g}s'
    with trio.move_on_after(probe.timeout):
        seconds = sleep_seconds(probe.command)
        if seconds is None:
            return await execute(probe.command)
        await trio.sleep(seconds)
        return ""
    return why


async def _check_tcp(host: str, probe: Probe) -> str:
    with trio.move_on_after(probe.timeout):
        try:
            stream = await trio.open_tcp_stream(host, probe.port)
        except OSError as error:
            return _dial_error(host, probe.port, error)
        await trio.aclose_forcefully(stream)
        return ""
    return f"dial tcp {host}:{probe.port}: i/o timeout"


async def _check_grpc(host: str, probe: Probe) -> str:
    """In the words of the kubelet's prober."""
    where, seconds = f"{host}:{probe.port}", f"{probe.timeout:g}s"
    with trio.move_on_after(probe.timeout):
        try:
            stream = await trio.open_tcp_stream(host, probe.port)
        except OSError as error:
            why = _dial_error(host, probe.port, error)
            return f'error: failed to connect service at "{where}": {why}'
        async with stream:
            try:
                state = await ask_health(stream, where, probe.service)
            except RpcError as error:
                if error.code == UNIMPLEMENTED:
                    named = "grpc.health.v1.Health"
                    return f"error: this server does not implement the grpc health protocol ({named}): {error}"
                return f"error: health rpc probe failed: {error}"
        return "" if state == "SERVING" else f'service unhealthy (responded with "{state}")'
    return (
        f'timeout: failed to connect service "{where}" within {seconds}: context deadline exceeded'
    )


def _dial_error(host: str, port: int, error: BaseException) -> str:
    """In the words of Go's net package."""
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: no such host"
    number = _errno(error)
    why = os.strerror(number).lower() if number else "connection refused"
    return f"dial tcp {host}:{port}: connect: {why}"


def _errno(error: BaseException | None) -> int:
    """That of the first attempt: errors come wrapped, and in groups."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif isinstance(error, OSError) and error.errno and error.__cause__ is None:
            return error.errno
        else:
            error = error.__cause__ or error.__context__
    return 0


async def _check_http(host: str, probe: Probe) -> str:
    url = f"{probe.scheme}://{host}:{probe.port}{probe.path}"
    headers = [("user-agent", "kube-probe/1.34"), *probe.headers]
    try:
        async with _probe_client(probe.timeout) as client:
            response = await client.get(url, headers=headers)
    except httpx.TimeoutException:
        return f'Get "{url}": context deadline exceeded'
    except httpx.ConnectError as error:
        return f'Get "{url}": {_dial_error(host, probe.port, error)}'
    except httpx.HTTPError as error:
        return f'Get "{url}": {error}'
    if 200 <= response.status_code < 400:
        return ""
    return f"HTTP probe failed with statuscode: {response.status_code}"


def _probe_client(timeout: float) -> httpx.AsyncClient:
    verify = False  # a kubelet does not check the certificates of probes
    return httpx.AsyncClient(trust_env=False, timeout=timeout, verify=verify)


async def run_probe(
    probe: Probe, ask: Check, passed: Callable[[], None], failed: Callable[[str], None]
) -> None:
    """Probe until cancelled; *passed* and *failed* are called whenever a threshold is reached."""
    await trio.sleep(probe.delay)
    successes = failures = 0
    while True:
        message = await ask()
        successes, failures = (0, failures + 1) if message else (successes + 1, 0)
        if message and failures >= probe.failures:
            failed(message)
        if not message and successes >= probe.successes:
            passed()
        await trio.sleep(probe.period)
