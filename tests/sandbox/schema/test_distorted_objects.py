"""Good objects with parts replaced by nonsense: nothing may raise, and every function keeps its promises."""

from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from kthena_sandbox.schema import structural
from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.patches import PatchError, strategic_merge
from kthena_sandbox.schema.tables import table

Document = dict[str, Any]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONSENSE: tuple[Any, ...] = (
    None, 1, -1, 1.5, True, "", "x", [], [None], [1], {}, {"a": None}, {"name": 1}, [{"name": "x"}], ["x"],
    float("inf"),
)  # fmt: skip
CONTAINER = {
    "name": "m", "image": "i", "ports": [{"containerPort": 80, "name": "a"}],
    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
    "volumeMounts": [{"name": "v", "mountPath": "/"}], "livenessProbe": {"httpGet": {"port": 80}},
    "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": 1}},
}  # fmt: skip
POD = {"containers": [CONTAINER], "initContainers": [CONTAINER], "volumes": [{"name": "v"}]}
LABELS = {"app": "a"}
ENDED = {"terminated": {"finishedAt": "2025-01-01T00:00:00Z"}}
COLUMN = {"name": "a", "type": "string", "jsonPath": ".a"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "pattern": "a"}}}
OBJECTS: dict[str, Document] = {
    "Deployment": {
        "metadata": {"name": "x"},
        "spec": {"replicas": 1, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
                 "selector": {"matchLabels": LABELS, "matchExpressions": [
                     {"key": "app", "operator": "In", "values": ["a"]}]},
                 "template": {"metadata": {"labels": LABELS}, "spec": POD}},
    },
    "Pod": {"metadata": {"name": "x"}, "spec": POD, "status": {"containerStatuses": [
        {"state": {"running": {}}, "ready": True, "restartCount": 1, "lastState": ENDED}]}},
    "Service": {"spec": {"type": "LoadBalancer", "selector": LABELS, "externalIPs": ["1"],
                         "ports": [{"port": 1, "targetPort": 2, "name": "a"}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "1"}]}}},
    "RoleBinding": {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]},
    "Lease": {"spec": {"leaseDurationSeconds": 1}},
    "ConfigMap": {"data": {"a": "b"}, "binaryData": {"a": "b"}},
    "CustomResourceDefinition": {"metadata": {"name": "as.b"}, "spec": {
        "group": "b", "scope": "Cluster", "names": {"plural": "as", "kind": "A"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA},
                      "additionalPrinterColumns": [COLUMN]}]}},
}  # fmt: skip


def distorted(document: Document, dice: Random) -> Document:
    """A copy with one part replaced or removed."""
    copy = deepcopy(document)
    place: Any = copy
    while place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = dice.choice(keys)
        if dice.random() < 0.25 or not isinstance(place[key], dict | list):
            if dice.random() < 0.3:
                del place[key]
            else:
                place[key] = deepcopy(dice.choice(NONSENSE))
            break
        place = place[key]
    return copy


@pytest.mark.parametrize("kind", OBJECTS)
def test_distorted_objects_are_handled_like_any_other(kind: str) -> None:
    resource = next(entry for entry in BUILTIN if entry.kind == kind)
    assert resource.schema is not None
    dice = Random(11)
    for _ in range(300):
        document = OBJECTS[kind]
        for _ in range(dice.randint(1, 3)):
            document = distorted(document, dice)
        before = deepcopy(document)
        pruned, _ = structural.prune(document, resource.schema)
        filled = structural.default(pruned, resource.schema)
        structural.validate(document, resource.schema)
        structural.validate(filled, resource.schema)
        table(resource, [document, filled], NOW, "Object")
        for pair in ((document, OBJECTS[kind]), (OBJECTS[kind], document)):
            with suppress(PatchError):
                strategic_merge(*pair, resource.schema)
        assert document == before
        assert structural.default(filled, resource.schema) == filled
