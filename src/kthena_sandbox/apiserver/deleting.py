"""Requests to delete one object or all, with their options in the body or the query."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kthena_sandbox.apiserver import deletion, reading
from kthena_sandbox.apiserver.calls import Answer, Call
from kthena_sandbox.apiserver.errors import ApiError, saying
from kthena_sandbox.apiserver.options import delete_options
from kthena_sandbox.apiserver.presenting import shaped_list
from kthena_sandbox.apiserver.recognising import SCHEME
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.web import warning


def delete_one(call: Call) -> Answer:
    """The addressed object. Raises ApiError, and what the gate raises."""
    options = delete_options(call.request, _given(call))
    said = deletion.warnings(call.resource, options)
    with saying(said):
        outcome = deletion.delete(call.cluster, call.resource, call.key, options)
    return call.written(replace(outcome, warnings=(*said, *outcome.warnings)))


def _given(call: Call) -> Mapping[str, Any] | None:
    """The options in the body; what cannot be read there is an error of the server's own, as in Kubernetes."""
    if not call.request.body:
        return None
    try:
        body = call.body()
    except ApiError as error:
        why = error.message.partition("error converting YAML to JSON: ")
        raise ApiError(500, "", why[2] or why[0]) if error.code == 400 else error from error
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise ApiError(500, "", "DeleteOptions must be an object")
    kind = body.get("kind") or "DeleteOptions"
    if kind != "DeleteOptions":
        raise ApiError(
            500,
            "",
            f'no kind "{kind}" is registered for version "{body.get("apiVersion") or "v1"}" in scheme {SCHEME}',
        )
    return body


def delete_all(call: Call) -> Answer:
    """All objects that are asked for. Raises ApiError, and what the gate raises."""
    options = replace(delete_options(call.request, _given(call)), one_of_all=True)
    selected, listing = reading.asked(call.resource, call.target.namespace, call.request)
    page = reading.list_page(call.cluster, call.resource, selected, listing)
    for document in page.documents:
        metadata = document["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        deletion.delete(call.cluster, call.resource, key, options)
    wanted = call.presentation()
    listed = shaped_list(call.resource, page.documents, page.metadata, wanted)
    answered = call.encoded(listed, 200)
    said = deletion.warnings(call.resource, options)
    return replace(answered, headers=(*answered.headers, *(warning(text) for text in said)))
