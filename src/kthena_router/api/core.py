"""Core kinds: pods and namespaces."""

from kthena_router.api.meta import Condition, Object, Struct


class PodIP(Struct, frozen=True):
    ip: str = ""


class PodStatus(Struct, frozen=True, rename={"pod_ip": "podIP", "pod_ips": "podIPs"}):
    phase: str = ""
    pod_ip: str = ""
    pod_ips: list[PodIP] = []
    conditions: list[Condition] = []


class Pod(Object, frozen=True, kw_only=True):
    status: PodStatus = PodStatus()

    @property
    def is_ready(self) -> bool:
        """Return whether the pod may be sent requests: running, not going away, and Ready."""
        return (
            self.status.phase == "Running"
            and self.metadata.deletion_timestamp is None
            and any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)
        )

    @property
    def address(self) -> str:
        return self.status.pod_ip or (self.status.pod_ips[0].ip if self.status.pod_ips else "")


class Namespace(Object, frozen=True, kw_only=True):
    pass
