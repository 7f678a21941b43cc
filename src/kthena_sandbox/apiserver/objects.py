"""Requests for objects and collections: from method and target to verb, and the answer's form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kthena_sandbox.apiserver import (
    absent,
    deletion,
    evicting,
    mutations,
    podlog,
    portforward,
    reading,
    reviews,
    schemas,
    subresources,
)
from kthena_sandbox.apiserver.admission.gate import AdmissionGate, Pending
from kthena_sandbox.apiserver.auth.access import Access
from kthena_sandbox.apiserver.auth.tokens import TOKEN_REQUEST
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.discovery import is_cleared, is_review
from kthena_sandbox.apiserver.errors import (
    ApiError,
    bad_request,
    conflict,
    method_not_allowed,
    not_found,
)
from kthena_sandbox.apiserver.mutations import Outcome
from kthena_sandbox.apiserver.negotiation import JSON, Form, decode, encode, negotiate
from kthena_sandbox.apiserver.options import delete_options, list_options, write_options
from kthena_sandbox.apiserver.patching import applied_configuration, is_apply, read_patch
from kthena_sandbox.apiserver.paths import Target
from kthena_sandbox.apiserver.presenting import (
    Presentation,
    include_option,
    shaped_list,
    shaped_object,
)
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.watching import Watch
from kthena_sandbox.apiserver.web import Request, Response, Streaming, Takeover, warning
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
Answer = Response | Streaming | Takeover
_REFUSED = {
    "exec": "exec is not served by this sandbox: its containers are not separate systems",
    "attach": "attach is not served by this sandbox: its containers read no input",
    "proxy": "the proxy is not served by this sandbox: connect to the address itself",
    "ephemeralcontainers": "ephemeral containers are not served by this sandbox",
}
_ADMISSIONS = 100  # as many writes as one request may have to wait for, as a deletecollection does
_MIN_WATCH_SECONDS = 1800.0


@dataclass(frozen=True)
class Call:
    """One request for a served kind."""

    cluster: Cluster
    resource: ResourceType
    target: Target
    request: Request
    bookmark_seconds: float
    access: Access

    @property
    def key(self) -> Key:
        """The place of the addressed object."""
        return Key(self.target.namespace, self.target.name)

    def body(self) -> Any:
        """The decoded body. Raises ApiError 400 or 415."""
        return decode(self.request.body, self.request.headers.get("content-type", ""))


async def answer(call: Call) -> Answer:
    """Carry out a request, with a warning where its version is deprecated. Raises ApiError."""
    answered = await _admitted(call)
    if not call.resource.deprecation or not isinstance(answered, Response | Streaming):
        return answered
    return replace(answered, headers=(*answered.headers, warning(call.resource.deprecation)))


async def _admitted(call: Call) -> Answer:
    """The answer once those are asked who have a say in it."""
    gate = AdmissionGate(call.cluster, call.access.authorizer, call.request.user)
    call = replace(call, request=replace(call.request, gate=gate))
    for _ in range(_ADMISSIONS):
        try:
            return await _answer(call)
        except Pending as pending:
            await gate.resolve(pending)
    raise conflict(call.resource, call.target.name)


async def _answer(call: Call) -> Answer:
    target, resource = call.target, call.resource
    if target.namespace and not resource.namespaced:
        raise method_not_allowed()
    if is_review(resource):
        return _review(call)
    if resource.empty:
        _refuse_writes(call)
    if target.subresource:
        return await _subresource(call)
    watching = target.watch or call.request.flag("watch")
    if call.request.method == "GET" and watching:
        return _watch(call)
    if not target.name:
        return _of_collection(call)
    if resource.namespaced and not target.namespace:
        raise method_not_allowed()
    return _object(call)


def _refuse_writes(call: Call) -> None:
    """Of a kind that has no objects there is none to delete, and none can be made."""
    if call.request.method == "DELETE" and call.target.name:
        raise not_found(call.resource, call.target.name)
    if call.request.method != "GET":
        raise absent.refusal(call.resource)


def _of_collection(call: Call) -> Answer:
    match call.request.method:
        case "GET":
            return _list(call)
        case "POST" if call.resource.namespaced and not call.target.namespace:
            raise method_not_allowed()
        case "POST":
            options = write_options(call.request, "CreateOptions")
            namespace = call.target.namespace
            return _written(
                call, mutations.create(call.cluster, call.resource, namespace, call.body(), options)
            )
        case "DELETE" if is_cleared(call.resource):
            return _delete_collection(call)
        case _:
            raise method_not_allowed()


def _object(call: Call) -> Answer:
    cluster, resource, key = call.cluster, call.resource, call.key
    match call.request.method:
        case "GET":
            return _shown(call, cluster.read(resource, key))
        case "DELETE":
            options = delete_options(call.request, _delete_body(call))
            return _written(call, deletion.delete(cluster, resource, key, options))
        case "PUT" | "PATCH":
            return _write(call, "")
        case _:
            raise method_not_allowed()


def _write(call: Call, subresource: str) -> Answer:
    merge = subresources.MERGES[subresource]
    if not subresource and _would_create(call):
        call.access.check_creation(call.request, call.target)
    if call.request.method == "PUT":
        options = write_options(call.request, "UpdateOptions", subresource)
        body = call.body()
        outcome = mutations.replace(
            call.cluster, call.resource, call.key, body, options, merge=merge
        )
    elif is_apply(call.request):
        options = write_options(call.request, "PatchOptions", subresource)
        config, said = applied_configuration(call.request, options.validation)
        outcome = mutations.apply(
            call.cluster, call.resource, call.key, config, options, merge=merge
        )
        outcome = replace(outcome, warnings=(*said, *outcome.warnings))
    else:
        options = write_options(call.request, "PatchOptions", subresource)
        patch = read_patch(call.resource, call.request)
        outcome = mutations.change(
            call.cluster, call.resource, call.key, patch.transform, options,
            merge=merge, strict=patch.strict,
        )  # fmt: skip
    return _written(call, outcome)


def _would_create(call: Call) -> bool:
    if call.key in call.cluster.collection(call.resource).documents:
        return False
    return is_apply(call.request) or (
        call.request.method == "PUT" and mutations.creates(call.resource)
    )


def _delete_body(call: Call) -> Mapping[str, Any]:
    body = call.body() if call.request.body else {}
    if not isinstance(body, dict):
        raise bad_request("DeleteOptions must be an object")
    return body


def _delete_collection(call: Call) -> Answer:
    options = delete_options(call.request, _delete_body(call))
    selected = reading.selection(call.resource, call.target.namespace, call.request)
    listing = list_options(call.request, watch=False)
    page = reading.list_page(call.cluster, call.resource, selected, listing)
    for document in page.documents:
        metadata = document["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        deletion.delete(call.cluster, call.resource, key, options)
    wanted = _presentation(call)
    return _encoded(call, shaped_list(call.resource, page.documents, page.metadata, wanted), 200)


def _list(call: Call) -> Answer:
    options = list_options(call.request, watch=False)
    selected = reading.selection(call.resource, call.target.namespace, call.request)
    page = reading.list_page(call.cluster, call.resource, selected, options)
    wanted = _presentation(call)
    return _encoded(call, shaped_list(call.resource, page.documents, page.metadata, wanted), 200)


def _watch(call: Call) -> Answer:
    options = list_options(call.request, watch=True)
    target = call.target
    selected = reading.selection(call.resource, target.namespace, call.request, target.name)
    wanted = _presentation(call)
    limit = options.timeout_seconds or _MIN_WATCH_SECONDS * (1 + call.cluster.dice.random())
    watch = Watch(call.cluster, call.resource, selected, options, wanted.form, wanted.include, limit,
                  call.bookmark_seconds)  # fmt: skip
    return Streaming(watch.run)


def _presentation(call: Call) -> Presentation:
    form = negotiate(call.request.headers.get("accept", ""))
    return Presentation(form, include_option(call.request.query), call.cluster.clock())


def _shown(call: Call, document: Document, code: int = 200) -> Response:
    return _encoded(call, shaped_object(call.resource, document, _presentation(call)), code)


def _encoded(call: Call, document: Document, code: int) -> Response:
    form = negotiate(call.request.headers.get("accept", ""))
    return Response(code, encode(document, form), form.content_type)


def _written(call: Call, outcome: Outcome) -> Response:
    shown = shaped_object(call.resource, outcome.document, _presentation(call))
    form = negotiate(call.request.headers.get("accept", ""))
    said = (*outcome.warnings, *call.request.gate.warnings())
    warnings = tuple(map(warning, said))
    return Response(outcome.code, encode(shown, form), form.content_type, warnings)


def _review(call: Call) -> Answer:
    if call.request.method != "POST" or call.target.name:
        raise method_not_allowed()
    document = schemas.check_kind(call.resource, call.body())
    namespace, user = call.target.namespace, call.request.user
    return _plain(reviews.answered(call.access, user, call.resource, namespace, document), 201)


async def _subresource(call: Call) -> Answer:
    name = call.target.subresource
    if name in _REFUSED and call.resource.group == "":
        raise ApiError(501, "NotImplemented", _REFUSED[name])
    if name not in call.resource.subresources:
        raise ApiError(404, "NotFound", "the server could not find the requested resource", {})
    if name == "log":
        return await _log(call)
    if name == "portforward":
        return portforward.takeover(call.cluster, call.key, call.request)
    actions: dict[str, Callable[[Call], Answer]] = {
        "scale": _scale, "binding": _binding, "eviction": _eviction, "token": _token,
    }  # fmt: skip
    if name in actions:
        return actions[name](call)
    if call.request.method == "GET" and name == "status":
        return _shown(call, call.cluster.read(call.resource, call.key))
    if call.request.method not in ({"PUT", "PATCH"} if name == "status" else {"PUT"}):
        raise method_not_allowed()
    return _write(call, name)


async def _log(call: Call) -> Answer:
    if call.request.method != "GET":
        raise method_not_allowed()
    url = podlog.log_url(call.cluster, call.key, call.request.query)
    if url is None:
        return Response(200, b"", "text/plain")
    opened = await podlog.open_log(url)
    if isinstance(opened, ApiError):
        raise opened
    return opened


def _scale(call: Call) -> Answer:
    cluster, resource, key = call.cluster, call.resource, call.key
    if call.request.method == "GET":
        return _plain(subresources.scale_of(resource, cluster.read(resource, key)))
    if call.request.method == "PUT":
        options = write_options(call.request, "UpdateOptions", "scale")
        scale = schemas.check_kind(subresources.SCALE, call.body())
        outcome = subresources.rescale(cluster, resource, key, lambda _: scale, options)
    elif call.request.method == "PATCH" and is_apply(call.request):
        options = write_options(call.request, "PatchOptions", "scale")
        config, _ = applied_configuration(call.request, options.validation)
        outcome = subresources.apply_scale(cluster, resource, key, config, options)
    elif call.request.method == "PATCH":
        options = write_options(call.request, "PatchOptions", "scale")
        patch = read_patch(subresources.SCALE, call.request)
        outcome = subresources.rescale(cluster, resource, key, patch.transform, options)
    else:
        raise method_not_allowed()
    return _plain(outcome.document)


def _binding(call: Call) -> Answer:
    if call.request.method != "POST":
        raise method_not_allowed()
    body, options = call.body(), write_options(call.request.ungated(), "CreateOptions")
    outcome = subresources.bind(call.cluster, call.resource, call.key, body, options)
    return _plain(outcome.document, 201)


def _eviction(call: Call) -> Answer:
    if call.request.method != "POST":
        raise method_not_allowed()
    body = call.body()
    given = body.get("deleteOptions") if isinstance(body, dict) else None
    options = delete_options(call.request.ungated(), given or {})
    outcome = evicting.evict(call.cluster, call.resource, call.key, options)
    return _plain(outcome.document, 201)


def _token(call: Call) -> Answer:
    if call.request.method != "POST":
        raise method_not_allowed()
    document = schemas.check_kind(TOKEN_REQUEST, call.body())
    schemas.refuse_types(TOKEN_REQUEST, document)
    return _plain(call.access.tokens.request(call.key, document), 201)


def _plain(document: Document, code: int = 200) -> Response:
    return Response(code, encode(document, Form(JSON)))
