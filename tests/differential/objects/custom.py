"""Kinds that CRDs of this repository define."""

from tests.differential.objects.kind import Kind

CUSTOM = (
    Kind(
        "modelservers", "ModelServer", "networking.serving.volcano.sh/v1alpha1",
        {"spec": {"workloadSelector": {"matchLabels": {"app": "e"}}, "workloadPort": {"port": 8000}, "inferenceEngine": "vLLM"}},
        patches=({"spec": {"model": "m"}}, {"spec": {"workloadPort": {"port": 8001}}}, {"spec": {"trafficPolicy": {"timeout": "30s"}}}),
        spoilt=({"spec": {"workloadPort": {"port": 70000}}}, {"spec": {"inferenceEngine": "Own"}}, {"spec": {"workloadSelector": None}}, {"spec": 1}),
        status=True,
    ),
    Kind(
        "modelroutes", "ModelRoute", "networking.serving.volcano.sh/v1alpha1",
        {"spec": {"modelName": "m", "rules": [{"name": "r", "targetModels": [{"modelServerName": "s"}]}]}},
        patches=(
            {"spec": {"modelName": "n"}}, {"spec": {"loraAdapters": ["l"]}}, {"spec": {"rules": [{"targetModels": [{"modelServerName": "t", "weight": 5}]}]}},
            {"spec": {"parentRefs": [{"name": "default"}]}},
        ),
        spoilt=({"spec": {"rules": []}}, {"spec": {"rules": [{"targetModels": []}]}}, {"spec": {"rules": None}}, {"spec": {"modelName": 3}}, {"spec": {"extra": 1}}),
        status=True,
    ),
    Kind(
        "gateways", "Gateway", "gateway.networking.k8s.io/v1",
        {"spec": {"gatewayClassName": "c", "listeners": [{"name": "l", "port": 80, "protocol": "HTTP"}]}},
        patches=({"spec": {"listeners": [{"name": "l", "port": 81, "protocol": "HTTP"}]}}, {"spec": {"addresses": [{"value": "10.1.2.3"}]}}),
        spoilt=(
            {"spec": {"listeners": []}}, {"spec": {"listeners": [{"name": "l", "port": 0, "protocol": "HTTP"}]}}, {"spec": {"gatewayClassName": ""}},
            {"spec": {"listeners": [{"name": "l", "port": 80, "protocol": "HTTP"}, {"name": "l", "port": 81, "protocol": "HTTP"}]}},
            {"spec": {"listeners": [{"name": "l", "port": 80, "protocol": "HTTP", "tls": {"mode": "Terminate"}}]}},
        ),
        status=True,
    ),
    Kind(
        "httproutes", "HTTPRoute", "gateway.networking.k8s.io/v1",
        {"spec": {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "s", "port": 80}]}]}},
        patches=({"spec": {"hostnames": ["a.example.com"]}}, {"spec": {"rules": [{"matches": [{"path": {"value": "/v1"}}]}]}}),
        spoilt=(
            {"spec": {"hostnames": ["*"]}}, {"spec": {"rules": [{"matches": [{"path": {"value": "v1"}}]}]}}, {"spec": {"rules": "x"}},
            {"spec": {"rules": [{"filters": [{"type": "RequestMirror"}]}]}}, {"spec": {"rules": [{"backendRefs": [{"name": "s"}]}]}},
        ),
        status=True,
    ),
    Kind(
        "inferencepools", "InferencePool", "inference.networking.k8s.io/v1",
        {"spec": {"selector": {"matchLabels": {"app": "e"}}, "targetPorts": [{"number": 8000}], "endpointPickerRef": {"name": "p", "port": {"number": 9002}}}},
        patches=({"spec": {"targetPorts": [{"number": 8001}]}}, {"spec": {"endpointPickerRef": {"failureMode": "FailOpen"}}}),
        spoilt=({"spec": {"targetPorts": []}}, {"spec": {"targetPorts": [{"number": 70000}]}}, {"spec": {"selector": None}}, {"spec": {"endpointPickerRef": {"port": None}}}),
        status=True,
    ),
)  # fmt: skip
