"""What is wrong with one field, worded as k8s.io/apimachinery/pkg/util/validation/field words it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.schema.golang import shown

ROOT = "<nil>"


@dataclass(frozen=True, slots=True)
class FieldError:
    """`path` as in `spec.rules[0].name`, `reason` a CauseType of the API conventions, `message` with the path."""

    path: str
    reason: str
    message: str


def _error(path: str, reason: str, text: str, detail: str) -> FieldError:
    where = path or ROOT
    return FieldError(where, reason, f"{where}: {text}{': ' if detail else ''}{detail}")


def required(path: str, detail: str = "") -> FieldError:
    """A field that must be there is not."""
    return _error(path, "FieldValueRequired", "Required value", detail)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    """A value that breaks a rule."""
    return _error(path, "FieldValueInvalid", f"Invalid value: {shown(value)}", detail)


def invalid_shown(path: str, value: str, detail: str) -> FieldError:
    """The same for a value that is already in Go's notation."""
    return _error(path, "FieldValueInvalid", f"Invalid value: {value}", detail)


def type_invalid(path: str, value: Any, detail: str) -> FieldError:
    """A value of another type than the schema's."""
    return _error(path, "FieldValueTypeInvalid", f"Invalid value: {shown(value)}", detail)


def not_supported(path: str, value: Any, supported: Iterable[str]) -> FieldError:
    """A value outside an enumeration."""
    listed = ", ".join(shown(entry) for entry in supported)
    detail = f"supported values: {listed}" if listed else ""
    return _error(path, "FieldValueNotSupported", f"Unsupported value: {shown(value)}", detail)


def duplicate(path: str, value: Any) -> FieldError:
    """A value that was there before in a set, or the keys of an entry that were there before in a map."""
    return _error(path, "FieldValueDuplicate", f"Duplicate value: {shown(value)}", "")


def too_long(path: str, limit: int) -> FieldError:
    """A text above its length."""
    detail = f"may not be more than {limit} bytes"
    return _error(path, "FieldValueTooLong", "Too long", detail)


def too_many(path: str, actual: int, limit: int) -> FieldError:
    """A collection with too many entries."""
    detail = f"must have at most {limit} items"
    return _error(path, "FieldValueTooMany", f"Too many: {actual}", detail)


def forbidden(path: str, detail: str) -> FieldError:
    """A field that may not be set here."""
    return _error(path, "FieldValueForbidden", "Forbidden", detail)


def not_found(path: str, value: Any) -> FieldError:
    """A reference to something that is not there."""
    return _error(path, "FieldValueNotFound", f"Not found: {shown(value)}", "")
