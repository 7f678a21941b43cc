"""Where Services lead, what may be evicted, and what happened: endpoints, budgets and events."""

from tests.differential.objects.kind import SELECTOR, Kind

_SLICE = {
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.1.2.3"]}],
    "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
}
_ABOUT = {"kind": "Pod", "namespace": "differential", "name": "p", "apiVersion": "v1"}

ENDPOINTS = (
    Kind(
        "endpoints", "Endpoints", "v1", {"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"name": "http", "port": 80}]}]},
        patches=({"subsets": None}, {"subsets": [{"notReadyAddresses": [{"ip": "10.1.2.4", "hostname": "h"}], "ports": [{"port": 81}]}]}),
        spoilt=(
            {"subsets": [{}]}, {"subsets": [{"addresses": [{"ip": "x"}], "ports": [{"port": 80}]}]}, {"subsets": "x"},
            {"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 0}]}]}, {"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}, {"port": 81}]}]},
        ),
    ),
    Kind(
        "endpointslices", "EndpointSlice", "discovery.k8s.io/v1", _SLICE,
        patches=(
            {"ports": [{"name": "http", "port": 81}]}, {"endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": False}}]}, {"endpoints": []},
            {"endpoints": [{"addresses": ["10.1.2.3"], "targetRef": _ABOUT, "nodeName": "n", "zone": "z"}]}, {"ports": []},
        ),
        spoilt=(
            {"addressType": "Odd"}, {"addressType": None}, {"endpoints": [{"addresses": []}]}, {"endpoints": [{"addresses": ["x"]}]}, {"endpoints": "x"},
            {"ports": [{"name": "Http", "port": 80}]}, {"ports": [{"port": 80, "protocol": "Odd"}]}, {"endpoints": [{"addresses": ["10.1.2.3"], "hostname": "-"}]},
            {"addressType": "IPv6"}, {"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 2}]},
        ),
    ),
    Kind(
        "poddisruptionbudgets", "PodDisruptionBudget", "policy/v1", {"spec": {"minAvailable": 1, "selector": SELECTOR}},
        patches=({"spec": {"minAvailable": "50%"}}, {"spec": {"minAvailable": None, "maxUnavailable": 1}}, {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}),
        spoilt=({"spec": {"minAvailable": -1}}, {"spec": {"minAvailable": "x"}}, {"spec": {"maxUnavailable": 1}}, {"spec": {"selector": {"matchLabels": {"a b": "c"}}}}, {"spec": {"unhealthyPodEvictionPolicy": "Odd"}}, {"spec": 3}),
        status=True,
    ),
    Kind(
        "events", "Event", "v1", {"involvedObject": _ABOUT, "reason": "R", "message": "m", "type": "Normal", "source": {"component": "c"}},
        patches=({"count": 2}, {"message": "n"}, {"type": "Warning"}),
        spoilt=({"involvedObject": {"namespace": "other"}}, {"count": "x"}, {"firstTimestamp": "noon"}, {"involvedObject": 3}),
    ),
)  # fmt: skip
