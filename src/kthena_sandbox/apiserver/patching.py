"""PATCH bodies: which kind of patch it is, and the object after it."""

from collections.abc import Callable
from typing import Any

import msgspec

from kthena_sandbox.apiserver.errors import (
    ApiError,
    Cause,
    bad_request,
    invalid_request,
    unsupported_media_type,
)
from kthena_sandbox.apiserver.negotiation import decode_patch, media_type_of
from kthena_sandbox.apiserver.web import Request
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.golang import plain, quoted
from kthena_sandbox.schema.gotypes import wrong_type
from kthena_sandbox.schema.patches import PatchError, json_patch, merge_patch, strategic_merge

Document = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
_MAX_OPERATIONS = 10_000


def transformer(resource: ResourceType, request: Request) -> Callable[[Document], Document]:
    """What the request's body does to an object.

    Raises ApiError 400 for an unreadable body and 415 for a kind of patch that is not served: custom
    resources know no strategic merge, and server-side apply does not exist here.
    """
    media_type = media_type_of(request.headers.get("content-type", ""))
    accepted = (
        [JSON_PATCH, MERGE_PATCH] if resource.custom else [JSON_PATCH, MERGE_PATCH, STRATEGIC]
    )
    if media_type == APPLY:
        text = "server-side apply is not served by this sandbox; apply without --server-side"
        raise ApiError(415, "UnsupportedMediaType", text)
    if media_type not in accepted:
        raise unsupported_media_type(accepted)
    patch = decode_patch(request.body)
    if media_type == JSON_PATCH:
        _check_operations(patch)
    elif not isinstance(patch, dict):
        raise bad_request("the patch must be a JSON object")
    return lambda document: _patched(resource, media_type, document, patch)


def _check_operations(patch: Any) -> None:
    if not isinstance(patch, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(patch) > _MAX_OPERATIONS:
        text = (
            f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(patch)}"
        )
        raise ApiError(413, "RequestEntityTooLarge", text)


def _patched(resource: ResourceType, media_type: str, document: Document, patch: Any) -> Document:
    try:
        if media_type == JSON_PATCH:
            patched = json_patch(document, patch)
        elif media_type == MERGE_PATCH:
            patched = merge_patch(document, patch)
        else:
            patched = strategic_merge(document, patch, resource.schema)
    except PatchError as error:
        raise _refused(media_type, str(error)) from error
    if not isinstance(patched, dict):
        raise bad_request("the patch leaves no JSON object")
    wrong = wrong_type(resource, patched)
    if wrong is not None:
        strategic = media_type == STRATEGIC
        shown = plain(patch) if strategic else msgspec.json.encode(patched).decode()
        why = wrong.converted if strategic else wrong.json
        text = f"Invalid value: {quoted(shown)}: {why}"
        raise invalid_request([Cause("FieldValueInvalid", text, "patch")])
    return patched


def _refused(media_type: str, why: str) -> ApiError:
    if media_type == JSON_PATCH:
        return ApiError(
            422, "Invalid", f"the server rejected our request due to an error in our request: {why}"
        )
    if media_type == STRATEGIC:
        return bad_request(why)
    return invalid_request([Cause("FieldValueInvalid", f"Invalid value: {why}", "patch")])
