"""Rows for webhooks and policies of admission."""

from datetime import datetime
from typing import Any

from kthena_sandbox.schema.objectrows import age_of, name_of
from kthena_sandbox.schema.reading import maps, text

Document = dict[str, Any]
_UNSET = "<unset>"


def webhooks(entry: Document, now: datetime) -> list[Any]:
    """MutatingWebhookConfiguration and ValidatingWebhookConfiguration."""
    return [name_of(entry), len(maps(entry, "webhooks")), age_of(entry, now)]


def policy(entry: Document, now: datetime) -> list[Any]:
    """ValidatingAdmissionPolicy."""
    version, kind = text(entry, "spec.paramKind.apiVersion"), text(entry, "spec.paramKind.kind")
    shown = f"{version}/{kind}" if kind else _UNSET
    return [name_of(entry), len(maps(entry, "spec.validations")), shown, age_of(entry, now)]


def policy_binding(entry: Document, now: datetime) -> list[Any]:
    """ValidatingAdmissionPolicyBinding."""
    space, name = text(entry, "spec.paramRef.namespace"), text(entry, "spec.paramRef.name")
    shown = f"{space or '*'}/{name}" if name else _UNSET
    return [name_of(entry), text(entry, "spec.policyName"), shown, age_of(entry, now)]
