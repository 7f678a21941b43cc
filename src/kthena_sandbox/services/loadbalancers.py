"""Gives Services of type LoadBalancer an address each from 127.4.0.0/16, as a cloud's controller would."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import SERVICES, Document, Key, is_leaving, key_of
from kthena_sandbox.kubelet.addresses import can_listen
from kthena_sandbox.mirror import Mirror
from kthena_sandbox.services.frontends import BALANCERS, balancer_addresses, is_balancer

_TRIES = 512


class NoAddress(Exception):
    """The address asked for cannot be given; the text says why."""


def is_balanced(service: Document) -> bool:
    """Whether the Service is ours: `loadBalancerClass` leaves it to another controller."""
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass")


def choose_address(
    service: Document, others: Iterable[Document], free: Callable[[str, Iterable[int]], bool]
) -> str:
    """The address that it has, asks for in `loadBalancerIP`, or the lowest where its ports can be had.

    Raises NoAddress.
    """
    taken = {address for entry in others for address in balancer_addresses(entry)}
    wanted = str(service["spec"].get("loadBalancerIP") or "")
    if wanted:
        if not is_balancer(wanted):
            raise NoAddress(f"loadBalancerIP {wanted} is not in {BALANCERS}")
        if wanted in taken:
            raise NoAddress(f"loadBalancerIP {wanted} belongs to another Service")
        return wanted
    for address in balancer_addresses(service):
        if is_balancer(address) and address not in taken:
            return address
    ports = [
        port["port"] for port in service["spec"].get("ports") or []
        if port.get("protocol", "TCP") == "TCP"
    ]  # fmt: skip
    candidates = list(_candidates(taken))
    if not candidates:
        raise NoAddress(f"all addresses of {BALANCERS} are taken")
    # Where no address has the ports free, the proxy tells why they cannot be had.
    return next((address for address in candidates if free(address, ports)), candidates[0])


def _candidates(taken: set[str]) -> Iterator[str]:
    numbers = range(1, BALANCERS.num_addresses - 1)
    free = (str(BALANCERS[number]) for number in numbers if str(BALANCERS[number]) not in taken)
    for _ in range(_TRIES):
        address = next(free, None)
        if address is None:
            return
        yield address


class LoadBalancers:
    """Reconciles `status.loadBalancer`."""

    def __init__(
        self, client: Client, services: Mirror, events: EventRecorder,
        free: Callable[[str, Iterable[int]], bool] = can_listen,
    ) -> None:  # fmt: skip
        self._client = client
        self._services = services
        self._events = events
        self._free = free
        self._refused: dict[Key, str] = {}
        self.loop: Reconciler[Key] = Reconciler("loadbalancers", self._reconcile)
        services.subscribe(self._changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None:
            self.loop.add(key_of(after))
        elif before is not None and balancer_addresses(before):
            for key in self._refused:
                self.loop.add(key)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._services.synced.is_set():
            return 0.05
        service = self._services.objects.get(key)
        refused = self._refused.pop(key, "")
        if service is None or is_leaving(service) or not is_balanced(service):
            return None
        others = [entry for name, entry in self._services.objects.items() if name != key]
        try:
            ingress = [{"ip": choose_address(service, others, self._free), "ipMode": "VIP"}]
        except NoAddress as error:
            self._refused[key] = str(error)
            if refused != str(error):
                text = f"Error syncing load balancer: {error}"
                self._events.tell(service, "SyncLoadBalancerFailed", text, "Warning")
            ingress = []
        await self._write(service, ingress)
        return None

    async def _write(self, service: Document, ingress: list[Document]) -> None:
        present = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
        if present == ingress:
            return
        change: dict[str, Any] = {"status": {"loadBalancer": {"ingress": ingress or None}}}
        written = await self._client.patch(SERVICES, key_of(service), change, "status")
        self._services.note(written)
        if ingress:
            self._events.tell(service, "EnsuredLoadBalancer", "Ensured load balancer")
