"""When what led to a change of a Service's endpoints happened: by that, proxies measure how late they are. Pure.

`endpoints.kubernetes.io/last-change-trigger-time` of the Kubernetes annotations: the earliest moment since the last look
at which the Service was made, or a pod became ready or ceased to be.
"""

from collections.abc import Iterable

from kthena_sandbox.controllers.conditions import condition_of
from kthena_sandbox.kinds import Document, Key, key_of

ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"


class Triggers:
    """The moments that are known of each Service and its pods."""

    def __init__(self) -> None:
        self._known: dict[Key, dict[str, str]] = {}

    def since_last(self, service: Document, pods: Iterable[Document]) -> str:
        """The earliest moment that is new, "" where there is none."""
        before = self._known.get(key_of(service), {})
        now = {"": str(service["metadata"]["creationTimestamp"])}
        for pod in pods:
            ready = condition_of(pod, "Ready")
            if ready is not None and ready.get("lastTransitionTime"):
                now[pod["metadata"]["name"]] = str(ready["lastTransitionTime"])
        self._known[key_of(service)] = now
        new = (moment for name, moment in now.items() if moment > before.get(name, ""))
        return min(new, default="")

    def forget(self, service: Key) -> None:
        """The Service is gone."""
        self._known.pop(service, None)


def triggered(metadata: Document, moment: str) -> Document:
    """The metadata with the annotation for *moment*, without it where there is none."""
    annotations = {
        name: value
        for name, value in (metadata.get("annotations") or {}).items()
        if name != ANNOTATION
    } | ({ANNOTATION: moment} if moment else {})
    kept = {name: value for name, value in metadata.items() if name != "annotations"}
    return kept | ({"annotations": annotations} if annotations else {})
