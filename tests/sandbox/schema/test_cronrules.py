"""CronJobs: their defaults, and the words of a kube-apiserver 1.34 about what is wrong with them."""

from typing import Any

import pytest

from kthena_sandbox.schema import structural
from kthena_sandbox.schema.builtin import BUILTIN

Document = dict[str, Any]
CRON_JOB = next(kind for kind in BUILTIN if kind.kind == "CronJob")
POD: Document = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}
NEGATIVE = "must be greater than or equal to 0"


def fitted(pod: Document = POD, job: Document | None = None, **spec: Any) -> Document:
    assert CRON_JOB.schema is not None
    template = {"spec": {"template": {"spec": pod}} | (job or {})}
    document = {
        "metadata": {"name": "n"},
        "spec": {"schedule": "@daily", "jobTemplate": template} | spec,
    }
    return structural.default(structural.prune(document, CRON_JOB.schema)[0], CRON_JOB.schema)


def messages(**given: Any) -> list[str]:
    assert CRON_JOB.schema is not None
    return [error.message for error in structural.validate(fitted(**given), CRON_JOB.schema)]


def test_defaults_are_those_of_the_cron_job_and_of_its_pods_but_not_of_its_jobs() -> None:
    spec = fitted()["spec"]
    job = spec.pop("jobTemplate")
    assert spec == {
        "schedule": "@daily", "concurrencyPolicy": "Allow", "suspend": False,
        "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
    }  # fmt: skip
    assert (job["metadata"], set(job["spec"])) == ({}, {"template"})
    pod = job["spec"]["template"]["spec"]
    assert (pod["dnsPolicy"], pod["containers"][0]["imagePullPolicy"]) == (
        "ClusterFirst",
        "IfNotPresent",
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, []),
        ({"timeZone": "Europe/Berlin"}, []),
        ({"schedule": ""}, ["spec.schedule: Required value"]),
        ({"schedule": "x"}, ['spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]']),
        ({"schedule": "TZ=UTC @daily"},
         ['spec.schedule: Invalid value: "TZ=UTC @daily": cannot use TZ or CRON_TZ in schedule, use timeZone field instead']),
        ({"timeZone": ""}, ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string']),
        ({"timeZone": "Nowhere"}, ['spec.timeZone: Invalid value: "Nowhere": unknown time zone Nowhere']),
        ({"timeZone": "Local"},
         [('spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in '
           "https://www.iana.org/time-zones")]),
        ({"concurrencyPolicy": "Odd"},
         ['spec.concurrencyPolicy: Unsupported value: "Odd": supported values: "Allow", "Forbid", "Replace"']),
        ({"startingDeadlineSeconds": -1, "failedJobsHistoryLimit": -2},
         [f"spec.startingDeadlineSeconds: Invalid value: -1: {NEGATIVE}",
          f"spec.failedJobsHistoryLimit: Invalid value: -2: {NEGATIVE}"]),
        ({"job": {"manualSelector": True, "parallelism": -1, "selector": {"matchLabels": {"a": "b"}}}},
         [f"spec.jobTemplate.spec.parallelism: Invalid value: -1: {NEGATIVE}",
          'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
          'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"']),
        ({"pod": POD | {"restartPolicy": "Always"}},
         ['spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']),
    ],
)  # fmt: skip
def test_rules(given: Document, said: list[str]) -> None:
    assert messages(**given) == said
