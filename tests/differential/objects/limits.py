"""Quotas and limits of namespaces. Nothing here holds others up: a server without controllers enforces no quota."""

from tests.differential.objects.kind import Kind

_CHOSEN = {
    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]
}
_TWO = {
    "matchExpressions": [
        {"scopeName": "BestEffort", "operator": "Exists"},
        {"scopeName": "NotBestEffort", "operator": "In", "values": ["x"]},
    ]
}

LIMITS = (
    Kind(
        "resourcequotas", "ResourceQuota", "v1", {"spec": {"hard": {"pods": "4"}}},
        patches=(
            {"spec": {"hard": {"requests.cpu": "1500m", "limits.memory": "1024Mi"}}}, {"spec": {"hard": {"count/deployments.apps": "2"}}},
            {"spec": {"scopes": ["Terminating"]}}, {"spec": {"scopeSelector": _CHOSEN}}, {"spec": {"hard": {"requests.example.com/gpu": "1"}}},
            {"spec": {"scopes": ["CrossNamespacePodAffinity", "PriorityClass"]}}, {"spec": {"hard": None}},
        ),
        spoilt=(
            {"spec": {"hard": {"pods": "1.5"}}}, {"spec": {"hard": {"pods": "-1"}}}, {"spec": {"hard": {"odd": "1"}}}, {"spec": {"hard": {"a b": "1"}}},
            {"spec": {"hard": {"count/": "1"}}}, {"spec": {"hard": {"pods": "many"}}}, {"spec": {"hard": {"cpu": "1"}, "scopes": ["BestEffort"]}},
            {"spec": {"scopes": ["Odd"]}}, {"spec": {"scopes": ["Terminating", "NotTerminating"]}}, {"spec": {"scopeSelector": _TWO, "hard": {"services": "1"}}},
            {"spec": {"scopeSelector": {"matchExpressions": [{"scopeName": "", "operator": "Odd"}]}}}, {"spec": {"scopes": "Odd"}}, {"spec": {"hard": 1}},
            {"spec": {"hard": {"example.com/x": "0.5", "storage": "1"}}},
        ),
        status=True,
    ),
    Kind(
        "limitranges", "LimitRange", "v1", {"spec": {"limits": [{"type": "example.com/own", "max": {"cpu": "2"}}]}},
        patches=(
            {"spec": {"limits": [{"type": "Pod"}]}}, {"spec": {"limits": None}},
            {"spec": {"limits": [{"type": "example.com/other", "max": {"storage": "64Gi"}}, {"type": "example.com/own"}]}},
            {"spec": {"limits": [{"type": "example.com/own", "min": {"memory": "512Mi"}, "maxLimitRequestRatio": {"memory": "2"}}]}},
        ),
        spoilt=(
            {"spec": {"limits": [{"type": ""}]}}, {"spec": {"limits": [{"type": "Odd"}]}}, {"spec": {"limits": [{"type": "Pod"}, {"type": "Pod"}]}},
            {"spec": {"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}}, {"spec": {"limits": [{"type": "Container", "max": {"a b": "1"}}]}},
            {"spec": {"limits": [{"type": "Container", "max": {"odd": "1"}}]}}, {"spec": {"limits": [{"type": "PersistentVolumeClaim"}]}},
            {"spec": {"limits": [{"type": "Pod", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}}]}}, {"spec": {"limits": "x"}},
            {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "2"}, "defaultRequest": {"cpu": "3"}}]}},
            {"spec": {"limits": [{"type": "Container", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "4"}}]}},
            {"spec": {"limits": [{"type": "Container", "default": {"example.com/gpu": "2"}, "defaultRequest": {"example.com/gpu": "1"}}]}},
            {"spec": {"limits": [{"type": "Container", "max": {"cpu": "much"}}]}},
        ),
    ),
)  # fmt: skip
