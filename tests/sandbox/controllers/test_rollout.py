from typing import Any

import pytest

from kthena_sandbox.controllers.proportions import is_resized, resized
from kthena_sandbox.controllers.rollout import (
    annotations_of_current,
    current_of,
    limits,
    new_replica_set,
    next_revision,
    obsolete,
    scale_of_current,
    scale_of_new,
    scales_of_old,
    template_hash,
)
from kthena_sandbox.kinds import Document


def _deployment(replicas: int, **spec: Any) -> Document:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": []}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "uid": "u", "annotations": {"x": "y"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "a"}},
                 "template": template} | spec,
    }  # fmt: skip


def _set(name: str, replicas: int, available: int, **more: Any) -> Document:
    time = f"2026-01-01T00:00:0{len(name)}Z"
    return {
        "metadata": {"name": name, "creationTimestamp": time} | more,
        "spec": {"replicas": replicas},
        "status": {"replicas": replicas, "availableReplicas": available},
    }


def test_the_hash_names_a_template() -> None:
    template = {"spec": {"containers": [{"name": "a"}]}}
    assert template_hash(template, 0) == template_hash(dict(template), 0)
    assert template_hash(template, 0) != template_hash(template, 1)
    assert template_hash(template, 0) != template_hash({"spec": {}}, 0)
    assert len(template_hash(template, 0)) == 10


def test_the_replica_set_of_a_template_is_found_again() -> None:
    deployment = _deployment(2)
    made = new_replica_set(deployment, 2, 1, 0)
    made["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    digest = made["metadata"]["labels"]["pod-template-hash"]
    assert made["metadata"]["name"] == f"web-{digest}"
    assert made["spec"]["selector"]["matchLabels"] == {"app": "a", "pod-template-hash": digest}
    assert made["metadata"]["annotations"] == {
        "x": "y", "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "2",
        "deployment.kubernetes.io/max-replicas": "3",
    }  # fmt: skip
    assert current_of(deployment, [made]) is made
    assert current_of(_deployment(2, template={"spec": {}}), [made]) is None


def test_a_replica_set_that_is_rolled_back_to_remembers_its_revisions() -> None:
    deployment = _deployment(4)
    deployment["metadata"]["annotations"]["kubernetes.io/change-cause"] = "back"
    current = _set("old", 0, 0, annotations={"deployment.kubernetes.io/revision": "1", "z": "kept"})
    once = annotations_of_current(deployment, current, 3)
    assert once == {
        "x": "y", "z": "kept", "kubernetes.io/change-cause": "back",
        "deployment.kubernetes.io/revision": "3",
        "deployment.kubernetes.io/revision-history": "1",
    }  # fmt: skip
    again = annotations_of_current(deployment, _set("old", 0, 0, annotations=once), 5)
    assert again["deployment.kubernetes.io/revision-history"] == "1,3"
    assert annotations_of_current(deployment, _set("old", 0, 0, annotations=again), 5) == again


@pytest.mark.parametrize(
    ("replicas", "strategy", "expected"),
    [
        (3, {}, (1, 0)),
        (4, {}, (1, 1)),
        (10, {"maxSurge": "30%", "maxUnavailable": 2}, (3, 2)),
        (3, {"maxSurge": 0, "maxUnavailable": 0}, (0, 1)),
        (1, {"maxSurge": 1, "maxUnavailable": 5}, (1, 1)),
    ],
)
def test_surge_rounds_up_and_unavailability_down(
    replicas: int, strategy: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert limits(_deployment(replicas, strategy={"rollingUpdate": strategy})) == expected


def test_recreation_has_no_limits() -> None:
    assert limits(_deployment(4, strategy={"type": "Recreate"})) == (0, 0)


def test_a_first_roll_out_makes_all_pods_at_once() -> None:
    assert scale_of_new(_deployment(3), []) == 3


def test_a_new_template_gets_the_surge_first() -> None:
    old = _set("old", 4, 4)
    assert scale_of_new(_deployment(4), [old]) == 1
    assert scale_of_current(_deployment(4), _set("new", 1, 1), [_set("old", 3, 3)]) == 2
    none = _deployment(4, strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}})
    assert scale_of_new(none, [old]) == 0
    assert scale_of_current(none, _set("new", 0, 0), [_set("old", 2, 2)]) == 2


def test_old_pods_go_as_far_as_enough_remain() -> None:
    new, old = _set("new", 1, 0), _set("older", 4, 4)
    assert scales_of_old(_deployment(4), new, [old]) == {"older": 3}
    new, old = _set("new", 2, 2), _set("older", 3, 3)
    assert scales_of_old(_deployment(4), new, [old]) == {"older": 1}
    new, old = _set("new", 4, 4), _set("older", 1, 1)
    assert scales_of_old(_deployment(4), new, [old]) == {"older": 0}


def test_pods_that_are_already_to_go_are_not_counted_on() -> None:
    deployment = _deployment(5, strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 3}})
    assert scales_of_old(deployment, _set("new", 2, 0), [_set("older", 3, 5)]) == {"older": 2}


def test_pods_that_serve_nobody_go_first() -> None:
    new, good, broken = _set("new", 1, 1), _set("good", 3, 3), _set("broken", 1, 0)
    assert scales_of_old(_deployment(4), new, [good, broken]) == {"broken": 0, "good": 2}


def test_pods_that_are_not_available_yet_are_not_missed_twice() -> None:
    new, old = _set("new", 3, 1), _set("older", 2, 2)
    assert scales_of_old(_deployment(4), new, [old]) == {}


def test_a_recreated_one_starts_whole() -> None:
    deployment = _deployment(2, strategy={"type": "Recreate"})
    assert scale_of_new(deployment, [_set("older", 2, 2)]) == 2


def test_a_smaller_deployment_shrinks_at_once() -> None:
    assert scale_of_current(_deployment(2), _set("new", 5, 5), []) == 2


def test_revisions_count_up() -> None:
    def revised(name: str, number: str) -> Document:
        return _set(name, 0, 0, annotations={"deployment.kubernetes.io/revision": number})

    assert next_revision([]) == 1
    assert next_revision([revised("old", "3"), revised("older", "2")]) == 4


def test_history_is_limited() -> None:
    sets = [
        _set(f"rs{number}", 0, 0, annotations={"deployment.kubernetes.io/revision": str(number)})
        for number in range(1, 5)
    ]
    gone = obsolete(_deployment(1, revisionHistoryLimit=1), [*sets, _set("used", 1, 1)])
    assert [entry["metadata"]["name"] for entry in gone] == ["rs1", "rs2", "rs3"]


def _sized(name: str, replicas: int, desired: int, most: int, available: int = 0) -> Document:
    kind = "deployment.kubernetes.io"
    noted = {f"{kind}/desired-replicas": str(desired), f"{kind}/max-replicas": str(most)}
    return _set(name, replicas, available, annotations=noted)


ROLLING = {"strategy": {"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}}


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        (15, {"new": 7, "older": 11}),  # the example of the documentation
        (5, {"new": 3, "older": 5}),
        (0, {"new": 0, "older": 0}),
        (10, {"new": 5, "older": 8}),
    ],
)
def test_sizes_keep_their_proportions(replicas: int, expected: dict[str, int]) -> None:
    deployment = _deployment(replicas, **ROLLING)
    new, old = _sized("new", 5, 10, 13), _sized("older", 8, 10, 13)
    assert is_resized(deployment, [new, old]) == (replicas != 10)
    assert resized(deployment, new, [new, old]) == expected


def test_what_a_rounding_leaves_over_goes_to_the_largest() -> None:
    deployment = _deployment(4, strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}})
    sets = [_sized("1", 1, 3, 3), _sized("22", 1, 3, 3), _sized("333", 1, 3, 3)]
    assert resized(deployment, sets[2], sets) == {"1": 1, "22": 1, "333": 2}


def test_with_one_set_alone_the_size_is_its_size() -> None:
    new, old = _sized("new", 0, 3, 4), _sized("older", 3, 3, 4)
    assert resized(_deployment(5), new, [new, old]) == {"older": 5}
    assert resized(_deployment(5), new, [new]) == {"new": 5}
    assert resized(_deployment(5), None, []) == {}


def test_when_the_new_set_is_complete_the_others_are_emptied() -> None:
    new, old = _sized("new", 3, 3, 4, available=3), _sized("older", 1, 2, 3)
    assert resized(_deployment(3), new, [new, old]) == {"older": 0}
