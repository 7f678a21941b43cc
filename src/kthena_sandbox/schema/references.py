"""What is wrong with a reference to an object by its kind and name."""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError


def reference_rules(reference: dict[str, Any], path: str) -> list[FieldError]:
    """Both have to be there, and to be one segment of a path each."""
    found = []
    for field in ("kind", "name"):
        value = reference.get(field, "")
        if not value:
            found.append(errors.required(f"{path}.{field}"))
        problems = names.segment_problems(value)
        found += [errors.invalid(f"{path}.{field}", value, why) for why in problems]
    return found
