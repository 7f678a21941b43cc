"""The guide's own verification, step by step: what was done, what was seen, and whether that is right."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import httpx
import trio

from kthena_sandbox.apiprocess import SandboxError
from kthena_sandbox.applying import ApplyError
from kthena_sandbox.client import ApiAway, ApiError, Client
from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.demo import ANSWERS, APPS, ask, expected_start, is_accepted
from kthena_sandbox.hands import Hands, StepFailed, choose_hands
from kthena_sandbox.kinds import PODS, Document
from kthena_sandbox.settings import Settings

Say = Callable[[str], None]
Action = Callable[[], Awaitable[str]]

_SOON_SECONDS = 10.0
_CLOSED_SECONDS = 1.0
_GONE_SECONDS = 40.0
_PAUSE = 0.05
_FAILURES = (
    StepFailed, SandboxError, ApplyError, ApiError, ApiAway, httpx.HTTPError, OSError,
    KeyError, IndexError,
)  # fmt: skip


async def _soon(look: Action, seconds: float = _SOON_SECONDS) -> str:
    """What *look* returns once it no longer fails. Raises its last StepFailed."""
    deadline = trio.current_time() + seconds
    while True:
        try:
            return await look()
        except (StepFailed, httpx.HTTPError):
            if trio.current_time() >= deadline:
                raise
        await trio.sleep(_PAUSE)


class Check:
    """One run; `failed` counts the steps that were wrong."""

    def __init__(self, hands: Hands, client: Client, settings: Settings, say: Say) -> None:
        self.failed = 0
        self._hands = hands
        self._client = client
        self._settings = settings
        self._say = say
        self._address = "127.0.0.1"

    async def _step(self, what: str, action: Action) -> None:
        try:
            seen = await action()
        except _FAILURES as error:
            self.failed += 1
            self._say(f"FAILED  {what}: {str(error) or type(error).__name__}")
            return
        self._say(f"ok      {what}: {seen}")

    async def run(self) -> None:
        """All steps, in the guide's order; one that fails does not keep the others from being tried."""
        await self._prepare()
        await self._verify()
        await self._clean_up()

    async def _prepare(self) -> None:
        default = partial(self._programmed, "default", "kthena-system")
        await self._step("default Gateway", partial(_soon, default))
        for file in ("LLM-Mock-ds1.5b", "LLM-Mock-ds7b", "ModelServer-ds1.5b", "ModelServer-ds7b"):
            await self._step(f"apply {file}.yaml", partial(self._hands.apply, file))
        for app in APPS:
            await self._step(f"pods of {app}", partial(self._hands.wait_ready, app))
        file = "deepseek-default-route"
        await self._step(f"apply {file}.yaml", partial(self._hands.apply, file))
        await self._step("apply gateway-8081.yaml", partial(self._hands.apply, "gateway-8081"))
        new = partial(self._programmed, "kthena-gateway-8081", "default")
        await self._step("new Gateway", partial(_soon, new))
        file = "deepseek-route-8081"
        await self._step(f"apply {file}.yaml", partial(self._hands.apply, file))
        await self._step("apply Service-8081.yaml", partial(self._hands.apply, "Service-8081"))

    async def _verify(self) -> None:
        for route in ("deepseek-default-route", "deepseek-route-8081"):
            await self._step(f"ModelRoute {route}", partial(_soon, partial(self._accepted, route)))
        await self._step("address of the router", self._find_router)
        for port, answer in zip(self._ports(), ANSWERS, strict=True):
            look = partial(self._answers, port, answer)
            await self._step(f"request on port {port}", partial(_soon, look))

    def _ports(self) -> tuple[int, int]:
        return self._settings.router_port, self._settings.gateway_port

    async def _clean_up(self) -> None:
        for route in ("deepseek-default-route", "deepseek-route-8081"):
            await self._delete("modelroute", route)
        default, new = self._ports()
        await self._step(f"port {default} without routes", partial(_soon, self._routes_nothing))
        await self._delete("gateway", "kthena-gateway-8081")
        closed = partial(_soon, partial(self._closed, new), _CLOSED_SECONDS)
        await self._step(f"port {new} closed within a second", closed)
        for kind in ("modelserver", "deployment"):
            for app in APPS:
                await self._delete(kind, app)
        gone = partial(_soon, self._no_pods, _GONE_SECONDS)
        await self._step("pods gone", gone)

    async def _delete(self, kind: str, name: str) -> None:
        await self._step(f"delete {kind} {name}", partial(self._hands.delete, kind, name))

    async def _programmed(self, name: str, namespace: str) -> str:
        gateway, shown = await self._hands.get("gateway", name, namespace)
        if not is_true(gateway, "Programmed"):
            raise StepFailed(f"not programmed: {shown}")
        if not (gateway["status"].get("addresses") or []):
            raise StepFailed(f"no address: {shown}")
        return shown

    async def _accepted(self, name: str) -> str:
        route, shown = await self._hands.get("modelroute", name, "default")
        parents: list[Document] = (route.get("status") or {}).get("parents") or []
        if not parents or not all(map(is_accepted, parents)):
            raise StepFailed(f"not accepted: {shown}, status {route.get('status')}")
        return f"accepted: {shown}"

    async def _find_router(self) -> str:
        address = await self._hands.router_address()
        if address != self._address:
            raise StepFailed(f"ROUTER_IP is {address!r}")
        return address

    async def _answers(self, port: int, answer: str) -> str:
        status, body = await ask(port)
        if status != 200 or not body.startswith(expected_start(answer)):
            raise StepFailed(f"HTTP {status} {body}")
        return body

    async def _routes_nothing(self) -> str:
        status, body = await ask(self._settings.router_port)
        if status != 404:
            raise StepFailed(f"HTTP {status} {body}")
        return f"HTTP {status}"

    async def _closed(self, port: int) -> str:
        try:
            stream = await trio.open_tcp_stream(self._address, port)
        except OSError:
            return "connection refused"
        await trio.aclose_forcefully(stream)
        raise StepFailed("still open")

    async def _no_pods(self) -> str:
        pods: list[Document] = []
        for app in APPS:
            pods += await self._client.list(PODS, "default", labelSelector=f"app={app}")
        if pods:
            raise StepFailed(f"{len(pods)} pods are still there")
        return "none left"


async def run_check(
    client: Client, settings: Settings, kubeconfig: Path, environ: Mapping[str, str], say: Say
) -> int:
    """The guide's verification; 0 when every step is right, otherwise 1."""
    if not settings.router:
        say("FAILED  the check needs the router")
        return 1
    hands = choose_hands(client, settings, kubeconfig, environ)
    say(f"checking the guide's use case with {hands.name}")
    began = trio.current_time()
    check = Check(hands, client, settings, say)
    await check.run()
    took = trio.current_time() - began
    verdict = f"{check.failed} steps FAILED" if check.failed else "every step is ok"
    say(f"check: {verdict}, after {took:.1f} s")
    return 1 if check.failed else 0
