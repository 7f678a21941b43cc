"""resource.k8s.io: devices and claims to them."""

from tests.differential.objects.kind import Kind

_VERSION = "resource.k8s.io/v1"
_REQUEST = {"name": "r", "exactly": {"deviceClassName": "gpu"}}
_DEVICES = {"devices": {"requests": [_REQUEST]}}


def _with(**fields: object) -> dict[str, object]:
    """Return a claim's one request, changed."""
    return {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu"} | fields}]}}}  # fmt: skip


def _requests(*requests: object) -> dict[str, object]:
    return {"spec": {"devices": {"requests": list(requests)}}}


_CLAIM = (
    _with(allocationMode="All"), _with(count=2), _with(selectors=[{"cel": {"expression": "device.driver == 'a'"}}]), _with(tolerations=[{"key": "a", "operator": "Exists"}]), _with(capacity={"requests": {"memory": "1Gi"}}),
    _requests({"name": "r", "firstAvailable": [{"name": "a", "deviceClassName": "x"}, {"name": "b", "deviceClassName": "y", "count": 3}]}), {"spec": {"devices": {"constraints": [{"requests": ["r"], "matchAttribute": "a.b/c"}]}}},
    {"spec": {"devices": {"config": [{"requests": ["r"], "opaque": {"driver": "a.b", "parameters": {"kind": "X"}}}]}}},
)  # fmt: skip
_SPOILT = (
    _with(deviceClassName=""), _with(deviceClassName="a_b"), _with(allocationMode="Odd"), _with(allocationMode="All", count=3), _with(count=-1), _with(selectors=[{}]),
    _requests(_REQUEST, _REQUEST), _requests({"name": "", "exactly": {"deviceClassName": "gpu"}}), _requests({"name": "A_", "exactly": {"deviceClassName": "gpu"}}), _requests({"name": "r"}), _requests({"name": "r", "exactly": {"deviceClassName": "gpu"}, "firstAvailable": [{"name": "a", "deviceClassName": "x"}]}),
    {"spec": {"devices": {"constraints": [{"requests": ["odd"], "matchAttribute": "a"}]}}}, {"spec": {"devices": {"config": [{"requests": ["odd"]}]}}}, {"spec": {"devices": {"config": [{"opaque": {"driver": "a_", "parameters": {"kind": "X"}}}]}}}, {"spec": {"devices": {"requests": "x"}}},
    _with(tolerations=[{"operator": "Odd"}]),
)  # fmt: skip
DEVICES = (
    Kind(
        "deviceclasses", "DeviceClass", _VERSION, {"spec": {}},
        patches=({"spec": {"selectors": [{"cel": {"expression": "device.driver == 'a'"}}]}}, {"spec": {"config": [{"opaque": {"driver": "a.b", "parameters": {"kind": "X"}}}]}}),
        spoilt=({"spec": {"selectors": [{}]}}, {"spec": {"selectors": [{"cel": {"expression": "1 +"}}]}}, {"spec": {"config": [{}]}}, {"spec": {"config": [{"opaque": {"driver": "", "parameters": None}}]}}, {"spec": {"selectors": 1}}),
        namespaced=False,
    ),
    Kind("resourceclaims", "ResourceClaim", _VERSION, {"spec": _DEVICES}, patches=_CLAIM, spoilt=_SPOILT, status=True),
    Kind(
        "resourceclaimtemplates", "ResourceClaimTemplate", _VERSION, {"spec": {"spec": _DEVICES}},
        patches=({"spec": {"metadata": {"labels": {"a": "b"}}}}, {"spec": {"spec": None}}),
        spoilt=({"spec": {"metadata": {"labels": {"a b": "c"}}}}, {"spec": {"spec": {"devices": {"requests": [{"name": "r"}]}}}}, {"spec": {"metadata": {"name": "x"}}}),
    ),
    Kind(
        "resourceslices", "ResourceSlice", _VERSION, {"spec": {"driver": "a.b", "nodeName": "n", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}, "devices": [{"name": "d", "attributes": {"x": {"int": 3}}, "capacity": {"memory": {"value": "1Gi"}}}]}},
        patches=({"spec": {"devices": None}}, {"spec": {"pool": {"generation": 2}}}, {"spec": {"devices": [{"name": "e", "attributes": {"a.b/y": {"string": "s"}, "z": {"version": "1.2.3"}, "w": {"bool": False}}}]}}),
        spoilt=(
            {"spec": {"driver": ""}}, {"spec": {"driver": "A_"}}, {"spec": {"pool": None}}, {"spec": {"pool": {"name": "", "resourceSliceCount": 0, "generation": -1}}}, {"spec": {"nodeName": None}}, {"spec": {"allNodes": True}}, {"spec": None},
            {"spec": {"devices": [{"name": "d"}, {"name": "d"}]}}, {"spec": {"devices": [{"name": "D_"}]}}, {"spec": {"devices": [{"name": "d", "attributes": {"a b": {"int": 1}}}]}}, {"spec": {"devices": [{"name": "d", "attributes": {"x": {}}}]}}, {"spec": {"devices": [{"name": "d", "attributes": {"x": {"int": 1, "string": "s"}}}]}}, {"spec": {"devices": [{"name": "d", "attributes": {"x": {"version": "v"}}}]}},
        ),
        namespaced=False,
    ),
)  # fmt: skip
