from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.sandbox.house import running_api

from kthena_sandbox.cluster import ROUTER_SERVICE, ensure_router_service
from kthena_sandbox.kinds import SERVICES, Document, key_of
from kthena_sandbox.mirror import Mirror
from kthena_sandbox.services.loadbalancers import NoAddress, choose_address, is_balanced


def _service(address: str = "", **spec: Any) -> Document:
    ingress = [{"ip": address}] if address else []
    return {
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]} | spec,
        "status": {"loadBalancer": {"ingress": ingress}},
    }


def _all_free(address: str, ports: Iterable[int]) -> bool:
    return True


def test_the_lowest_address_whose_ports_can_be_had() -> None:
    taken = [_service("127.4.0.1")]
    assert choose_address(_service(), taken, _all_free) == "127.4.0.2"
    busy = ("127.4.0.2", 80)
    assert choose_address(_service(), taken, lambda host, ports: (host, *ports) != busy) == (
        "127.4.0.3"
    )
    assert choose_address(_service(), taken, lambda host, ports: False) == "127.4.0.2"


def test_an_address_stays() -> None:
    assert choose_address(_service("127.4.0.9"), [], _all_free) == "127.4.0.9"
    assert choose_address(_service("127.4.0.9"), [_service("127.4.0.9")], _all_free) == "127.4.0.1"
    assert choose_address(_service("192.0.2.1"), [], _all_free) == "127.4.0.1"


def test_an_address_can_be_asked_for() -> None:
    wish = _service("127.4.0.9", loadBalancerIP="127.4.2.2")
    assert choose_address(wish, [], _all_free) == "127.4.2.2"
    with pytest.raises(NoAddress, match="belongs to another Service"):
        choose_address(wish, [_service("127.4.2.2")], _all_free)
    with pytest.raises(NoAddress, match=r"is not in 127\.4\.0\.0/16"):
        choose_address(_service(loadBalancerIP="192.0.2.1"), [], _all_free)


def test_another_class_is_for_another_controller() -> None:
    assert is_balanced(_service())
    assert not is_balanced(_service(loadBalancerClass="example.com/other"))
    assert not is_balanced(_service(type="NodePort"))


async def test_the_routers_service_is_never_for_this_controller(tmp_path: Path) -> None:
    async with running_api(tmp_path) as cluster, trio.open_nursery() as nursery:
        seen: list[Document] = []
        complete = trio.Event()

        def note(before: Document | None, after: Document | None) -> None:
            if after is not None and key_of(after) == ROUTER_SERVICE:
                seen.append(after)
                if after["status"].get("loadBalancer"):
                    complete.set()

        services = Mirror(cluster.client, SERVICES)
        services.subscribe(note)
        nursery.start_soon(services.run)
        await services.synced.wait()
        await ensure_router_service(cluster.client, 8080)
        await complete.wait()
        assert [service for service in seen if is_balanced(service)] == []
        assert seen[-1]["status"]["loadBalancer"]["ingress"] == [{"ip": "127.0.0.1"}]
        nursery.cancel_scope.cancel()
