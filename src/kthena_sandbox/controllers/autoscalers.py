"""The controller of HorizontalPodAutoscalers: it keeps its targets between their limits, and says that it has no metrics."""

from datetime import datetime

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers import autoscaler_plan as planning
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.scales import find_served
from kthena_sandbox.kinds import AUTOSCALERS, Document, Key, is_leaving, key_of

_PERIOD = (
    15.0  # seconds; the `--horizontal-pod-autoscaler-sync-period` of a kube-controller-manager
)
_NO_SCALE = "the HPA controller was unable to get the target's current scale: {}"
_NO_SELECTOR = "the HPA target's scale is missing a selector"
_NOT_COMPUTED = "the HPA was unable to compute the replica count: {}"
_DISABLED = "scaling is disabled since the replica count of the target is zero"


class Autoscalers:
    """Reconciles HorizontalPodAutoscalers from their mirror."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._wall_clock = parts.client, parts.wall_clock
        self._events = parts.recorders["horizontal-pod-autoscaler"]
        self.loop: Reconciler[Key] = Reconciler("autoscalers", self._reconcile)
        self._selectors: dict[Key, str] = {}
        self._autoscalers = parts.follow(AUTOSCALERS, self.loop.add)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(AUTOSCALERS):
            return 0.05
        autoscaler = self._autoscalers.objects.get(key)
        if autoscaler is None or is_leaving(autoscaler):
            return None
        status = await self._status(autoscaler, self._wall_clock())
        if status != autoscaler.get("status"):
            written = await self._client.replace(
                AUTOSCALERS, autoscaler | {"status": status}, "status"
            )
            self._autoscalers.note(written)
        return _PERIOD

    async def _status(self, autoscaler: Document, now: datetime) -> Document:
        status = autoscaler.get("status") or {}
        try:
            target = await self._target(autoscaler)
            scale = await self._client.call("GET", target)
        except (ApiError, LookupError) as error:
            self._events.tell(autoscaler, "FailedGetScale", str(error), "Warning")
            failed = planning.State("False", "FailedGetScale", _NO_SCALE.format(error))
            return planning.with_state(status, "AbleToScale", failed, now)
        size = int((scale.get("spec") or {}).get("replicas") or 0)
        status = planning.seen(status, int(scale["status"].get("replicas") or 0), now)
        chosen = planning.decision(autoscaler["spec"], size)
        if chosen.size is not None:
            failed_to = await self._rescale(autoscaler, target, scale, chosen)
            if failed_to is None:
                return planning.rescaled(status, chosen.size, now)
            return planning.with_state(status, "AbleToScale", failed_to, now)
        if size == 0:
            off = planning.State("False", "ScalingDisabled", _DISABLED)
            return planning.with_state(status | {"desiredReplicas": 0}, "ScalingActive", off, now)
        inactive, found = self._inactive(autoscaler, scale)
        status = planning.without_values(status, found) if found else status
        return planning.with_state(status, "ScalingActive", inactive, now)

    async def _target(self, autoscaler: Document) -> str:
        """The path of the target's Scale. Raises ApiError, and LookupError for a kind that is not served."""
        reference = autoscaler["spec"]["scaleTargetRef"]
        served = await find_served(self._client, reference)
        if served is None:
            group = reference["apiVersion"].rpartition("/")[0]
            raise LookupError(f'no matches for kind "{reference["kind"]}" in group "{group}"')
        return served.kind.path(autoscaler["metadata"]["namespace"], reference["name"], "scale")

    async def _rescale(
        self, autoscaler: Document, target: str, scale: Document, chosen: planning.Decision
    ) -> planning.State | None:
        """Give the target its size; what a condition says where that fails. Raises ApiError 409."""
        text = f"New size: {chosen.size}; reason: {chosen.why}"
        try:
            await self._client.call("PUT", target, body=scale | {"spec": {"replicas": chosen.size}})
        except ApiError as error:
            if error.reason == "Conflict":  # somebody else was quicker: look again at once
                raise
            self._events.tell(autoscaler, "FailedRescale", f"{text}; error: {error}", "Warning")
            why = f"the HPA controller was unable to update the target scale: {error}"
            return planning.State("False", "FailedUpdateScale", why)
        self._events.tell(autoscaler, "SuccessfulRescale", text)
        return None

    def _inactive(
        self, autoscaler: Document, scale: Document
    ) -> tuple[planning.State, list[planning.Failure]]:
        """Why the size cannot be reckoned, and which metrics are missing."""
        selector = scale["status"].get("selector")
        rivals = self._rivals(key_of(autoscaler), selector) if selector else []
        found: list[planning.Failure] = []
        if not selector:
            told, state = (
                "selector is required",
                planning.State("False", "InvalidSelector", _NO_SELECTOR),
            )
            self._events.tell(autoscaler, "SelectorRequired", told, "Warning")
        elif len(rivals) > 1:
            listed = " ".join(map(str, rivals))
            told = f"pods by selector {selector} are controlled by multiple HPAs: [{listed}]"
            state = planning.State("False", "AmbiguousSelector", told)
            self._events.tell(autoscaler, "AmbiguousSelector", told, "Warning")
        else:
            found = planning.failures(autoscaler["spec"], autoscaler["metadata"]["namespace"])
            for failure in found:
                self._events.tell(autoscaler, failure.reason, failure.message, "Warning")
            told, why = planning.invalid(found), _NOT_COMPUTED.format(found[0].message)
            state = planning.State("False", found[0].reason, why)
        self._events.tell(autoscaler, "FailedComputeMetricsReplicas", told, "Warning")
        return state, found

    def _rivals(self, key: Key, selector: str) -> list[Key]:
        """All autoscalers that have been seen to be about the same pods."""
        self._selectors[key] = selector
        for known in self._selectors.keys() - self._autoscalers.objects.keys():
            del self._selectors[known]
        same = (other for other, text in self._selectors.items() if text == selector)
        return sorted(other for other in same if other.namespace == key.namespace)
