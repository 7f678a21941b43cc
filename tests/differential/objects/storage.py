"""Volumes, claims to them and classes of them."""

from tests.differential.objects.kind import Kind

_NODES = {
    "required": {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
        ]
    }
}

STORAGE = (
    Kind(
        "persistentvolumes", "PersistentVolume", "v1",
        {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/mnt/a"}}},
        patches=(
            {"spec": {"capacity": {"storage": "2Gi"}}}, {"spec": {"hostPath": {"path": "/mnt/b"}}}, {"spec": {"hostPath": {"type": "Directory"}}},
            {"spec": {"storageClassName": "slow"}}, {"spec": {"storageClassName": ""}}, {"spec": {"volumeMode": "Block"}},
            {"spec": {"accessModes": ["ReadWriteMany", "ReadOnlyMany"]}}, {"spec": {"claimRef": {"namespace": "x", "name": "y"}}},
            {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}, {"spec": {"persistentVolumeReclaimPolicy": "Recycle"}}, {"spec": {"nodeAffinity": _NODES}}, {"spec": {"mountOptions": ["ro"]}},
            {"spec": {"hostPath": None, "local": {"path": "/mnt/c"}, "nodeAffinity": _NODES}},
            {"spec": {"hostPath": None, "nfs": {"server": "s", "path": "/x"}}},
            {"spec": {"hostPath": None, "csi": {"driver": "d", "volumeHandle": "h", "volumeAttributes": {"b": "c", "a": "d"}}}},
        ),
        spoilt=(
            {"spec": {"capacity": None}}, {"spec": {"capacity": {"storage": "0"}}}, {"spec": {"capacity": {"storage": "-1"}}},
            {"spec": {"capacity": {"cpu": "1"}}}, {"spec": {"accessModes": []}}, {"spec": {"accessModes": ["Odd", "ReadWriteOnce"]}},
            {"spec": {"accessModes": ["ReadWriteOnce", "ReadWriteOncePod"]}}, {"spec": {"hostPath": None}}, {"spec": {"hostPath": {"path": "a/.."}}},
            {"spec": {"hostPath": {"path": "", "type": "Odd"}}}, {"spec": {"nfs": {"server": "s", "path": "x"}}}, {"spec": {"volumeMode": ""}},
            {"spec": {"hostPath": None, "local": {"path": "/mnt/c"}}}, {"spec": {"persistentVolumeReclaimPolicy": "Odd"}}, {"spec": {"nodeAffinity": {}}},
            {"spec": {"hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"}}, {"spec": {"storageClassName": "Bad_"}},
            {"spec": {"hostPath": None, "csi": {"driver": "d_", "volumeHandle": ""}}}, {"spec": {"volumeAttributesClassName": "x"}}, {"spec": 1},
        ),
        status=True, namespaced=False,
    ),
    Kind(
        "persistentvolumeclaims", "PersistentVolumeClaim", "v1",
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        patches=(
            {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}, {"spec": {"storageClassName": "slow"}}, {"spec": {"storageClassName": ""}},
            {"spec": {"volumeName": "v"}}, {"spec": {"volumeMode": "Block"}}, {"spec": {"accessModes": ["ReadWriteMany", "ReadWriteOnce"]}},
            {"spec": {"selector": {"matchLabels": {"a": "b"}}}}, {"spec": {"resources": {"limits": {"storage": "3Gi"}}}},
            {"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "x"}}}, {"spec": {"dataSource": {"kind": "Odd", "name": "x"}}},
            {"spec": {"dataSourceRef": {"kind": "Odd", "name": "x", "apiGroup": "a.b"}}}, {"spec": {"volumeAttributesClassName": "x"}},
        ),
        spoilt=(
            {"spec": {"accessModes": None}}, {"spec": {"accessModes": ["Odd"]}}, {"spec": {"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]}},
            {"spec": {"resources": None}}, {"spec": {"resources": {"requests": {"storage": "0"}}}}, {"spec": {"resources": {"requests": {"storage": "much"}}}},
            {"spec": {"storageClassName": "Bad_"}}, {"spec": {"volumeMode": "Odd"}}, {"spec": {"selector": {"matchLabels": {"a b": "c"}}}}, {"spec": None},
            {"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": ""}}}, {"spec": {"dataSourceRef": {"kind": "Odd", "name": "x"}}},
            {"spec": {"volumeAttributesClassName": "X_"}}, {"spec": {"accessModes": "ReadWriteOnce"}},
        ),
        status=True,
    ),
    Kind(
        "storageclasses", "StorageClass", "storage.k8s.io/v1", {"provisioner": "example.com/disk"},
        patches=(
            {"reclaimPolicy": "Retain"}, {"reclaimPolicy": ""}, {"volumeBindingMode": "WaitForFirstConsumer"}, {"allowVolumeExpansion": True},
            {"mountOptions": ["ro"]}, {"parameters": {"a": "b"}}, {"provisioner": "other"},
            {"allowedTopologies": [{"matchLabelExpressions": [{"key": "a", "values": ["b"]}]}]},
        ),
        spoilt=(
            {"provisioner": ""}, {"provisioner": "a/b/c"}, {"provisioner": "A_!"}, {"reclaimPolicy": "Recycle"}, {"volumeBindingMode": "Odd"},
            {"parameters": {"": "x"}}, {"allowedTopologies": [{}, {}]}, {"allowVolumeExpansion": "yes"},
            {"allowedTopologies": [{"matchLabelExpressions": [{"key": "a b", "values": []}, {"key": "c", "values": ["x", "x"]}]}]},
        ),
        namespaced=False,
    ),
)  # fmt: skip
