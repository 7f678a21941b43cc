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
)  # fmt: skip
