"""storage.k8s.io: what CSI drivers and their helpers write, and networking.k8s.io: ranges of addresses."""

from tests.differential.objects.kind import Kind

_SOURCE = {"attacher": "example.com", "nodeName": "n", "source": {"persistentVolumeName": "v"}}

DRIVERS = (
    Kind(
        "csidrivers", "CSIDriver", "storage.k8s.io/v1", {"spec": {}},
        patches=(
            {"spec": {"attachRequired": False}}, {"spec": {"podInfoOnMount": True}}, {"spec": {"volumeLifecycleModes": ["Persistent", "Ephemeral"]}},
            {"spec": {"fsGroupPolicy": "File"}}, {"spec": {"storageCapacity": True}}, {"spec": {"tokenRequests": [{"audience": "a", "expirationSeconds": 700}]}},
            {"spec": {"requiresRepublish": True}}, {"spec": {"seLinuxMount": True}},
        ),
        spoilt=(
            {"spec": {"volumeLifecycleModes": ["Odd"]}}, {"spec": {"fsGroupPolicy": "Odd"}}, {"spec": {"fsGroupPolicy": ""}},
            {"spec": {"tokenRequests": [{"audience": "a", "expirationSeconds": 5}, {"audience": "a"}]}}, {"spec": {"tokenRequests": [{"audience": "a", "expirationSeconds": 5000000000}]}},
            {"spec": {"volumeLifecycleModes": ["Persistent", "Persistent"]}}, {"spec": {"attachRequired": "x"}}, {"metadata": {"name": "a_b"}},
        ),
        namespaced=False,
    ),
    Kind(
        "csinodes", "CSINode", "storage.k8s.io/v1", {"spec": {"drivers": [{"name": "example.com", "nodeID": "n"}]}},
        patches=(
            {"spec": {"drivers": []}}, {"spec": {"drivers": [{"name": "example.com", "nodeID": "n", "topologyKeys": ["a", "b"]}]}},
            {"spec": {"drivers": [{"name": "example.com", "nodeID": "n", "allocatable": {"count": 3}}]}}, {"spec": {"drivers": [{"name": "b.example.com", "nodeID": "m"}, {"name": "a.example.com", "nodeID": "m"}]}},
            {"spec": {"drivers": [{"name": "example.com", "nodeID": "n"}, {"name": "other.example.com", "nodeID": "n"}]}},
        ),
        spoilt=(
            {"spec": {"drivers": [{"name": "", "nodeID": ""}]}}, {"spec": {"drivers": [{"name": "a_b", "nodeID": "n" * 257}]}}, {"spec": {"drivers": [{"name": "a", "nodeID": "n", "topologyKeys": ["", "a b", "c", "c"]}]}},
            {"spec": {"drivers": [{"name": "a", "nodeID": "n", "allocatable": {"count": -1}}]}}, {"spec": {"drivers": [{"name": "a", "nodeID": "n"}, {"name": "a", "nodeID": "m"}]}}, {"spec": {"drivers": None}}, {"spec": {"drivers": {}}},
        ),
        namespaced=False,
    ),
    Kind(
        "csistoragecapacities", "CSIStorageCapacity", "storage.k8s.io/v1", {"storageClassName": "slow"},
        patches=({"capacity": "1Gi"}, {"maximumVolumeSize": "1Gi"}, {"nodeTopology": {"matchLabels": {"a": "b"}}}, {"nodeTopology": {}}, {"storageClassName": "fast"}, {"capacity": "1024Mi"}),
        spoilt=(
            {"storageClassName": ""}, {"storageClassName": "a_b"}, {"capacity": "-1"}, {"capacity": "x"}, {"maximumVolumeSize": "-2"}, {"nodeTopology": {"matchLabels": {"a b": "c"}}},
            {"nodeTopology": {"matchExpressions": [{"key": "a", "operator": "Odd"}]}}, {"capacity": None, "storageClassName": None},
        ),
    ),
    Kind(
        "volumeattachments", "VolumeAttachment", "storage.k8s.io/v1", {"spec": _SOURCE},
        patches=(
            {"spec": {"nodeName": "other"}}, {"spec": {"attacher": "other.example.com"}}, {"spec": {"source": {"persistentVolumeName": "w"}}}, {"status": {"attached": True}},
            {"spec": {"source": {"persistentVolumeName": None, "inlineVolumeSpec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "csi": {"driver": "d.example.com", "volumeHandle": "h"}}}}},
        ),
        spoilt=(
            {"spec": {"attacher": ""}}, {"spec": {"attacher": "a/b/c"}}, {"spec": {"nodeName": "a b"}}, {"spec": {"nodeName": ""}}, {"spec": {"source": {}}}, {"spec": {"source": {"persistentVolumeName": ""}}}, {"spec": {"source": {"persistentVolumeName": "a b"}}},
            {"spec": {"source": {"inlineVolumeSpec": {"hostPath": {"path": "/x"}}}}}, {"spec": {"source": {"persistentVolumeName": None}}}, {"spec": {"source": {"persistentVolumeName": None, "inlineVolumeSpec": {"hostPath": {"path": "/x"}}}}}, {"spec": None},
        ),
        status=True, namespaced=False,
    ),
    Kind(
        "volumeattributesclasses", "VolumeAttributesClass", "storage.k8s.io/v1", {"driverName": "example.com", "parameters": {"iops": "500"}},
        patches=({"metadata": {"annotations": {"a": "b"}}}, {"metadata": {"labels": {"a": "b"}}}),
        spoilt=({"driverName": ""}, {"driverName": "a/b"}, {"driverName": "A_!"}, {"parameters": None}, {"parameters": {"": "x"}}, {"parameters": {"iops": "600"}}, {"driverName": "other"}, {"parameters": {"iops": 7}}),
        namespaced=False,
    ),
    Kind(
        "servicecidrs", "ServiceCIDR", "networking.k8s.io/v1", {"spec": {"cidrs": ["10.9.0.0/24"]}},
        patches=({"metadata": {"annotations": {"a": "b"}}}, {"spec": {"cidrs": ["10.9.0.0/24", "fd00:9::/64"]}}),
        spoilt=(
            {"spec": {"cidrs": None}}, {"spec": {"cidrs": ["x"]}}, {"spec": {"cidrs": ["10.9.0.1/24"]}}, {"spec": {"cidrs": ["10.8.0.0/24"]}}, {"spec": {"cidrs": ["10.9.0.0/24", "10.8.0.0/24"]}},
            {"spec": {"cidrs": ["10.9.0.0/24", "fd00:9::/64", "10.7.0.0/24"]}}, {"spec": {"cidrs": ["010.9.0.0/24"]}}, {"spec": {"cidrs": ["FD00:9::/64"]}},
        ),
        status=True, namespaced=False,
    ),
)  # fmt: skip
