"""The endpoints of a pool, and those of them that a request may go to. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.kinds import Document

_ACTIVE_PORTS = "inference.networking.k8s.io/active-ports"
_TEST_HEADER = "test-epp-endpoint-selection"
_SUBSET = ("envoy.lb.subset_hint", "x-gateway-destination-endpoint-subset")


class Endpoint(NamedTuple):
    """One port of a pod."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


def endpoints_of(pool: Document, pods: Iterable[Document]) -> list[Endpoint]:
    """Those of the ready pods that the pool selects, in a stable order."""
    spec = pool["spec"]
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    ports = [entry["number"] for entry in spec.get("targetPorts") or []]
    found = [
        Endpoint(pod["status"]["podIP"], port)
        for pod in pods
        if is_true(pod, "Ready") and _has(pod["metadata"].get("labels") or {}, wanted)
        for port in _active(pod, ports)
    ]
    return sorted(found)


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return bool(wanted) and all(labels.get(name) == value for name, value in wanted.items())


def _active(pod: Document, ports: list[int]) -> list[int]:
    listed = (pod["metadata"].get("annotations") or {}).get(_ACTIVE_PORTS)
    if listed is None:
        return ports
    return [port for port in ports if str(port) in {text.strip() for text in listed.split(",")}]


def candidates(
    endpoints: list[Endpoint], headers: Mapping[str, str], metadata: Mapping[str, Any]
) -> list[Endpoint]:
    """Those that the header of the conformance tests names, or the gateway's hint; all where neither is there."""
    names = _split(headers.get(_TEST_HEADER, ""))
    hint = (metadata.get(_SUBSET[0]) or {}).get(_SUBSET[1])
    if hint is not None and not names:
        names = (
            _split(hint)
            if isinstance(hint, str)
            else [one for text in hint for one in _split(text)]
        )
    if hint is None and not names:
        return endpoints
    return [one for one in endpoints if one.address in names or str(one) in names]


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
