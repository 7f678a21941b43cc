"""Rules of what a Job does about pods that fail, and of when it has succeeded (batch/v1)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.golang import as_struct
from kthena_sandbox.schema.names import qualified_problems
from kthena_sandbox.schema.reading import maps

Document = dict[str, Any]
_ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"]
_MOST_RULES, _MOST_CODES, _MOST_PATTERNS = 20, 255, 20
_INDEXED = "requires indexed completion mode"
_NEGATIVE = "must be greater than or equal to 0"


def job_policy_rules(spec: Document, path: str) -> list[FieldError]:
    """`podFailurePolicy`, `successPolicy`, `backoffLimitPerIndex` and `maxFailedIndexes` of a Job at that path."""
    found = [*_per_index(spec, path), *_success(spec, path)]
    policy = spec.get("podFailurePolicy")
    if policy is not None:
        found += _failure(policy, spec, path)
    return found


def _is_indexed(spec: Document) -> bool:
    return spec.get("completionMode") == "Indexed"


def _per_index(spec: Document, path: str) -> Iterator[FieldError]:
    limit, most = spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")
    if limit is not None and limit < 0:
        yield errors.invalid(f"{path}.backoffLimitPerIndex", limit, _NEGATIVE)
    elif limit is not None and not _is_indexed(spec):
        yield errors.invalid(f"{path}.backoffLimitPerIndex", limit, _INDEXED)
    if most is None:
        return
    if most < 0:
        yield errors.invalid(f"{path}.maxFailedIndexes", most, _NEGATIVE)
    if limit is None:
        yield errors.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.get("completions") is not None and most > spec["completions"]:
        detail = "must be less than or equal to completions"
        yield errors.invalid(f"{path}.maxFailedIndexes", most, detail)


def _success(spec: Document, path: str) -> Iterator[FieldError]:
    policy = spec.get("successPolicy")
    if policy is None:
        return
    if not _is_indexed(spec):
        yield errors.invalid_shown(f"{path}.successPolicy", shown_success(policy), _INDEXED)
        return
    rules, path = maps(policy, "rules"), f"{path}.successPolicy.rules"
    if not rules:
        detail = "at least one rules must be specified when the successPolicy is specified"
        yield errors.required(path, detail)
    if len(rules) > _MOST_RULES:
        yield errors.too_many(path, len(rules), _MOST_RULES)
    for index, rule in enumerate(rules):
        yield from _success_rule(rule, spec, f"{path}[{index}]")


def _success_rule(rule: Document, spec: Document, path: str) -> Iterator[FieldError]:
    text, count = rule.get("succeededIndexes"), rule.get("succeededCount")
    most, called = spec.get("completions") or 0, "the number of specified completions"
    if text is None and count is None:
        detail = "at least one of succeededCount or succeededIndexes must be specified"
        yield errors.required(path, detail)
    if text is not None:
        try:
            most = _count_indexes(text, most)
            called = "the number of indexes in the specified succeededIndexes field"
        except ValueError as error:
            detail = f"error parsing succeededIndexes: {error}"
            yield errors.invalid(f"{path}.succeededIndexes", text, detail)
    if count is not None and count < 0:
        yield errors.invalid(f"{path}.succeededCount", count, _NEGATIVE)
    elif count is not None and count > most:
        detail = f"must be less than or equal to {most} ({called})"
        yield errors.invalid(f"{path}.succeededCount", count, detail)


def _count_indexes(text: str, completions: int) -> int:
    """How many `0-2,5` are. Raises ValueError."""
    total, last = 0, -1
    for part in filter(None, text.split(",")):
        ends = part.split("-")
        if len(ends) > 2:
            raise ValueError(f'the fragment "{part}" violates the requirement that an index interval can have at most two parts separated by \'-\'')  # fmt: skip
        numbers = [_index(end, completions) for end in ends]
        for before, after in pairwise([last, *numbers]):
            if after <= before:
                raise ValueError(f"non-increasing order, previous: {before}, current: {after}")
        total, last = total + numbers[-1] - numbers[0] + 1, numbers[-1]
    return total


def _index(text: str, completions: int) -> int:
    if not text.isdecimal():
        raise ValueError(f'cannot convert string to integer for index: "{text}"')
    if int(text) >= completions:
        raise ValueError(f'too large index: "{text}"')
    return int(text)


def _failure(policy: Document, spec: Document, path: str) -> Iterator[FieldError]:
    template = (spec.get("template") or {}).get("spec") or {}
    restart = template.get("restartPolicy", "Always")
    if restart != "Never":
        detail = 'only "Never" is supported when podFailurePolicy is specified'
        yield errors.invalid(f"{path}.template.spec.restartPolicy", restart, detail)
    if spec.get("podReplacementPolicy") == "TerminatingOrFailed":
        given = spec["podReplacementPolicy"]
        yield errors.not_supported(f"{path}.podReplacementPolicy", given, ["Failed"])
    rules, path = maps(policy, "rules"), f"{path}.podFailurePolicy.rules"
    if len(rules) > _MOST_RULES:
        yield errors.too_many(path, len(rules), _MOST_RULES)
    names = {entry.get("name") for field in ("containers", "initContainers") for entry in maps(template, field)}  # fmt: skip
    for index, rule in enumerate(rules):
        yield from _failure_rule(rule, spec, names, f"{path}[{index}]")


def _failure_rule(
    rule: Document, spec: Document, names: set[Any], path: str
) -> Iterator[FieldError]:
    action, codes = rule.get("action") or "", rule.get("onExitCodes")
    patterns = maps(rule, "onPodConditions")
    if not action:
        listed = " ".join(f'"{name}"' for name in _ACTIONS)
        yield errors.required(f"{path}.action", f"valid values: [{listed}]")
    elif action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        detail = "requires the backoffLimitPerIndex to be set"
        yield errors.invalid(f"{path}.action", action, detail)
    if codes is not None:
        yield from _exit_codes(codes, names, f"{path}.onExitCodes")
    yield from _patterns(patterns, f"{path}.onPodConditions")
    if codes is not None and patterns:
        why = "specifying both OnExitCodes and OnPodConditions is not supported"
        yield FieldError(path, "FieldValueInvalid", f"{path}: Invalid value: {why}")
    if codes is None and not patterns:
        why = "specifying one of OnExitCodes and OnPodConditions is required"
        yield FieldError(path, "FieldValueInvalid", f"{path}: Invalid value: {why}")


def _exit_codes(codes: Document, names: set[Any], path: str) -> Iterator[FieldError]:
    container = codes.get("containerName")
    if container is not None and container not in names:
        detail = "must be one of the container or initContainer names in the pod template"
        yield errors.invalid(f"{path}.containerName", container, detail)
    values = codes.get("values") or []
    if not values:
        yield errors.invalid(f"{path}.values", values, "at least one value is required")
    elif len(values) > _MOST_CODES:
        yield errors.too_many(f"{path}.values", len(values), _MOST_CODES)
    for index, value in enumerate(values):
        if value == 0 and codes.get("operator") == "In":
            detail = "must not be 0 for the In operator"
            yield errors.invalid(f"{path}.values[{index}]", value, detail)
        if value in values[:index]:
            yield errors.duplicate(f"{path}.values[{index}]", value)
    if values != sorted(values):
        yield errors.invalid(f"{path}.values", values, "must be ordered")


def _patterns(patterns: list[Document], path: str) -> Iterator[FieldError]:
    if len(patterns) > _MOST_PATTERNS:
        yield errors.too_many(path, len(patterns), _MOST_PATTERNS)
    for index, pattern in enumerate(patterns):
        kind = pattern.get("type") or ""
        for why in qualified_problems(kind):
            yield errors.invalid(f"{path}[{index}].type", kind, why)
        status = pattern.get("status")
        if status not in {"True", "False", "Unknown"}:
            known = ["False", "True", "Unknown"]
            yield errors.not_supported(f"{path}[{index}].status", status or "", known)


def shown_success(policy: Document) -> str:
    """A success policy in a field error."""
    rules = [
        {
            "SucceededIndexes": rule.get("succeededIndexes"),
            "SucceededCount": rule.get("succeededCount"),
        }
        for rule in maps(policy, "rules")
    ]
    return as_struct({"Rules": rules})


def shown_failure(policy: Document) -> str:
    """A pod failure policy in a field error."""
    return as_struct({"Rules": [_shown_rule(rule) for rule in maps(policy, "rules")]})


def _shown_rule(rule: Document) -> Document:
    codes, patterns = rule.get("onExitCodes"), rule.get("onPodConditions")
    return {
        "Action": rule.get("action", ""),
        "OnExitCodes": codes and {
            "ContainerName": codes.get("containerName"), "Operator": codes.get("operator", ""),
            "Values": codes.get("values"),
        },
        "OnPodConditions": patterns and [
            {"Type": entry.get("type", ""), "Status": entry.get("status", "")} for entry in patterns
        ],
    }  # fmt: skip
