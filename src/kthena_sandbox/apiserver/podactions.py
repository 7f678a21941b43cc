"""What is done with a pod or an account through a subresource that takes an object of its own: binding, eviction, token."""

from dataclasses import replace
from typing import Any

from kthena_sandbox.apiserver import evicting, podlog, schemas, subresources
from kthena_sandbox.apiserver.auth.tokens import TOKEN_REQUEST
from kthena_sandbox.apiserver.calls import Answer, Call, plain
from kthena_sandbox.apiserver.errors import (
    ApiError,
    Cause,
    bad_request,
    invalid,
    method_not_allowed,
)
from kthena_sandbox.apiserver.gates import OPEN, Attempt, admitted
from kthena_sandbox.apiserver.options import delete_options, write_options
from kthena_sandbox.apiserver.recognising import check_kind
from kthena_sandbox.apiserver.web import Response
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.golang import shown

Document = dict[str, Any]


def _of(group: str, kind: str) -> ResourceType:
    plural = f"{kind.lower()}s"
    return ResourceType(group, "v1", kind, plural, kind.lower(), namespaced=True, list_kind="")


_BINDING, _EVICTION = _of("", "Binding"), _of("policy", "Eviction")


async def log(call: Call) -> Answer:
    """`pods/log`. Raises ApiError."""
    if call.request.method != "GET":
        raise method_not_allowed()
    url = podlog.log_url(call.cluster, call.key, call.request.query)
    if url is None:
        return Response(200, b"", "text/plain")
    opened = await podlog.open_log(url)
    if isinstance(opened, ApiError):
        raise opened
    return opened


def binding(call: Call) -> Answer:
    """`pods/binding`. Raises ApiError, and what the gate raises."""
    asked = _posted(call, _BINDING)
    options = replace(write_options(call.request, "CreateOptions"), gate=OPEN)
    outcome = subresources.bind(call.cluster, call.resource, call.key, asked, options)
    return plain(outcome.document, 201)


def eviction(call: Call) -> Answer:
    """`pods/eviction`. Raises ApiError, and what the gate raises."""
    asked = _posted(call, _EVICTION)
    given = call.request.query | (asked.get("deleteOptions") or {})
    options = replace(delete_options(call.request, given), gate=OPEN)
    outcome = evicting.evict(call.cluster, call.resource, call.key, options)
    return plain(outcome.document, 201)


def _posted(call: Call, shape: ResourceType) -> Document:
    """The object that is posted, once those have been asked who have a say in it."""
    if call.request.method != "POST":
        raise method_not_allowed()
    document = check_kind(shape, call.body())
    own, options = document.get("metadata"), write_options(call.request, "CreateOptions")
    metadata = (own if isinstance(own, dict) else {}) | {"namespace": call.key.namespace}
    gate, attempt = call.request.gate, Attempt(
        "CREATE", call.resource, document | {"metadata": metadata}, None, call.target.subresource,
        options.dry_run, shape, call.key, options.given,
    )  # fmt: skip
    new = gate.mutated(attempt)
    if new["metadata"].get("name", "") != call.key.name:
        raise bad_request(f"name in URL does not match name in {shape.kind} object")
    gate.validate(replace(attempt, new=new))
    return new


def _check_account(call: Call, metadata: Document) -> None:
    """A request need not say for which account it is, but it must not say another. Raises ApiError 400 or 422."""
    if metadata.get("namespace", call.key.namespace) != call.key.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    name = metadata.get("name") or call.key.name
    if name != call.key.name:
        text = f"Invalid value: {shown(name)}: must match the service account name if specified"
        raise invalid(
            TOKEN_REQUEST, call.key.name, [Cause("FieldValueInvalid", text, "metadata.name")]
        )


def token(call: Call) -> Answer:
    """`serviceaccounts/token`. Raises ApiError, and what the gate raises."""
    if call.request.method != "POST":
        raise method_not_allowed()
    document = check_kind(TOKEN_REQUEST, call.body())
    schemas.refuse_types(TOKEN_REQUEST, document)
    _check_account(call, document.get("metadata") or {})
    named = {"name": call.key.name, "namespace": call.key.namespace}
    attempt = Attempt(
        "CREATE", call.resource, document | {"metadata": (document.get("metadata") or {}) | named},
        None, "token", shape=TOKEN_REQUEST, address=call.key,
    )  # fmt: skip
    return plain(call.access.tokens.request(call.key, admitted(call.request.gate, attempt)), 201)
