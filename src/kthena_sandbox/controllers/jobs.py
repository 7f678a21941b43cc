"""The Job controller: pods until enough of them have ended well, or too many badly."""

from datetime import datetime, timedelta

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers import job_plan as planning, job_policies as policies
from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.controllers.indexes import index_of
from kthena_sandbox.controllers.job_pods import TRACKING, is_superfluous, is_tracked
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import controller_uid, labels_of
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import PodControl, claim_all, follow_owned
from kthena_sandbox.kinds import JOBS, PODS, Document, Key, is_leaving, key_of, uid_of

_OURS = {None, "", "kubernetes.io/job-controller"}


class Jobs:
    """Reconciles Jobs from the mirrors of theirs and of pods."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._pods, self._wall_clock = parts.client, parts.pods, parts.wall_clock
        self._jobs = parts.mirrors[JOBS]
        self._events = parts.recorders["job-controller"]
        self._control = PodControl(parts.client, parts.pods, self._events)
        self._failures: dict[str, tuple[int, datetime]] = {}
        self.loop: Reconciler[Key] = Reconciler("jobs", self._reconcile)
        self._jobs.subscribe(self._changed)
        follow_owned(parts.pods, JOBS, self._jobs, self.loop.add)
        parts.pods.subscribe(self._pod_changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        if after is None:
            self._failures.pop(uid_of(before or {}), None)
        self.loop.add(key_of(after or before or {}))

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        """Pods that no Job controls any more are still held by what it put there."""
        if after is not None and is_tracked(after) and not controller_uid(after):
            name = labels_of(after).get(planning.JOB_NAME, "")
            self.loop.add(Key(after["metadata"]["namespace"], name))

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(JOBS):
            return 0.05
        job = self._jobs.objects.get(key)
        await self._release_strangers(key, job)
        if job is None or job["spec"].get("managedBy") not in _OURS:
            return None
        if is_leaving(job):
            await self._leave(job)
            return None
        pods = await claim_all(self._client, PODS, self._pods, job, finalizer=TRACKING)
        if (job.get("status") or {}).get("uncountedTerminatedPods"):
            job = await self._count(job, pods)  # left over from a controller that was stopped
        while any(planning.to_count(job, pods)):  # others may end while the first are counted
            job = await self._count(job, pods)
            pods = [entry for pod in pods if (entry := self._pods.objects.get(key_of(pod)))]
        for pod in pods:
            if is_tracked(pod) and is_superfluous(job, pod):
                await self._release(pod)
        if planning.ended_condition(job) is not None:
            return await self._expire(job)
        return await self._work(job, pods)

    async def _leave(self, job: Document) -> None:
        """Its pods are held no longer, and it makes no more."""
        uid = uid_of(job)
        pods = [pod for pod in self._pods.objects.values() if controller_uid(pod) == uid]
        for pod in filter(is_tracked, pods):
            await self._release(pod)
        pods = [entry for pod in pods if (entry := self._pods.objects.get(key_of(pod)))]
        await self._write(job, planning.with_numbers(job.get("status") or {}, pods))

    async def _release_strangers(self, key: Key, job: Document | None) -> None:
        owner = "" if job is None else uid_of(job)
        for pod in list(self._pods.objects.values()):
            same = pod["metadata"]["namespace"] == key.namespace
            named = labels_of(pod).get(planning.JOB_NAME) == key.name
            if same and named and controller_uid(pod) != owner and is_tracked(pod):
                await self._release(pod)

    async def _release(self, pod: Document) -> None:
        finalizers = [entry for entry in pod["metadata"]["finalizers"] if entry != TRACKING]
        metadata = {"uid": uid_of(pod), "finalizers": finalizers or None}
        try:
            released = await self._client.patch(PODS, key_of(pod), {"metadata": metadata})
        except ApiError as error:
            if error.code != 404:
                raise
        else:
            self._pods.note(released)

    async def _count(self, job: Document, pods: list[Document]) -> Document:
        """Remember those that ended, let them go, then count them: a restart in between changes nothing."""
        good, bad = planning.to_count(job, pods)
        judgement = policies.judged(job, bad)
        if bad:  # also those that a policy ignores are followed by a pause
            failures, _ = self._failures.get(uid_of(job), (0, None))
            ended = max(policies.ended_at(pod) for pod in bad)
            self._failures[uid_of(job)] = (failures + len(bad), ended)
        if good:
            self._failures.pop(uid_of(job), None)
        status = planning.counting(job.get("status") or {}, good, judgement.counted)
        if (
            planning.aim_of(job) is None
        ):  # those that are stopped at the end have not failed by themselves
            status = policies.with_failed_indexes(job, status, judgement.failed_indexes)
        status = planning.with_failure(status, judgement.why, self._wall_clock())
        job = await self._write(job, status)
        for pod in [*good, *bad]:
            await self._release(pod)
        return await self._write(job, planning.counted(job))

    async def _work(self, job: Document, pods: list[Document]) -> float | None:
        now = self._wall_clock()
        found = planning.tally(job, pods)
        aim = planning.aim_of(job) or planning.aim_now(job, found, now)
        status, again = job.get("status") or {}, None
        steps = planning.Steps(delete=list(found.active))
        if aim is not None:
            status = planning.with_end(planning.with_start(job, status, now), found, aim, now)
        else:
            status = planning.with_work(job, status, now)
            if not job["spec"].get("suspend"):
                steps = self._steps(job, found, pods, now)
                deadline = planning.seconds_to_deadline(job, status, now)
                again = min(filter(None, (steps.again, deadline)), default=None)
        self._tell_end(job, status, aim)
        self._tell_pause(job, status)
        made = [planning.new_pod(job, index, _notes(job, pods, index)) for index in steps.create]
        pods += [await self._control.create(job, pod) for pod in made]
        for pod in steps.delete:
            if aim is None and is_tracked(pod):  # it counts for nothing
                await self._release(pod)
            await self._control.delete(job, pod)
        pods = [self._pods.objects.get(key_of(pod), pod) for pod in pods]
        await self._write(job, planning.with_numbers(status, pods))
        return again

    def _steps(
        self, job: Document, found: planning.Tally, pods: list[Document], now: datetime
    ) -> planning.Steps:
        if job["spec"].get("backoffLimitPerIndex") is None:
            return planning.steps_of(job, found, self._waits(job, now))

        open_ones = set(range(int(job["spec"]["completions"]))) - found.done - found.given_up
        paused: dict[int, float] = {}
        for index in open_ones - {index_of(pod) for pod in found.active}:
            since = policies.last_failure(pods, index)
            if since is not None:
                failures = int(_notes(job, pods, index)[policies.FAILURES])
                left = planning.pause_after(failures) - (now - since).total_seconds()
                paused |= {index: left} if left > 0 else {}
        return planning.steps_of(job, found, 0.0, paused)

    def _waits(self, job: Document, now: datetime) -> float:
        failures, since = self._failures.get(uid_of(job), (0, now))
        ends = since + timedelta(seconds=planning.pause_after(failures))
        return max(0.0, (ends - now).total_seconds())

    def _tell_end(self, job: Document, status: Document, aim: planning.Aim | None) -> None:
        ended = planning.ended_condition({"status": status})
        if ended is None or aim is None:
            return
        if aim.fails:
            self._events.tell(job, aim.reason, str(ended["message"]), "Warning")
        else:
            self._events.tell(job, "Completed", "Job completed")

    def _tell_pause(self, job: Document, status: Document) -> None:
        before, now = (is_true(entry, "Suspended") for entry in (job, {"status": status}))
        if before != now:
            self._events.tell(
                job, "Suspended" if now else "Resumed", f"Job {'suspended' if now else 'resumed'}"
            )

    async def _expire(self, job: Document) -> float | None:
        left = planning.seconds_to_live(job, self._wall_clock())
        if left == 0.0:
            await self._client.delete(
                JOBS, key_of(job), uid_of(job), propagationPolicy="Foreground"
            )
            return None
        return left

    async def _write(self, job: Document, status: Document) -> Document:
        if status == job.get("status"):
            return job
        written = await self._client.replace(JOBS, job | {"status": status}, "status")
        return self._jobs.note(written)


def _notes(job: Document, pods: list[Document], index: int | None) -> dict[str, str]:
    return {} if index is None else policies.failure_notes(job, pods, index)
