"""What makes pods: apps and batch."""

from tests.differential.objects.kind import CONTAINER, SELECTOR, TEMPLATE, Kind

_CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
WORKLOADS = (
    Kind(
        "deployments", "Deployment", "apps/v1", {"spec": {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE}},
        patches=(
            {"spec": {"replicas": 3}}, {"spec": {"paused": True}}, {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
            {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}},
            {"spec": {"template": {"metadata": {"annotations": {"at": "now"}}}}}, {"spec": {"selector": {"matchLabels": {"app": "z"}}}},
            {"spec": {"strategy": {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}}},
        ),
        spoilt=(
            {"spec": {"replicas": -1}}, {"spec": {"selector": {"matchLabels": {"app": "b"}}}}, {"spec": {"selector": None}},
            {"spec": {"template": {"spec": {"containers": []}}}}, {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}},
            {"spec": {"replicas": "two"}}, {"spec": {"strategy": {"type": "Odd"}}}, {"spec": {"minReadySeconds": -3}},
            {"spec": {"template": {"spec": {"containers": [{"name": "Main", "image": "x"}]}}}},
            {"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}, {"spec": {"unknown": {"a": 1}}},
            {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}},
        ),
        status=True, scale=True,
    ),
    Kind(
        "statefulsets", "StatefulSet", "apps/v1",
        {"spec": {"replicas": 1, "serviceName": "s", "selector": SELECTOR, "template": TEMPLATE}},
        patches=({"spec": {"replicas": 3}}, {"spec": {"minReadySeconds": 4}}, {"spec": {"podManagementPolicy": "Parallel"}}, {"spec": {"volumeClaimTemplates": [_CLAIM]}}),
        spoilt=({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}}, {"spec": {"replicas": -1}}, {"spec": {"podManagementPolicy": "Odd"}}, {"spec": {"selector": {"matchLabels": {"app": "b"}}}}, {"spec": {"serviceName": 3}}),
        status=True, scale=True,
    ),
    Kind(
        "jobs", "Job", "batch/v1", {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}},
        patches=({"spec": {"parallelism": 2}}, {"spec": {"suspend": True}}, {"spec": {"backoffLimit": 1}}),
        spoilt=({"spec": {"parallelism": -1}}, {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}}, {"spec": {"completions": "x"}}),
        status=True,
    ),
    Kind(
        "cronjobs", "CronJob", "batch/v1",
        {"spec": {"schedule": "@hourly", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}}}},
        patches=(
            {"spec": {"schedule": "*/5 1-3,22 * jan MON-fri"}}, {"spec": {"timeZone": "Europe/Berlin"}}, {"spec": {"concurrencyPolicy": "Forbid"}}, {"spec": {"suspend": True}},
            {"spec": {"startingDeadlineSeconds": 0}}, {"spec": {"successfulJobsHistoryLimit": 0}}, {"spec": {"jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"parallelism": 2}}}},
        ),
        spoilt=(
            {"spec": {"schedule": "60 * * * *"}}, {"spec": {"schedule": "* * *"}}, {"spec": {"schedule": "@often"}}, {"spec": {"schedule": "TZ=UTC * * * * *"}}, {"spec": {"schedule": 3}},
            {"spec": {"timeZone": "Nowhere"}}, {"spec": {"timeZone": "Local"}}, {"spec": {"concurrencyPolicy": "Odd"}}, {"spec": {"failedJobsHistoryLimit": -1}}, {"spec": {"suspend": "x"}},
            {"spec": {"jobTemplate": {"spec": {"manualSelector": True, "parallelism": -1}}}}, {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}}}},
            {"spec": {"jobTemplate": None}},
        ),
        status=True,
    ),
    Kind(
        "replicationcontrollers", "ReplicationController", "v1", {"spec": {"replicas": 2, "template": TEMPLATE}},
        patches=({"spec": {"replicas": 3}}, {"spec": {"minReadySeconds": 4}}, {"spec": {"selector": {"app": "a"}}}, {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}}),
        spoilt=(
            {"spec": {"replicas": -1}}, {"spec": {"selector": {"app": "b"}}}, {"spec": {"template": None}}, {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}}, {"spec": {"selector": "x"}},
            {"spec": {"minReadySeconds": -3}}, {"spec": {"template": {"spec": {"activeDeadlineSeconds": 3}}}},
        ),
        status=True, scale=True,
    ),
    Kind(
        "replicasets", "ReplicaSet", "apps/v1", {"spec": {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE}},
        patches=({"spec": {"replicas": 3}}, {"spec": {"minReadySeconds": 4}}, {"spec": {"template": {"metadata": {"annotations": {"at": "now"}}}}}),
        spoilt=({"spec": {"replicas": -1}}, {"spec": {"minReadySeconds": -1}}, {"spec": {"selector": {"matchLabels": {"app": "b"}}}}, {"spec": {"selector": None}}, {"spec": {"template": None}}),
        status=True, scale=True,
    ),
    Kind(
        "daemonsets", "DaemonSet", "apps/v1", {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
        patches=({"spec": {"minReadySeconds": 4}}, {"spec": {"updateStrategy": {"type": "OnDelete"}}}, {"spec": {"template": {"metadata": {"annotations": {"at": "now"}}}}}),
        spoilt=(
            {"spec": {"minReadySeconds": -1}}, {"spec": {"selector": {"matchLabels": {"app": "b"}}}}, {"spec": {"updateStrategy": {"type": "Odd"}}}, {"spec": {"selector": None}},
            {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}}, {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}},
        ),
        status=True,
    ),
)  # fmt: skip
