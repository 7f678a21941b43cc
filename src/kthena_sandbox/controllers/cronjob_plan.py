"""Decides which Jobs a CronJob starts and removes, and what its status says. Pure."""

from collections.abc import Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from kthena_sandbox.controllers.conditions import is_true, parse_time
from kthena_sandbox.controllers.ownership import reference_to
from kthena_sandbox.events import EventType, timestamp
from kthena_sandbox.kinds import Document, is_leaving, uid_of
from kthena_sandbox.schema.cron import (
    CronError,
    are_many_between,
    is_time_zone,
    latest_between,
    parse_schedule,
    zone_of,
)

_SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_ACTIVE = "Not starting job because prior execution is running and concurrency policy is Forbid"
_FORGOTTEN = "Saw a job that the controller did not create or forgot: {}"
_MANY = (
    "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
)


@dataclass(frozen=True)
class Told:
    """An event to tell."""

    reason: str
    message: str
    kind: EventType = "Normal"


@dataclass(frozen=True)
class Due:
    """What is due now: a Job for the time *scheduled*, or nothing; events; and when the next is due."""

    scheduled: datetime | None = None
    told: tuple[Told, ...] = ()
    next: datetime | None = None


@dataclass
class Seen:
    """The status after a look at the Jobs that are there, and the events of that."""

    status: Document
    told: list[Told] = field(default_factory=list)


def outcome_of(job: Document) -> str:
    """Complete or Failed, "" while it is under way."""
    return next((kind for kind in ("Complete", "Failed") if is_true(job, kind)), "")


def surplus(cron_job: Document, jobs: Iterable[Document]) -> list[Document]:
    """The finished Jobs that are beyond the history limits, the oldest first."""
    limits = {"Complete": "successfulJobsHistoryLimit", "Failed": "failedJobsHistoryLimit"}
    found: list[Document] = []
    for outcome, name in limits.items():
        limit = cron_job["spec"].get(name)
        ended = sorted((job for job in jobs if outcome_of(job) == outcome), key=_started)
        found += [] if limit is None else ended[: max(0, len(ended) - limit)]
    return found


def _started(job: Document) -> str:
    begun = (job.get("status") or {}).get("startTime") or job["metadata"]["creationTimestamp"]
    return f"{begun} {job['metadata']['name']}"


def seen(
    cron_job: Document, jobs: Sequence[Document], removed: Collection[str] = frozenset()
) -> Seen:
    """The status without Jobs that have ended or are gone, with the time of the last that did well.

    *removed*: the uids of those among *jobs* that have just been deleted.
    """
    found = Seen(dict(cron_job.get("status") or {}))
    known = {uid_of(job): job for job in jobs}
    listed = [one for one in found.status.pop("active", None) or [] if one["uid"] not in removed]
    told = {one["uid"] for one in listed}
    for job in jobs:
        if uid_of(job) not in told and not outcome_of(job):
            text = _FORGOTTEN.format(job["metadata"]["name"])
            found.told.append(Told("UnexpectedJob", text, "Warning"))
    active = []
    for reference in listed:
        running = known.get(reference["uid"])
        if running is None:
            found.told.append(Told("MissingJob", f"Active job went missing: {reference['name']}"))
        elif outcome := outcome_of(running):
            text = f"Saw completed job: {reference['name']}, condition: {outcome}"
            found.told.append(Told("SawCompletedJob", text))
        else:
            active.append(reference)
    ends = [
        job["status"].get("completionTime", "") for job in jobs if outcome_of(job) == "Complete"
    ]
    if last := max([*ends, found.status.get("lastSuccessfulTime", "")]):
        found.status["lastSuccessfulTime"] = last
    found.status |= {"active": active} if active else {}
    return found


def postponed(before: Document, after: Document, now: datetime) -> datetime | None:
    """Until when nothing follows from a change of the schedule; None where the change is another one."""
    names = ("schedule", "timeZone")
    if all(before["spec"].get(name) == after["spec"].get(name) for name in names):
        return None
    zone = after["spec"].get("timeZone")
    try:
        schedule = parse_schedule(after["spec"]["schedule"])
    except CronError:
        return None
    if zone is not None and not is_time_zone(zone):
        return None
    return schedule.next_after(now, UTC if zone is None else zone_of(zone))


def due(cron_job: Document, status: Document, now: datetime) -> Due:
    """What a CronJob has to start, and when to look again."""
    spec = cron_job["spec"]
    if is_leaving(cron_job) or spec.get("suspend"):
        return Due()
    zone = spec.get("timeZone")
    if zone is not None and not is_time_zone(zone):
        return Due(told=(Told("UnknownTimeZone", f"invalid timeZone: {zone!r}", "Warning"),))
    try:
        schedule = parse_schedule(spec["schedule"])
    except CronError as error:
        text = f"unparseable schedule: {spec['schedule']!r} : {error}"
        return Due(told=(Told("UnparseableSchedule", text, "Warning"),))
    place = UTC if zone is None else zone_of(zone)
    begin = status.get("lastScheduleTime") or cron_job["metadata"]["creationTimestamp"]
    earliest, deadline = parse_time(begin), spec.get("startingDeadlineSeconds")
    if deadline is not None:
        earliest = max(earliest, now - timedelta(seconds=deadline))
    following = schedule.next_after(now, place)
    last = latest_between(schedule, place, earliest, now)
    if last is None:
        return Due(next=following)
    many = are_many_between(schedule, place, earliest, now)
    told = (Told("TooManyMissedTimes", _MANY, "Warning"),) if many else ()
    if any(one["name"] == _name_at(cron_job, last) for one in status.get("active") or []):
        return Due(told=told, next=following)  # it runs already
    if spec.get("concurrencyPolicy") == "Forbid" and status.get("active"):
        return Due(told=(*told, Told("JobAlreadyActive", _ACTIVE)), next=following)
    return Due(last, told, following)


def _name_at(cron_job: Document, scheduled: datetime) -> str:
    """The name says which minute a Job is of, so that none is started twice."""
    return f"{cron_job['metadata']['name']}-{int(scheduled.timestamp()) // 60}"


def new_job(cron_job: Document, scheduled: datetime) -> Document:
    """The Job for a time."""
    template = deepcopy(cron_job["spec"]["jobTemplate"])
    given, metadata = template.get("metadata") or {}, cron_job["metadata"]
    zone: tzinfo = (
        zone_of(cron_job["spec"]["timeZone"]) if cron_job["spec"].get("timeZone") else UTC
    )
    at = scheduled.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")
    labels = {"labels": given["labels"]} if given.get("labels") else {}
    return {
        "metadata": {
            "name": _name_at(cron_job, scheduled),
            "namespace": metadata["namespace"],
            "annotations": (given.get("annotations") or {}) | {_SCHEDULED: at},
            "ownerReferences": [reference_to(cron_job)],
            **labels,
        },
        "spec": template["spec"],
    }


def with_started(status: Document, job: Document, scheduled: datetime) -> Document:
    """The status once a Job runs."""
    metadata = job["metadata"]
    reference = {"kind": job["kind"], "apiVersion": job["apiVersion"]}
    names = ("namespace", "name", "uid", "resourceVersion")
    reference |= {name: metadata[name] for name in names}
    others = [entry for entry in status.get("active") or [] if entry["uid"] != metadata["uid"]]
    return status | {"active": [*others, reference], "lastScheduleTime": timestamp(scheduled)}
