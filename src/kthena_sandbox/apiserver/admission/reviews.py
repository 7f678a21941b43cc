"""AdmissionReviews: what a webhook is asked, and what its answer means (admission.k8s.io/v1). Pure."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import msgspec

from kthena_sandbox.apiserver.auth.identity import User
from kthena_sandbox.apiserver.conversion import from_storage, to_storage
from kthena_sandbox.apiserver.conversions import Conversions
from kthena_sandbox.apiserver.errors import ApiError
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
VERSIONS = ("v1", "v1beta1")
_OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


class BadAnswer(Exception):
    """A webhook has answered something that cannot be used; the text says what."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a webhook has said."""

    allowed: bool
    status: Document
    patch: list[Any]
    warnings: tuple[str, ...]


def request_of(
    attempt: Attempt, user: User, uid: str, kind: ResourceType, known: Conversions
) -> Document:
    """The `request` of a review (which is also the variable of that name in conditions)."""
    own = attempt.resource
    shown: Document = {
        "uid": uid,
        "kind": _kind(attempt.shape or kind), "resource": _resource(kind),
        "requestKind": _kind(attempt.shape or own), "requestResource": _resource(own),
        "operation": attempt.operation, "userInfo": user.info(),
        "object": _as(kind, attempt, attempt.new, known),
        "oldObject": _as(kind, attempt, attempt.old, known),
        "dryRun": attempt.dry_run,
        "options": _options(attempt),
    }  # fmt: skip
    shown |= {name: text for name, text in attempt.key._asdict().items() if text}
    if attempt.subresource:
        shown |= {"subResource": attempt.subresource, "requestSubResource": attempt.subresource}
    return shown


def _options(attempt: Attempt) -> Document | None:
    if attempt.operation == "CONNECT":
        return None
    kind = _OPTIONS[attempt.operation]
    return {"kind": kind, "apiVersion": "meta.k8s.io/v1", **attempt.options}


def _kind(kind: ResourceType) -> Document:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _resource(kind: ResourceType) -> Document:
    return {"group": kind.group, "version": kind.version, "resource": kind.plural}


def _as(
    kind: ResourceType, attempt: Attempt, document: Document | None, known: Conversions
) -> Document | None:
    if attempt.shape is not None:
        return document
    if document is None or kind is attempt.resource:
        return document
    return from_storage(kind, to_storage(attempt.resource, document, known), known)


def review(request: Document, version: str) -> Document:
    """The whole document that is sent."""
    return {
        "kind": "AdmissionReview",
        "apiVersion": f"admission.k8s.io/{version}",
        "request": request,
    }


def verdict(body: bytes, uid: str, version: str) -> Verdict:
    """Read an answer. Raises BadAnswer."""
    try:
        document = msgspec.json.decode(body, type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"couldn't get version/kind; json parse error: {error}") from error
    expected = f"admission.k8s.io/{version}"
    found = (document.get("apiVersion", ""), document.get("kind", ""))
    if found != (expected, "AdmissionReview"):
        raise BadAnswer(
            f"expected webhook response of {expected}, Kind=AdmissionReview, got {', Kind='.join(found)}"
        )
    answer = document.get("response")
    if not isinstance(answer, dict):
        raise BadAnswer("webhook response was absent")
    if answer.get("uid") != uid:
        raise BadAnswer(f'expected response.uid="{uid}", got "{answer.get("uid", "")}"')
    return Verdict(
        answer.get("allowed") is True, answer.get("status") or {}, _patch(answer),
        tuple(map(str, answer.get("warnings") or ())),
    )  # fmt: skip


def _patch(answer: Document) -> list[Any]:
    text, kind = answer.get("patch"), answer.get("patchType")
    if not text:
        if kind:
            raise BadAnswer("webhook returned response.patchType but not response.patch")
        return []
    if kind != "JSONPatch":
        raise BadAnswer(f'unexpected response.patchType "{kind or ""}", expected "JSONPatch"')
    try:
        return msgspec.json.decode(base64.b64decode(text), type=list[Any])
    except (ValueError, binascii.Error, msgspec.DecodeError, TypeError) as error:
        raise BadAnswer(f"cannot read response.patch: {error}") from error


def denial(hook: str, status: Document) -> ApiError:
    """The answer to the client whose write a webhook has denied."""
    said = f'admission webhook "{hook}" denied the request'
    why = status.get("message") or status.get("reason")
    message = f"{said}: {why}" if why else f"{said} without explanation"
    code = max(int(status.get("code") or 0), 400)
    return ApiError(code, status.get("reason") or "", message, status.get("details") or {})
