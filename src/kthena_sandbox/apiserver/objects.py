"""Requests for objects and collections: from method and target to verb, and the answer's form."""

from collections.abc import Callable
from dataclasses import replace

from kthena_sandbox.apiserver import (
    connecting,
    deleting,
    mutations,
    podactions,
    podlog,
    portforward,
    preconditions,
    proxying,
    reading,
    reviews,
    schemas,
    subresources,
)
from kthena_sandbox.apiserver.admission.gate import AdmissionGate, Pending
from kthena_sandbox.apiserver.calls import Answer, Call, plain
from kthena_sandbox.apiserver.conversions import Unconverted
from kthena_sandbox.apiserver.converting import convert
from kthena_sandbox.apiserver.discovery import is_cleared, is_review
from kthena_sandbox.apiserver.errors import (
    ApiError,
    bad_request,
    conflict,
    method_not_allowed,
    no_such_resource,
    not_found,
)
from kthena_sandbox.apiserver.gates import Attempt, admitted
from kthena_sandbox.apiserver.metadata import timestamp
from kthena_sandbox.apiserver.negotiation import check_routed, negotiate
from kthena_sandbox.apiserver.patching import applied_configuration, is_apply, read_patch
from kthena_sandbox.apiserver.paths import Target
from kthena_sandbox.apiserver.presenting import shaped_list
from kthena_sandbox.apiserver.recognising import check_kind
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.watching import Watch
from kthena_sandbox.apiserver.web import NO_SUCH_PATH, Response, Streaming, warning
from kthena_sandbox.resources import ResourceType

_READ = frozenset({"approval", "status"})
_REFUSED = {
    "exec": "exec is not served by this sandbox: its containers are not separate systems",
    "attach": "attach is not served by this sandbox: its containers read no input",
    "ephemeralcontainers": "ephemeral containers are not served by this sandbox",
}
_ADMISSIONS = 100  # as many writes as one request may have to wait for, as a deletecollection does
_MIN_WATCH_SECONDS = 1800.0


async def answer(call: Call) -> Answer:
    """Carry out a request, with a warning where its version is deprecated. Raises ApiError."""
    said = call.resource.deprecation
    try:
        answered = await _admitted(call)
    except ApiError as error:
        if said and _is_routed(call, error):
            error.warnings = (said, *error.warnings)
        raise
    if not said or not isinstance(answered, Response | Streaming):
        return answered
    return replace(answered, headers=(warning(said), *answered.headers))


def _is_routed(call: Call, error: ApiError) -> bool:
    """Whether somebody answers for the path and the method; for all paths of a definition its handler does."""
    if call.resource.custom:
        return True
    return error.code != 405 and (not call.target.subresource or error.code != 404)


async def _admitted(call: Call) -> Answer:
    """The answer once those are asked who have a say in it."""
    gate = AdmissionGate(call.cluster, call.access.authorizer, call.request.user)
    call = replace(call, request=replace(call.request, gate=gate))
    for _ in range(_ADMISSIONS):
        try:
            return await _answer(call)
        except Pending as pending:
            await _resolve(call, gate, pending)
        except Unconverted as needed:
            await convert(call.cluster, needed)
    raise conflict(call.resource, call.target.name)


async def _resolve(call: Call, gate: AdmissionGate, pending: Pending) -> None:
    """Ask the webhooks, which may want to see the object in another version."""
    while True:
        try:
            await gate.resolve(pending)
        except Unconverted as needed:
            await convert(call.cluster, needed)
        else:
            return


async def _answer(call: Call) -> Answer:
    target, resource = call.target, call.resource
    if not _has_path(resource, target):
        return _absent(resource)
    if not resource.custom and target.subresource in {"", "status", "scale"}:
        lists = call.request.method == "GET" and not target.name
        check_routed(call.request.headers.get("accept", ""), streams=lists)
    watching = target.watch or (call.request.flag("watch") and not target.name)
    if not watching and target.subresource in {"", "status"}:
        negotiate(call.request.headers.get("accept", ""))
    if is_review(resource):
        return _review(call)
    if target.subresource:
        return await _subresource(call)
    if call.request.method == "GET" and watching:
        return _watch(call)
    if not target.name:
        return _of_collection(call)
    return _object(call)


def _has_path(resource: ResourceType, target: Target) -> bool:
    """Whether objects of the kind are addressed in this way: in a namespace or without one."""
    if target.namespace and not resource.namespaced:
        return False
    return bool(target.namespace or not target.name or not resource.namespaced)


def _absent(resource: ResourceType) -> Answer:
    if resource.custom:
        return NO_SUCH_PATH
    raise no_such_resource()


def _of_collection(call: Call) -> Answer:
    match call.request.method:
        case "GET":
            return _list(call)
        case _ if call.resource.namespaced and not call.target.namespace:
            if call.resource.custom:
                return NO_SUCH_PATH
            raise method_not_allowed()
        case "POST":
            return _create(call)
        case "PUT" | "PATCH" if call.resource.custom:
            raise bad_request("name must be provided")
        case "DELETE" if is_cleared(call.resource):
            return deleting.delete_all(call)
        case _:
            raise method_not_allowed()


def _create(call: Call) -> Answer:
    options = call.options("CreateOptions")
    namespace = call.target.namespace
    return call.written(
        mutations.create(call.cluster, call.resource, namespace, call.body(), options)
    )


def _object(call: Call) -> Answer:
    cluster, resource, key = call.cluster, call.resource, call.key
    match call.request.method:
        case "GET":
            return call.shown(cluster.read(resource, key))
        case "DELETE":
            return deleting.delete_one(call)
        case "PUT" | "PATCH":
            return _write(call, "")
        case "POST" if call.resource.custom:  # whose name does not count
            return _create(call)
        case _:
            raise method_not_allowed()


def _write(call: Call, subresource: str) -> Answer:
    merge = subresources.MERGES[subresource]
    if not subresource and _would_create(call):
        call.access.check_creation(call.request, call.target)
    if call.request.method == "PUT":
        options = call.options("UpdateOptions", subresource)
        body = call.body()
        outcome = mutations.replace(
            call.cluster, call.resource, call.key, body, options, merge=merge
        )
    elif is_apply(call.request):
        options = call.options("PatchOptions", subresource)
        config, said = applied_configuration(call.request, options.validation)
        outcome = mutations.apply(
            call.cluster, call.resource, call.key, config, options, merge=merge
        )
        outcome = replace(outcome, warnings=(*said, *outcome.warnings))
    else:
        options = call.options("PatchOptions", subresource)
        call.cluster.stored(call.resource, call.key)  # looked up before the patch is read
        patch = read_patch(call.resource, call.request)
        outcome = mutations.change(
            call.cluster, call.resource, call.key, patch.transform, options,
            merge=merge, strict=patch.strict,
        )  # fmt: skip
    return call.written(outcome)


def _would_create(call: Call) -> bool:
    if call.key in call.cluster.collection(call.resource).documents:
        return False
    return is_apply(call.request) or (
        call.request.method == "PUT" and preconditions.creates(call.resource)
    )


def _list(call: Call) -> Answer:
    selected, options = reading.asked(call.resource, call.target.namespace, call.request)
    page = reading.list_page(call.cluster, call.resource, selected, options)
    wanted = call.presentation()
    return call.encoded(shaped_list(call.resource, page.documents, page.metadata, wanted), 200)


def _watch(call: Call) -> Answer:
    target = call.target
    selected, options = reading.asked(
        call.resource, target.namespace, call.request, watch=True, name=target.name
    )
    wanted = call.presentation()
    limit = options.timeout_seconds or _MIN_WATCH_SECONDS * (1 + call.cluster.dice.random())
    watch = Watch(call.cluster, call.resource, selected, options, wanted.form, wanted.include, limit,
                  call.bookmark_seconds)  # fmt: skip
    return Streaming(watch.run)


def _review(call: Call) -> Answer:
    resource = call.resource
    if call.target.name:
        raise no_such_resource()
    if call.request.method != "POST":
        raise method_not_allowed()
    form = call.review_form()
    namespace, user = call.target.namespace, call.request.user
    options = call.options("CreateOptions")
    document, said = mutations.posted(
        call.cluster, reviews.shape_of(resource), call.body(), namespace, options
    )
    attempt = Attempt("CREATE", resource, document, None, address=Key(namespace, ""))
    document = admitted(call.request.gate, attempt)
    now = timestamp(call.cluster.clock())
    answer = reviews.answered(call.access, user, resource, namespace, document, now=now)
    answered = call.reviewed(answer, form)
    return replace(answered, headers=(*answered.headers, *map(warning, said)))


async def _subresource(call: Call) -> Answer:
    name = call.target.subresource
    if connecting.connects(call):
        return await _connect(call)
    if name in _REFUSED and call.resource.group == "":
        raise ApiError(501, "NotImplemented", _REFUSED[name])
    if name not in call.resource.subresources:
        if call.resource.custom:
            raise not_found(call.resource, call.target.name)
        raise no_such_resource()
    if name == "log":
        return await podactions.log(call)
    actions: dict[str, Callable[[Call], Answer]] = {
        "scale": _scale, "binding": podactions.binding, "eviction": podactions.eviction,
        "token": podactions.token,
    }  # fmt: skip
    if name in actions:
        return actions[name](call)
    if call.request.method == "GET" and name in _READ:
        return call.shown(call.cluster.read(call.resource, call.key))
    if call.request.method not in ({"PUT", "PATCH"} if name in _READ else {"PUT"}):
        raise method_not_allowed()
    return _write(call, name)


async def _connect(call: Call) -> Answer:
    options, name = connecting.admitted_options(call), call.target.subresource
    if name == "proxy":
        return await proxying.proxied(call, options)
    if name in _REFUSED:
        podlog.check_process(call.cluster, call.key, call.request.query.get("container", ""))
        raise ApiError(501, "NotImplemented", _REFUSED[name])
    ports = ",".join(map(str, options.get("ports") or ()))
    asked = call.request.query | ({"ports": ports} if ports else {})
    return portforward.takeover(call.cluster, call.key, replace(call.request, query=asked))


def _scale(call: Call) -> Answer:
    cluster, resource, key = call.cluster, call.resource, call.key
    if call.request.method == "GET":
        scale = subresources.scale_of(resource, cluster.read(resource, key))
        return replace(call, resource=subresources.SCALE).shown(scale)
    if call.request.method == "PUT":
        options = call.options("UpdateOptions", "scale")
        scale = check_kind(subresources.SCALE, call.body())
        schemas.refuse_types(subresources.SCALE, scale)
        outcome = subresources.rescale(cluster, resource, key, lambda _: scale, options)
    elif call.request.method == "PATCH" and is_apply(call.request):
        options = call.options("PatchOptions", "scale")
        cluster.stored(resource, key)
        config, _ = applied_configuration(call.request, options.validation)
        outcome = subresources.apply_scale(cluster, resource, key, config, options)
    elif call.request.method == "PATCH":
        options = call.options("PatchOptions", "scale")
        cluster.stored(resource, key)
        patch = read_patch(subresources.SCALE, call.request)
        outcome = subresources.rescale(cluster, resource, key, patch.transform, options)
    else:
        raise method_not_allowed()
    return plain(outcome.document)
