"""Which endpoints a ModelServer has: the ready pods of its namespace that its labels select."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kthena_router.api.core import Pod
from kthena_router.api.meta import ObjectKey
from kthena_router.api.networking import ModelServer
from kthena_router.routing.endpoint import Endpoint
from kthena_router.settings import parse_duration


@dataclass(frozen=True, slots=True)
class Backend:
    """Where requests of a target go. *timeout*: seconds until the head of an answer, None for no limit."""

    key: ObjectKey
    exists: bool = True
    model: str | None = None
    engine: str = "vLLM"
    endpoints: tuple[Endpoint, ...] = ()
    timeout: float | None = None
    problem: str = ""  # why a part of its specification is not followed


class PodIndex:
    """Ready pods by namespace and label, so that a selector looks at few of them."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._pods: dict[tuple[str, str, str], list[Pod]] = defaultdict(list)
        for pod in pods:
            if pod.is_ready and pod.address:
                for label, value in pod.metadata.labels.items():
                    self._pods[pod.metadata.namespace, label, value].append(pod)

    def select(self, namespace: str, labels: Mapping[str, str]) -> list[Pod]:
        """Return the pods that carry all *labels*, by name; no labels select nothing."""
        if not labels:
            return []
        wanted = labels.items()
        lists = [self._pods.get((namespace, label, value), []) for label, value in wanted]
        found = [pod for pod in min(lists, key=len) if wanted <= pod.metadata.labels.items()]
        return sorted(found, key=lambda pod: pod.metadata.name)


def compile_backend(server: ModelServer, pods: PodIndex) -> Backend:
    """Return the backend of *server*; what is missing or malformed in it leaves it without endpoints or limits."""
    spec = server.spec
    timeout, problem = _timeout(server)
    labels = spec.workload_selector.match_labels if spec.workload_selector else {}
    endpoints: tuple[Endpoint, ...] = ()
    if spec.workload_port is not None:
        port, tls = spec.workload_port.port, spec.workload_port.protocol == "https"
        endpoints = tuple(
            Endpoint(
                pod.metadata.uid or str(pod.key),
                pod.metadata.namespace,
                pod.metadata.name,
                pod.address,
                port,
                tls,
                spec.inference_engine,
            )
            for pod in pods.select(server.metadata.namespace, labels)
        )
    return Backend(
        key=server.key,
        model=spec.model or None,
        engine=spec.inference_engine,
        endpoints=endpoints,
        timeout=timeout,
        problem=problem,
    )


def _timeout(server: ModelServer) -> tuple[float | None, str]:
    policy = server.spec.traffic_policy
    if policy is None or not policy.timeout:
        return None, ""
    try:
        seconds = parse_duration(policy.timeout)
    except ValueError as error:
        return None, f"spec.trafficPolicy.timeout: {error}"
    if seconds <= 0:
        return None, ""
    return seconds, ""
