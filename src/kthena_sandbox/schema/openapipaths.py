"""The paths of OpenAPI documents: which operations there are on which kinds, with which parameters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.openapischemas import (
    DELETE_OPTIONS,
    SCALE,
    STATUS,
    kind_of,
    list_name,
    schema_name,
)

Document = dict[str, Any]
_LISTING = {
    "allowWatchBookmarks": "boolean", "continue": "string", "fieldSelector": "string",
    "labelSelector": "string", "limit": "integer", "resourceVersion": "string",
    "resourceVersionMatch": "string", "sendInitialEvents": "boolean", "timeoutSeconds": "integer",
    "watch": "boolean",
}  # fmt: skip
_WRITING = {"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"}
_DELETING = {
    "dryRun": "string", "gracePeriodSeconds": "integer", "orphanDependents": "boolean",
    "propagationPolicy": "string",
}  # fmt: skip
PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
    "application/strategic-merge-patch+json",
)
_WRITTEN = {"post": "create", "put": "replace", "patch": "patch"}
_NAMED_SUBRESOURCES = {"status": ("get", "put", "patch"), "scale": ("get", "put", "patch"), "finalize": ("put",),
                       "log": ("get",)}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One operation, before it takes the form of a version of OpenAPI. `body` and `answer` name schemas."""

    method: str
    action: str
    identity: str
    kind: dict[str, str]
    query: dict[str, str]
    answer: str
    body: str = ""
    consumes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """One path with its operations and the names of its path parameters."""

    path: str
    parameters: tuple[str, ...]
    operations: tuple[Operation, ...]


def places(types: Iterable[ResourceType]) -> list[Place]:
    """All paths of some kinds."""
    return [place for resource in types for place in _of_kind(resource)]


def _of_kind(resource: ResourceType) -> list[Place]:
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    inside = ("namespace",) if resource.namespaced else ()
    collection = f"{root}{scope}/{resource.plural}"
    listing = _operation(resource, "get", "list", _LISTING, list_name(resource))
    if resource.group in {"authentication.k8s.io", "authorization.k8s.io"}:
        return [Place(collection, inside, (_write(resource, "post"),))]
    clearing = _operation(
        resource, "delete", "deletecollection", _LISTING | _DELETING, STATUS, body=DELETE_OPTIONS
    )
    found = [Place(collection, inside, (listing, _write(resource, "post"), clearing))]
    if resource.namespaced:
        everywhere = _operation(
            resource, "get", "list", _LISTING, list_name(resource), suffix="ForAllNamespaces"
        )
        found.append(Place(f"{root}/{resource.plural}", (), (everywhere,)))
    return found + _of_object(resource, f"{collection}/{{name}}", (*inside, "name"))


def _of_object(resource: ResourceType, path: str, parameters: tuple[str, ...]) -> list[Place]:
    reading = _operation(resource, "get", "get", {}, schema_name(resource))
    deleting = _operation(resource, "delete", "delete", _DELETING, STATUS, body=DELETE_OPTIONS)
    writing = (_write(resource, "put"), _write(resource, "patch"))
    found = [Place(path, parameters, (reading, *writing, deleting))]
    for name in sorted(resource.subresources & _NAMED_SUBRESOURCES.keys()):
        operations = tuple(_sub(resource, name, method) for method in _NAMED_SUBRESOURCES[name])
        found.append(Place(f"{path}/{name}", parameters, operations))
    return found


def _sub(resource: ResourceType, name: str, method: str) -> Operation:
    shape = SCALE if name == "scale" else schema_name(resource)
    suffix = name.capitalize()
    if method == "get":
        found = _operation(resource, "get", "get", {}, shape, suffix=suffix)
    else:
        found = _write(resource, method, shape=shape, suffix=suffix)
    if name != "scale":
        return found
    kind = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return Operation(**{**vars(found), "kind": kind})


def _write(resource: ResourceType, method: str, *, shape: str = "", suffix: str = "") -> Operation:
    shape = shape or schema_name(resource)
    consumes: tuple[str, ...] = ()
    query = _WRITING
    if method == "patch":
        consumes = PATCHES[:3] if resource.custom else PATCHES
        query = _WRITING | {"force": "boolean"}
    return _operation(
        resource,
        method,
        _WRITTEN[method],
        query,
        shape,
        body=shape,
        suffix=suffix,
        consumes=consumes,
    )


def _operation(
    resource: ResourceType,
    method: str,
    action: str,
    query: dict[str, str],
    answer: str,
    *,
    body: str = "",
    suffix: str = "",
    consumes: tuple[str, ...] = (),
) -> Operation:
    group = "".join(part.capitalize() for part in (resource.group or "core").split("."))
    scope = "Namespaced" if resource.namespaced and suffix != "ForAllNamespaces" else ""
    identity = f"{action}{group}{resource.version.capitalize()}{scope}{resource.kind}{suffix}"
    action = {"create": "post", "replace": "put"}.get(action, action)
    return Operation(method, action, identity, kind_of(resource), query, answer, body, consumes)


def _path_item(place: Place, form: Callable[[Operation], Document]) -> Document:
    return {operation.method: form(operation) for operation in place.operations}


def paths_v3(types: Iterable[ResourceType]) -> Document:
    """The `paths` of an OpenAPI v3 document."""
    found = {}
    for place in places(types):
        own = [_parameter_v3(name, "path", "string") for name in place.parameters]
        found[place.path] = {"parameters": own} | _path_item(place, _v3)
    return dict(sorted(found.items()))


def _parameter_v3(name: str, where: str, kind: str) -> Document:
    required = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, **required, "schema": {"type": kind, "uniqueItems": True}}


def _v3(operation: Operation) -> Document:
    answer = {"schema": {"$ref": f"#/components/schemas/{operation.answer}"}}
    shown: Document = {
        "operationId": operation.identity,
        "parameters": [
            _parameter_v3(name, "query", kind) for name, kind in operation.query.items()
        ],
        "responses": {"200": {"description": "OK", "content": {"application/json": answer}}},
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": operation.kind,
    }
    if operation.body:
        body = {"schema": {"$ref": f"#/components/schemas/{operation.body}"}}
        patch = {"schema": {"type": "object"}}
        content = dict.fromkeys(operation.consumes, patch) or {"*/*": body}
        shown["requestBody"] = {"content": content, "required": operation.method != "delete"}
    return shown


def paths_v2(types: Iterable[ResourceType]) -> Document:
    """The `paths` of an OpenAPI v2 document."""
    found = {}
    for place in places(types):
        own = [_parameter_v2(name, "path", "string") for name in place.parameters]
        found[place.path] = _path_item(place, _v2) | {"parameters": own}
    return dict(sorted(found.items()))


def _parameter_v2(name: str, where: str, kind: str) -> Document:
    required = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, **required, "type": kind, "uniqueItems": True}


def _v2(operation: Operation) -> Document:
    parameters = [_parameter_v2(name, "query", kind) for name, kind in operation.query.items()]
    if operation.body:
        target = (
            {"type": "object"}
            if operation.consumes
            else {"$ref": f"#/definitions/{operation.body}"}
        )
        parameters.insert(0, {"name": "body", "in": "body", "required": True, "schema": target})
    answer = {"$ref": f"#/definitions/{operation.answer}"}
    return {
        "operationId": operation.identity,
        "consumes": list(operation.consumes) or ["*/*"],
        "produces": ["application/json", "application/yaml"],
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "schema": answer}},
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": operation.kind,
    }
