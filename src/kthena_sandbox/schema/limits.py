"""The value validations of a schema: lengths, bounds, patterns, formats, numbers of entries."""

from collections.abc import Sized
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.compiled import Node
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.formats import is_of_format
from kthena_sandbox.schema.golang import number, quoted


def text_errors(value: str, node: Node, path: str) -> list[FieldError]:
    """Length, pattern (the first of these that fails) and format of a text."""
    limits = node.limits
    if not limits:
        return []
    found = []
    if (limit := limits.get("maxLength")) is not None and len(value) > limit:
        found.append(errors.too_long(path, limit))
    elif (limit := limits.get("minLength")) is not None and len(value) < limit:
        detail = f"{path} in body should be at least {limit} chars long"
        found.append(errors.invalid(path, value, detail))
    elif node.pattern is not None and not _matches(node, value):
        detail = f"{path} in body should match '{limits['pattern']}'"
        found.append(errors.invalid(path, value, detail))
    wanted = limits.get("format")
    if wanted and not node.native and not is_of_format(value, wanted):
        detail = f"{path} in body must be of type {wanted}: {quoted(value)}"
        found.append(errors.type_invalid(path, value, detail))
    return found


def _matches(node: Node, value: str) -> bool:
    try:
        return node.pattern.search(value) is not None
    except UnicodeEncodeError:  # a lone surrogate, which no pattern of a Kubernetes schema allows
        return False


def number_errors(value: float, node: Node, path: str) -> list[FieldError]:
    """Bounds and divisibility of a number."""
    limits = node.limits
    if not limits:
        return []
    found = []
    if (factor := limits.get("multipleOf")) and value % factor:
        found.append(_number_error(path, value, f"a multiple of {number(factor)}"))
    if (least := limits.get("minimum")) is not None:
        exclusive = limits.get("exclusiveMinimum", False)
        if value < least or (exclusive and value == least):
            words = "greater than" if exclusive else "greater than or equal to"
            found.append(_number_error(path, value, f"{words} {number(least)}"))
    if (most := limits.get("maximum")) is not None:
        exclusive = limits.get("exclusiveMaximum", False)
        if value > most or (exclusive and value == most):
            words = "less than" if exclusive else "less than or equal to"
            found.append(_number_error(path, value, f"{words} {number(most)}"))
    return found


def _number_error(path: str, value: float, rule: str) -> FieldError:
    return errors.invalid(path, value, f"{path} in body should be {rule}")


def collection_errors(
    value: Sized, node: Node, path: str, suffix: str, words: str
) -> list[FieldError]:
    """The number of entries of a list (`Items`) or map (`Properties`), and whether a list repeats itself."""
    limits = node.limits
    if not limits:
        return []
    found = []
    size = len(value)
    if (least := limits.get(f"min{suffix}")) is not None and size < least:
        detail = f"{path} in body should have at least {least} {words}"
        found.append(errors.invalid(path, size, detail))
    if (most := limits.get(f"max{suffix}")) is not None and size > most:
        found.append(errors.too_many(path, size, most))
    if limits.get("uniqueItems") and isinstance(value, list) and _repeats(value):
        detail = f"{path} in body shouldn't contain duplicates"
        found.append(errors.invalid(path, "", detail))
    return found


def _repeats(value: list[Any]) -> bool:
    return any(entry in value[:index] for index, entry in enumerate(value))
