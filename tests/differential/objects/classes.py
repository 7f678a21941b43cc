"""node.k8s.io and scheduling.k8s.io: classes of pods."""

from tests.differential.objects.kind import Kind

CLASSES = (
    Kind(
        "runtimeclasses", "RuntimeClass", "node.k8s.io/v1", {"handler": "runc"},
        patches=({"scheduling": {"nodeSelector": {"a": "b"}}}, {"overhead": {"podFixed": {"cpu": "0.5", "memory": "1024Mi"}}}, {"scheduling": {"tolerations": [{"key": "x", "operator": "Exists"}]}}),
        spoilt=({"handler": "Run_c"}, {"handler": "a.b"}, {"handler": "other"}, {"overhead": {"podFixed": {"cpu": "-1"}}}, {"overhead": {"podFixed": {"cpu": "x"}}}, {"scheduling": {"nodeSelector": {"a b": "c"}}}),
        namespaced=False,
    ),
    Kind(
        "priorityclasses", "PriorityClass", "scheduling.k8s.io/v1", {"value": 7},
        patches=({"description": "d"}, {"globalDefault": False}, {"description": None}),
        spoilt=({"value": 8}, {"value": 1000000001}, {"value": "x"}, {"preemptionPolicy": "Never"}, {"preemptionPolicy": "Odd"}, {"metadata": {"name": "system-one"}}),
        namespaced=False,
    ),
)  # fmt: skip
