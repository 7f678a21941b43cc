"""Rules and defaults of CronJobs.

They are asked only about objects whose fields have the types of the schema.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.countrules import not_negative
from kthena_sandbox.schema.cron import CronError, is_time_zone, parse_schedule
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.nativedefaults import template_defaults
from kthena_sandbox.schema.workloadrules import job_spec_rules

Document = dict[str, Any]
_ZONED = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
_NO_ZONE = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
_POLICIES = ["Allow", "Forbid", "Replace"]


def cron_job_defaults(cron_job: Document) -> Document:
    """A CronJob: the pod template of its Jobs, which themselves get their defaults when they are made."""
    spec = cron_job.get("spec")
    template = spec.get("jobTemplate") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(template, dict):
        return cron_job
    return cron_job | {"spec": spec | {"jobTemplate": template_defaults(template)}}


def cron_job_rules(cron_job: Document) -> list[FieldError]:
    """A CronJob."""
    spec = cron_job.get("spec") or {}
    found = _schedule(spec.get("schedule", ""))
    found += not_negative(spec, ("startingDeadlineSeconds",))
    if spec.get("timeZone") is not None:
        found += _zone(spec["timeZone"])
    policy = spec.get("concurrencyPolicy")
    if policy not in _POLICIES:
        found.append(errors.not_supported("spec.concurrencyPolicy", policy, _POLICIES))
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    found += job_spec_rules(job, "spec.jobTemplate.spec")
    found += _generated(job, "spec.jobTemplate.spec")
    return found + not_negative(spec, ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"))


def _schedule(text: str) -> list[FieldError]:
    path = "spec.schedule"
    if not text:
        return [errors.required(path)]
    found = []
    try:
        parse_schedule(text)
    except CronError as error:
        found.append(errors.invalid(path, text, str(error)))
    if "TZ" in text:
        found.append(errors.invalid(path, text, _ZONED))
    return found


def _zone(name: str) -> list[FieldError]:
    path = "spec.timeZone"
    if not name:
        return [errors.invalid(path, name, "timeZone must be nil or non-empty string")]
    found = [errors.invalid(path, name, _NO_ZONE)] if name.lower() == "local" else []
    if name != "Local" and not is_time_zone(name):
        found.append(errors.invalid(path, name, f"unknown time zone {name}"))
    return found


def _generated(job: Document, path: str) -> list[FieldError]:
    """The selector of a Job is made for it."""
    found = []
    if job.get("selector") is not None:
        detail = "`selector` will be auto-generated"
        found.append(errors.invalid(f"{path}.selector", job["selector"], detail))
    if job.get("manualSelector"):
        found.append(errors.not_supported(f"{path}.manualSelector", True, ["nil", "false"]))
    return found
