"""Policies of Jobs: what a kube-apiserver 1.34 says of each."""

from typing import Any

import pytest

from kthena_sandbox.schema.jobrules import job_policy_rules, shown_failure, shown_success
from kthena_sandbox.schema.nativedefaults import job_defaults

INDEXED = {"completionMode": "Indexed", "completions": 3}
CODES = {"onExitCodes": {"operator": "In", "values": [1]}}
RULE = "spec.podFailurePolicy.rules[0]"
SUCCESS = "spec.successPolicy.rules[0]"


def said(**spec: Any) -> list[str]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}}
    return [error.message for error in job_policy_rules({"template": template} | spec, "spec")]


def failing(rule: dict[str, Any], **spec: Any) -> list[str]:
    return said(podFailurePolicy={"rules": [rule]}, **spec)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"action": "FailJob"} | CODES, []),
        ({"action": "Ignore", "onExitCodes": {"operator": "NotIn", "values": [0]}}, []),
        (CODES, [f'{RULE}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]']),
        ({"action": "FailIndex"} | CODES,
         [f'{RULE}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set']),
        ({"action": "Ignore", "onExitCodes": {"operator": "In", "values": []}},
         [f"{RULE}.onExitCodes.values: Invalid value: []: at least one value is required"]),
        ({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [0]}},
         [f"{RULE}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"]),
        ({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [2, 1, 1]}},
         [f"{RULE}.onExitCodes.values[2]: Duplicate value: 1",
          f"{RULE}.onExitCodes.values: Invalid value: [2,1,1]: must be ordered"]),
        ({"action": "Ignore", "onExitCodes": {"operator": "In", "values": list(range(1, 300))}},
         [f"{RULE}.onExitCodes.values: Too many: 299: must have at most 255 items"]),
        ({"action": "Ignore", "onExitCodes": CODES["onExitCodes"] | {"containerName": "zz"}},
         [(f'{RULE}.onExitCodes.containerName: Invalid value: "zz": must be one of the container or '
          "initContainer names in the pod template")]),
        ({"action": "Ignore", "onPodConditions": [{"type": "X", "status": "True"}]} | CODES,
         [f"{RULE}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported"]),
        ({"action": "Ignore"},
         [f"{RULE}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"]),
        ({"action": "Count", "onPodConditions": [{"type": "X", "status": "Y"}]},
         [(f'{RULE}.onPodConditions[0].status: Unsupported value: "Y": supported values: "False", "True", '
          '"Unknown"')]),
    ],
)  # fmt: skip
def test_rules_about_failures(rule: dict[str, Any], expected: list[str]) -> None:
    assert failing(rule) == expected


def test_what_goes_with_a_failure_policy() -> None:
    ended = {"action": "FailJob"} | CODES
    assert failing(ended, podReplacementPolicy="TerminatingOrFailed") == [
        'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
    ]  # fmt: skip
    assert failing(ended, template={"spec": {"restartPolicy": "OnFailure"}}) == [
        ('spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when '
        "podFailurePolicy is specified"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"backoffLimitPerIndex": 1, "maxFailedIndexes": 3} | INDEXED, []),
        ({"backoffLimitPerIndex": 1},
         ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"]),
        ({"backoffLimitPerIndex": -1} | INDEXED,
         ["spec.backoffLimitPerIndex: Invalid value: -1: must be greater than or equal to 0"]),
        ({"maxFailedIndexes": 1} | INDEXED,
         ["spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"]),
        ({"backoffLimitPerIndex": 1, "maxFailedIndexes": 5} | INDEXED,
         ["spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions"]),
    ],
)  # fmt: skip
def test_limits_of_indexes(spec: dict[str, Any], expected: list[str]) -> None:
    assert said(**spec) == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([{"succeededIndexes": "0-1,2"}, {"succeededCount": 3}], []),
        ([], [("spec.successPolicy.rules: Required value: at least one rules must be specified when the "
              "successPolicy is specified")]),
        ([{"succeededCount": 1}] * 21, ["spec.successPolicy.rules: Too many: 21: must have at most 20 items"]),
        ([{}], [f"{SUCCESS}: Required value: at least one of succeededCount or succeededIndexes must be specified"]),
        ([{"succeededIndexes": "0,9"}],
         [f'{SUCCESS}.succeededIndexes: Invalid value: "0,9": error parsing succeededIndexes: too large index: "9"']),
        ([{"succeededIndexes": "x"}],
         [(f'{SUCCESS}.succeededIndexes: Invalid value: "x": error parsing succeededIndexes: cannot convert '
          'string to integer for index: "x"')]),
        ([{"succeededIndexes": "1-0"}],
         [(f'{SUCCESS}.succeededIndexes: Invalid value: "1-0": error parsing succeededIndexes: non-increasing '
          "order, previous: 1, current: 0")]),
        ([{"succeededCount": 5}],
         [(f"{SUCCESS}.succeededCount: Invalid value: 5: must be less than or equal to 3 (the number of "
          "specified completions)")]),
        ([{"succeededCount": 2, "succeededIndexes": "0"}],
         [(f"{SUCCESS}.succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes "
          "in the specified succeededIndexes field)")]),
        ([{"succeededCount": -1}],
         [f"{SUCCESS}.succeededCount: Invalid value: -1: must be greater than or equal to 0"]),
    ],
)  # fmt: skip
def test_rules_of_success(rules: list[dict[str, Any]], expected: list[str]) -> None:
    assert said(successPolicy={"rules": rules}, **INDEXED) == expected


def test_policies_in_refusals() -> None:
    policy = {"rules": [{"succeededCount": 1}]}
    assert said(successPolicy=policy) == [
        ('spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: '
        "requires indexed completion mode"),
    ]  # fmt: skip
    assert shown_success(policy) == '{"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}'
    assert shown_failure({"rules": [{"action": "FailJob"} | CODES]}) == (
        '{"Rules":[{"Action":"FailJob","OnExitCodes":{"ContainerName":null,"Operator":"In","Values":[1]},'
        '"OnPodConditions":null}]}'
    )


def test_defaults_that_policies_bring() -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    spec = job_defaults(
        {"spec": {"backoffLimitPerIndex": 1, "podFailurePolicy": {"rules": [rule]}}}
    )["spec"]
    assert (spec["backoffLimit"], spec["podReplacementPolicy"]) == (2147483647, "Failed")
    (filled,) = spec["podFailurePolicy"]["rules"]
    assert filled["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
