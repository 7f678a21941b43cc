"""The CronJob controller: Jobs at their times, and none too many of those that have ended."""

from datetime import datetime

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers import cronjob_plan as planning
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import controller_uid
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import follow_owned
from kthena_sandbox.kinds import CRON_JOBS, JOBS, Document, Key, key_of, uid_of

_LONGEST_PAUSE = 60.0  # the wall clock may be set meanwhile


class CronJobs:
    """Reconciles CronJobs from the mirrors of theirs and of Jobs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._wall_clock = parts.client, parts.wall_clock
        self._jobs = parts.mirrors[JOBS]
        self._events = parts.recorders["cronjob-controller"]
        self.loop: Reconciler[Key] = Reconciler("cronjobs", self._reconcile)
        self._postponed: dict[Key, datetime] = {}
        self._cron_jobs = parts.mirrors[CRON_JOBS]
        self._cron_jobs.subscribe(self._changed)
        follow_owned(self._jobs, CRON_JOBS, self._cron_jobs, self.loop.add)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        """Another schedule counts from its next time on: what it would have had before is not made up for at once."""
        key, later = key_of(after or before or {}), None
        if before is not None and after is not None:
            later = planning.postponed(before, after, self._wall_clock())
        if later is None:
            self._postponed.pop(key, None)
        else:
            self._postponed[key] = later
        self.loop.add(key)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(CRON_JOBS, JOBS):
            return 0.05
        cron_job = self._cron_jobs.objects.get(key)
        if cron_job is None:
            return None
        if (later := self._postponed.get(key)) is not None:
            left = (later - self._wall_clock()).total_seconds()
            if left > 0:
                return min(left, _LONGEST_PAUSE)
            del self._postponed[key]
        jobs = [
            job for job in self._jobs.objects.values() if controller_uid(job) == uid_of(cron_job)
        ]
        surplus = planning.surplus(cron_job, jobs)
        for job in surplus:
            await self._delete(cron_job, job)
        found = planning.seen(cron_job, jobs, frozenset(map(uid_of, surplus)))
        due = planning.due(cron_job, found.status, self._wall_clock())
        for told in (*found.told, *due.told):
            self._events.tell(cron_job, told.reason, told.message, told.kind)
        status = found.status
        if due.scheduled is not None:
            if cron_job["spec"].get("concurrencyPolicy") == "Replace":
                status = await self._replaced(cron_job, status, jobs)
            job = await self._start(cron_job, planning.new_job(cron_job, due.scheduled))
            status = planning.with_started(status, job, due.scheduled)
        await self._write(cron_job, status)
        if due.next is None:
            return None
        left = (due.next - self._wall_clock()).total_seconds()
        return min(max(0.0, left), _LONGEST_PAUSE)

    async def _start(self, cron_job: Document, document: Document) -> Document:
        """The new Job, or that which was made before this could be written down."""
        try:
            job = await self._client.create(JOBS, document)
        except ApiError as error:
            present = None
            if error.reason == "AlreadyExists":
                present = await self._client.find(JOBS, key_of(document))
            if present is not None and controller_uid(present) == uid_of(cron_job):
                return present
            self._events.tell(cron_job, "FailedCreate", f"Error creating job: {error}", "Warning")
            raise
        self._events.tell(cron_job, "SuccessfulCreate", f"Created job {job['metadata']['name']}")
        return self._jobs.note(job)

    async def _replaced(
        self, cron_job: Document, status: Document, jobs: list[Document]
    ) -> Document:
        active = {reference["uid"] for reference in status.get("active") or []}
        for job in jobs:
            if uid_of(job) in active:
                await self._delete(cron_job, job)
        return {name: value for name, value in status.items() if name != "active"}

    async def _delete(self, cron_job: Document, job: Document) -> None:
        try:
            await self._client.delete(
                JOBS, key_of(job), uid_of(job), propagationPolicy="Background"
            )
        except ApiError as error:
            if error.code == 404:
                return
            raise
        self._events.tell(cron_job, "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")

    async def _write(self, cron_job: Document, status: Document) -> None:
        if status != (cron_job.get("status") or {}):
            written = await self._client.replace(CRON_JOBS, cron_job | {"status": status}, "status")
            self._cron_jobs.note(written)
