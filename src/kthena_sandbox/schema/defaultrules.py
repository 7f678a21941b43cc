"""Defaults of a definition against the schemas that they stand in (apiextensions-apiserver, ValidateDefaults)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.compiled import Schema
from kthena_sandbox.schema.fielderrors import ROOT, FieldError
from kthena_sandbox.schema.pruning import Pruner
from kthena_sandbox.schema.validation import check


def default_errors(schema: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """What is wrong with the default of one schema that is sound otherwise, not with those below it."""
    value = schema.get("default")
    if value is None:
        return
    place = f"{path}.default"
    node = Schema(schema).node
    pruner = Pruner()
    pruner.prune(value, node, "")
    if pruner.unknown:
        yield errors.invalid(place, value, "must not have unknown fields")
    for error in check(value, node, ""):
        yield _at(error, place)


def _at(error: FieldError, place: str) -> FieldError:
    below = "" if error.path == ROOT else error.path
    where = f"{place}.{below}" if below and not below.startswith("[") else f"{place}{below}"
    said = error.message.removeprefix(f"{error.path}: ")
    return replace(error, path=where, message=f"{where}: {said}")
