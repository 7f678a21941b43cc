"""Prune, default and validate objects by the structural schema of their kind.

Sources: "Specifying a structural schema" of the Kubernetes documentation, and the behaviour of
k8s.io/apiextensions-apiserver 0.33. Nothing here raises for any JSON value, and inputs are not changed; results
share what is unchanged with them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kthena_sandbox.schema.compiled import MISSING, as_schema
from kthena_sandbox.schema.defaulting import defaulted
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.listtypes import check_lists
from kthena_sandbox.schema.pruning import Pruner
from kthena_sandbox.schema.validation import check
from kthena_sandbox.schema.validationrules import rule_errors

__all__ = ["FieldError", "default", "prune", "validate"]

Document = dict[str, Any]


def prune(obj: Document, schema: Mapping[str, Any]) -> tuple[Document, list[str]]:
    """The object without fields that the schema does not know, and the sorted paths of those fields.

    `apiVersion`, `kind` and `metadata` stay as they are.
    """
    pruner = Pruner()
    pruned = pruner.root(obj, as_schema(schema).node)
    return pruned, sorted(pruner.unknown)


def default(obj: Document, schema: Mapping[str, Any], *, nulls: bool = False) -> Document:
    """The object with the defaults of the schema, and of its kind where that is built in.

    *nulls*: those that are not allowed stay where there is no default.
    """
    held = as_schema(schema)
    filled: Document = defaulted(obj, held.node, nulls=nulls)
    for defaulter in held.defaulters:
        filled = defaulter(filled)
    return filled


def validate(
    obj: Document,
    schema: Mapping[str, Any],
    old: Document | None = None,
    *,
    nameless: bool = False,
    counted: Iterable[FieldError] = (),
) -> list[FieldError]:
    """What the schema does not allow, and then what the kind's own rules do not allow; *old* is what an update replaces.

    A custom object that is *nameless* is not asked about its CEL rules; *counted* is what is wrong with its scale. What both find is said by the rules, which know the order in which a kube-apiserver says it.
    """
    held = as_schema(schema)
    before = MISSING if old is None or held.node.native else old
    found = list(dict.fromkeys(check(obj, held.node, "", before)))
    if not held.node.native:
        found += [*check_lists(obj, held.node, ""), *counted]
        return found + list(rule_errors(obj, old, held.node, found, nameless=nameless))
    wrong_types = [error for error in found if error.reason == "FieldValueTypeInvalid"]
    if wrong_types:
        return wrong_types  # a rule may rely on types
    own = [error for rule in held.rules for error in rule(obj)]
    return [error for error in found if not any(_says(said, error) for said in own)] + own


def _says(said: FieldError, error: FieldError) -> bool:
    """Whether an error is the same as another, which may be about the struct around its field, or tell of a choice otherwise."""
    within = error.path == said.path or error.path.startswith(f"{said.path}.")
    return within and error.reason in {said.reason, "FieldValueNotSupported"}
