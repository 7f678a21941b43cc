"""Gateways and ModelRoutes that are created, changed and deleted at random through the API server."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import trio
from tests.support.oracle import Gateway, Gateways, Listener, Routes, Timeline, allowed, expected

GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways"
ROUTES = "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/default/modelroutes"
SERVERS = "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/default/modelservers"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MERGE_PATCH = {"content-type": "application/merge-patch+json"}

CHANGED = tuple(f"changed-{number}" for number in range(10))
HOSTNAMES = ("", "a.test", "*.a.test", "*.test")
HOSTS = ("a.test", "x.a.test", "b.test", "elsewhere.example")
MODEL = "changed"
PAUSE_SECONDS = 0.15  # between two changes, in the mean


def models_of(gateway: str) -> tuple[str, str]:
    """Return the models that only the route of *gateway* leads to, so that every answer tells where it went."""
    return f"{gateway}-one", f"{gateway}-two"


class Api:
    """The API server, as a user of it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def create(self, collection: str, document: dict[str, Any]) -> dict[str, Any]:
        return await self._send("POST", collection, document)

    async def change(self, collection: str, name: str, spec: dict[str, Any]) -> None:
        await self._send("PATCH", f"{collection}/{name}", {"spec": spec}, MERGE_PATCH)

    async def delete(self, collection: str, name: str) -> None:
        await self._send("DELETE", f"{collection}/{name}")

    async def read(self, path: str) -> dict[str, Any]:
        return await self._send("GET", path)

    async def find(self, path: str) -> dict[str, Any] | None:
        """Return an object, None where there is none."""
        answer = await self._client.get(path)
        return None if answer.status_code == 404 else _document(answer)

    async def _send(
        self,
        method: str,
        path: str,
        document: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        return _document(await self._client.request(method, path, json=document, headers=headers))


def _document(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
    found: dict[str, Any] = answer.json()
    return found


@asynccontextmanager
async def open_api(url: str) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        yield Api(client)


def gateway_document(name: str, listeners: Iterable[Listener]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name},
        "spec": {"gatewayClassName": "kthena-router", "listeners": listener_list(listeners)},
    }


def listener_list(listeners: Iterable[Listener]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"listener-{index}",
            "port": one.port,
            "protocol": "HTTP",
            **({"hostname": one.hostname} if one.hostname else {}),
        }
        for index, one in enumerate(listeners)
    ]


def route_document(
    gateway: str, model_name: str, server: str, *, name: str = "", namespace: str = "default"
) -> dict[str, Any]:
    """Return the route, named as its Gateway, that leads from *model_name* there to a ModelServer.

    *namespace* is the Gateway's.
    """
    return {
        "apiVersion": "networking.serving.volcano.sh/v1alpha1",
        "kind": "ModelRoute",
        "metadata": {"name": name or gateway},
        "spec": {
            "modelName": model_name,
            "parentRefs": [{"name": gateway, "namespace": namespace, "kind": "Gateway"}],
            "rules": route_rules(server),
        },
    }


def route_rules(server: str) -> list[dict[str, Any]]:
    return [{"name": "only", "targetModels": [{"modelServerName": server}]}]


@dataclass
class Churn:
    """Changes at random, and what is known of their effect. *ports* are those that the Gateways move about on.

    *constant* is a Gateway that stays, on a port among them. Times are trio's.
    """

    api: Api
    dice: random.Random
    ports: tuple[int, ...]
    constant: Gateway

    def __post_init__(self) -> None:
        self.gateways: Timeline[Gateways] = Timeline({self.constant.name: self.constant})
        self.routes: Timeline[Routes] = Timeline({})
        self.done: Counter[str] = Counter()
        self._changing = trio.Lock()

    async def run(self, stop: trio.Event) -> None:
        """Change one thing after the other until *stop*."""
        while not stop.is_set():
            await self.change_something()
            with trio.move_on_after(self.dice.expovariate(1 / PAUSE_SECONDS)):
                await stop.wait()

    async def change_something(self) -> None:
        """Create, change or delete a Gateway or a route."""
        name = self.dice.choice(CHANGED)
        async with self._changing:
            if self.dice.random() < 0.5:
                await self._change_gateway(name, delete=self.dice.random() < 0.4)
            else:
                await self._change_route(name, delete=self.dice.random() < 0.4)

    async def delete_all(self) -> None:
        async with self._changing:
            for name in CHANGED:
                if name in self.gateways.newest:
                    await self._change_gateway(name, delete=True)
                if name in self.routes.newest:
                    await self._change_route(name, delete=True)

    async def allowed(
        self, place: tuple[int, str], span: tuple[float, float], lag: float
    ) -> frozenset[str]:
        """Return the answers that a request may have had: see `oracle.allowed`."""
        async with self._changing:  # what was asked for in the meantime is known then
            return allowed(self.gateways, self.routes, place, span, lag)

    def expected(self) -> dict[tuple[int, str], str]:
        """Return the answer of every port and host under the newest configuration."""
        gateways, routes = self.gateways.newest, self.routes.newest
        places = [(port, host) for port in self.ports for host in HOSTS]
        return {place: expected(gateways, routes, *place) for place in places}

    async def _change_gateway(self, name: str, *, delete: bool) -> None:
        begun = trio.current_time()
        known = dict(self.gateways.newest)
        if name not in known:
            listeners = self._choose_listeners()
            answer = await self.api.create(GATEWAYS, gateway_document(name, listeners))
            known[name] = Gateway(name, answer["metadata"]["creationTimestamp"], listeners)
            self.done["Gateways created"] += 1
        elif delete:
            await self.api.delete(GATEWAYS, name)
            del known[name]
            self.done["Gateways deleted"] += 1
        else:
            known[name] = replace(known[name], listeners=self._choose_listeners())
            spec = {"listeners": listener_list(known[name].listeners)}
            await self.api.change(GATEWAYS, name, spec)
            self.done["Gateways changed"] += 1
        self.gateways.change(begun, trio.current_time(), known)

    async def _change_route(self, name: str, *, delete: bool) -> None:
        begun = trio.current_time()
        known = dict(self.routes.newest)
        target = self.dice.choice(models_of(name))
        if name not in known:
            await self.api.create(ROUTES, route_document(name, MODEL, target))
            known[name] = target
            self.done["ModelRoutes created"] += 1
        elif delete:
            await self.api.delete(ROUTES, name)
            del known[name]
            self.done["ModelRoutes deleted"] += 1
        else:
            await self.api.change(ROUTES, name, {"rules": route_rules(target)})
            known[name] = target
            self.done["ModelRoutes changed"] += 1
        self.routes.change(begun, trio.current_time(), known)

    def _choose_listeners(self) -> tuple[Listener, ...]:
        choices = [Listener(port, hostname) for port in self.ports for hostname in HOSTNAMES]
        return tuple(self.dice.sample(choices, self.dice.choice((1, 1, 2, 3))))
