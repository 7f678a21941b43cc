"""What the API server itself minds and says of Ingresses and NetworkPolicies when they are written."""

from typing import Any

from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.schema.golang import shown
from kthena_sandbox.schema.networkpolicyrules import network_policy_warnings

Document = dict[str, Any]
_CLASS = "kubernetes.io/ingress.class"
_DEPRECATED = f"annotation \"{_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"
_NOT_ENFORCED = "this sandbox does not enforce NetworkPolicies: all connections go through"


def _class_of_old(ingress: Document) -> str | None:
    found: str | None = (ingress["metadata"].get("annotations") or {}).get(_CLASS)
    return found


def check_ingress(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """The annotation that once named the class of a new Ingress may not name another."""
    named, chosen = _class_of_old(document), (document.get("spec") or {}).get("ingressClassName")
    if old is not None or named is None or chosen is None or named == chosen:
        return []
    why = "must match `ingressClassName` when both are specified"
    return [
        Cause("FieldValueInvalid", f"Invalid value: {shown(named)}: {why}", f"annotations.{_CLASS}")
    ]


def ingress_warnings(document: Document, old: Document | None) -> list[str]:
    """That annotation is not to be used any more."""
    return [] if old is not None or _class_of_old(document) is None else [_DEPRECATED]


def policy_warnings(document: Document, _: Document | None) -> list[str]:
    """What is odd about a NetworkPolicy, and that it has no effect here."""
    return [*network_policy_warnings(document), _NOT_ENFORCED]
