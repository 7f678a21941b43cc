"""A pod's status from the states of its containers. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kthena_sandbox.controllers.conditions import is_true, with_condition
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import Document

HOST_ADDRESS = "127.0.0.1"
Tell = Callable[[str, str, bool], None]  # reason and message of an event, whether it is a warning


@dataclass(frozen=True)
class Termination:
    """How a container ended."""

    exit_code: int
    reason: str
    message: str
    started: datetime
    finished: datetime

    def document(self) -> Document:
        return {
            "terminated": {
                "exitCode": self.exit_code,
                "reason": self.reason,
                "message": self.message,
                "startedAt": timestamp(self.started),
                "finishedAt": timestamp(self.finished),
            }
        }


@dataclass(frozen=True)
class ContainerState:
    """One container: waiting with a reason, running since `running`, or ended."""

    name: str
    image: str
    reason: str = "ContainerCreating"
    message: str = ""
    running: datetime | None = None
    ended: Termination | None = None
    before: Termination | None = None
    started: bool = False
    ready: bool = False
    restarts: int = 0

    def waiting(self, reason: str, message: str = "") -> "ContainerState":
        """The state while it does not run."""
        return replace(
            self,
            reason=reason,
            message=message,
            running=None,
            ended=None,
            started=False,
            ready=False,
        )

    def document(self, pod_uid: str) -> Document:
        """Its entry in `containerStatuses`."""
        known = any(entry is not None for entry in (self.running, self.ended, self.before))
        return {
            "name": self.name,
            "image": self.image,
            "imageID": f"sandbox://{self.image}" if known else "",
            "containerID": f"sandbox://{pod_uid}/{self.name}/{self.restarts}" if known else "",
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self._state(),
            "lastState": self.before.document() if self.before is not None else {},
        }

    def _state(self) -> Document:
        if self.running is not None:
            return {"running": {"startedAt": timestamp(self.running)}}
        if self.ended is not None:
            return self.ended.document()
        waiting = {"reason": self.reason} | ({"message": self.message} if self.message else {})
        return {"waiting": waiting}


def incomplete(pod: Document, initial: Sequence[ContainerState], *, has_begun: bool) -> list[str]:
    """The init containers for which the others wait: those that have not succeeded, sidecars that have not started."""
    if has_begun:
        return []
    sidecars = sidecars_of(pod)
    return [
        entry.name
        for entry in initial
        if not (entry.started if entry.name in sidecars else _succeeded(entry))
    ]


def sidecars_of(pod: Document) -> set[str]:
    """The init containers that go on."""
    listed = (pod.get("spec") or {}).get("initContainers") or []
    return {entry["name"] for entry in listed if entry.get("restartPolicy") == "Always"}


def _have_begun(containers: Sequence[ContainerState]) -> bool:
    return any(entry.running is not None or entry.ended is not None for entry in containers)


def _succeeded(entry: ContainerState) -> bool:
    return entry.ended is not None and not entry.ended.exit_code


def phase_of(
    pod: Document, containers: Sequence[ContainerState], initial: Sequence[ContainerState] = ()
) -> str:
    """Pending until every container has run once; then Running, or how they ended for good."""
    sidecars = sidecars_of(pod)
    if (
        initial
        and pod["spec"].get("restartPolicy") == "Never"
        and any(
            entry.ended is not None and entry.ended.exit_code
            for entry in initial
            if entry.name not in sidecars
        )
    ):
        return "Failed"
    if incomplete(pod, initial, has_begun=_have_begun(containers)):
        return "Pending"
    if any(
        entry.running is None and entry.ended is None and not entry.restarts for entry in containers
    ):
        return "Pending"
    if containers and all(entry.ended is not None for entry in containers):
        codes = [entry.ended.exit_code for entry in containers if entry.ended is not None]
        return "Failed" if any(codes) else "Succeeded"
    return "Running"


def _gates(pod: Document) -> list[str]:
    gates = [entry["conditionType"] for entry in pod["spec"].get("readinessGates") or []]
    return [gate for gate in gates if not is_true(pod, gate)]


def conditions_of(
    pod: Document, containers: Sequence[ContainerState], initial: Sequence[ContainerState],
    address: str, now: datetime,
) -> list[Document]:  # fmt: skip
    """The conditions, others' entries kept."""
    sidecars, waiting = (
        sidecars_of(pod),
        incomplete(pod, initial, has_begun=_have_begun(containers)),
    )
    lasting = [*(entry for entry in initial if entry.name in sidecars), *containers]
    unready = [entry.name for entry in lasting if not entry.ready]
    first = f"containers with incomplete status: [{' '.join(waiting)}]"
    gates = _gates(pod)
    why = f"containers with unready status: [{' '.join(unready)}]"
    gated = f'corresponding condition of pod readiness gate "{" ".join(gates)}" does not exist or is not true.'
    own = [
        ("PodReadyToStartContainers", bool(address), "", ""),
        ("Initialized", not waiting, "ContainersNotInitialized", first),
        ("Ready", not unready and not gates, *_reason(unready, why, gated)),
        ("ContainersReady", not unready, "ContainersNotReady", why),
        ("PodScheduled", True, "", ""),
    ]
    conditions: list[Document] = (pod.get("status") or {}).get("conditions") or []
    for kind, holds, reason, message in own:
        conditions = with_condition(conditions, _condition(kind, holds, reason, message, now))
    return conditions


def _reason(unready: list[str], why: str, gated: str) -> tuple[str, str]:
    return ("ContainersNotReady", why) if unready else ("ReadinessGatesNotReady", gated)


def _condition(kind: str, holds: bool, reason: str, message: str, now: datetime) -> Document:
    condition = {
        "type": kind,
        "status": "True" if holds else "False",
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(now),
    }
    explained = {"reason": reason, "message": message} if not holds else {}
    return condition | {name: text for name, text in explained.items() if text}


def status_of(
    pod: Document,
    containers: Iterable[ContainerState],
    initial: Sequence[ContainerState],
    address: str,
    times: tuple[datetime, datetime],
) -> Document:
    """The status to write; addresses only when there is one. *times*: when it started, and now."""
    listed, (started, now) = list(containers), times
    uid = pod["metadata"]["uid"]
    status: Document = {
        "phase": phase_of(pod, listed, initial),
        "conditions": conditions_of(pod, listed, initial, address, now),
        "hostIP": HOST_ADDRESS,
        "hostIPs": [{"ip": HOST_ADDRESS}],
        "startTime": (pod.get("status") or {}).get("startTime") or timestamp(started),
        "containerStatuses": [entry.document(uid) for entry in listed],
    }
    if address:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    if initial:
        status["initContainerStatuses"] = [
            replace(entry, ready=True).document(uid) if _succeeded(entry) else entry.document(uid)
            for entry in initial
        ]
    return status
