"""Who owns what after a write: `metadata.managedFields` as a kube-apiserver keeps it, and server-side apply.

Sources: "Server-Side Apply" of the Kubernetes documentation, and the behaviour of apimachinery's package managedfields.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from kthena_sandbox.apiserver.errors import ApiError, Cause, bad_request
from kthena_sandbox.resources import ResourceType, is_request
from kthena_sandbox.schema import applying
from kthena_sandbox.schema.applying import Conflicts, Kind
from kthena_sandbox.schema.compiled import as_schema
from kthena_sandbox.schema.fieldsets import EMPTY, FieldSet, Malformed, field_set
from kthena_sandbox.schema.fieldwalk import compare, fields_of
from kthena_sandbox.schema.goempty import as_go_writes, empty_object
from kthena_sandbox.schema.managedfields import (
    APPLY,
    UPDATE,
    Entries,
    Entry,
    Identity,
    capped,
    conflict_causes,
    conflict_message,
    fields_by,
    is_reset,
    read_entries,
    with_fields,
    written,
)
from kthena_sandbox.schema.mergetypes import Untyped
from kthena_sandbox.schema.reading import at
from kthena_sandbox.schema.typedobjects import refusal

Document = dict[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
API_SERVER = "kube-apiserver"
_KUBECTL = "kubectl"  # the one manager that takes over what client-side apply has set
_BEFORE = "before-first-apply"
_STRIPPED = field_set(
    [
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation",
                "managedFields", "resourceVersion",
            )
        ),
    ]
)  # fmt: skip
# What a write to the object, or to a subresource of it, does not reach (`GetResetFields` of the strategies).
_STATUS = field_set([("f:status",)])
_SPEC = field_set([("f:spec",)])
_OF_REQUESTS: Mapping[str, FieldSet] = {
    "": _SPEC | _STATUS,
    "approval": _SPEC | field_set([("f:status", "f:certificate")]),
}
_BESIDE_STATUS: Mapping[tuple[str, str], FieldSet] = {
    ("", "pods"): _SPEC
    | field_set([("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:ownerReferences")]),
    ("apps", "deployments"): _SPEC | field_set([("f:metadata", "f:labels")]),
    ("apiextensions.k8s.io", "customresourcedefinitions"): _SPEC | field_set([("f:metadata",)]),
}


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, through which subresource, and when."""

    manager: str
    subresource: str
    now: str

    @property
    def time(self) -> str:
        """When, as entries have it; those of scales are carried over to the object without."""
        return "" if self.subresource == "scale" else self.now

    def identity(self, operation: str, version: str) -> Identity:
        """As it is told apart from others."""
        version = version if operation == UPDATE else ""
        return Identity(self.manager, operation, version, self.subresource)


def _kind(resource: ResourceType, subresource: str) -> Kind:
    node = None if resource.schema is None else as_schema(resource.schema).node
    ignored = EMPTY
    if is_request(resource) and subresource in _OF_REQUESTS:
        ignored = _OF_REQUESTS[subresource]
    elif subresource == "status":
        ignored = _BESIDE_STATUS.get((resource.group, resource.plural), _SPEC)
    elif "status" in resource.subresources:
        ignored = _STATUS
    return Kind(node, ignored, partial(as_go_writes, resource))


def _managed(document: Document | None) -> object:
    return None if document is None else document["metadata"].get("managedFields")


def _entries(listed: object) -> Entries:
    try:
        return read_entries(listed)
    except Malformed:
        return {}


def after_update(
    resource: ResourceType, live: Document | None, new: Document, writer: Writer
) -> list[Document]:
    """The list after a creation (without *live*), a PUT, or a patch that is no apply.

    Objects whose list is empty stay without one, until somebody applies them.
    """
    given = _managed(new)
    entries: Entries = {}
    # an empty list in a custom resource does not survive decoding
    if writer.subresource or not is_reset(given) or (resource.custom and not given):
        own = {} if writer.subresource else _entries(given)
        entries = own or _entries(_managed(live))
    if live is not None and not entries:
        return []
    return written(_updated(resource, live or empty_object(resource), new, entries, writer))


def _updated(
    resource: ResourceType, live: Document, new: Document, entries: Entries, writer: Writer
) -> Entries:
    kind = _kind(resource, writer.subresource)
    try:
        left, taken = applying.updated(kind, live, new, fields_by(entries))
    except Untyped:
        return entries  # what is wrong with the object is for its validation to say
    after = dict(with_fields(entries, left))
    taken -= _STRIPPED
    if writer.subresource == "scale" and _is_zero(new, taken):
        taken = EMPTY  # a Scale leaves its zero out, so that nobody owns it
    if taken:
        identity = writer.identity(UPDATE, resource.api_version)
        before = after[identity.key].fields if identity.key in after else EMPTY
        after[identity.key] = Entry(identity, resource.api_version, before | taken, writer.time)
    return capped(after)


def _is_zero(document: Document, fields: FieldSet) -> bool:
    return all(
        at(document, ".".join(element.removeprefix("f:") for element in path)) == 0
        for path in fields.paths()
    )


def after_establishing(
    resource: ResourceType, definition: Document, managed: list[Document], now: str
) -> list[Document]:
    """The list of a new CustomResourceDefinition, whose status is written by the API server itself."""
    stored = {"status": {"storedVersions": definition["status"]["storedVersions"]}}
    writer = Writer(API_SERVER, "status", now)
    before = definition | stored
    return written(_updated(resource, before, definition, _entries(managed), writer))


@dataclass(frozen=True, slots=True)
class Applied:
    """The object after an apply, and its list."""

    document: Document
    managed: list[Document]


def after_apply(
    resource: ResourceType, live: Document | None, config: Document, writer: Writer, *, force: bool
) -> Applied:
    """Server-side apply. Raises ApiError 400, 409 for conflicts, and 500 for what does not fit the schema."""
    _check_config(resource, config)
    kind = _kind(resource, writer.subresource)
    _check_types(resource, config, kind)
    before = live or empty_object(resource)
    entries = _entries(_managed(live))
    if live is not None and not entries:
        first = Writer(_BEFORE, writer.subresource, writer.now)
        entries = _updated(resource, empty_object(resource), live, {}, first)
    identity = writer.identity(APPLY, resource.api_version)
    apply = partial(applying.applied, kind, before, config, fields_by(entries), identity.key)
    try:
        document, managers = apply(force=force)
    except Untyped as error:
        raise ApiError(500, "", f"failed to create typed live object: {error}") from error
    except Conflicts as met:
        allowed = EMPTY
        if writer.manager == _KUBECTL:
            allowed = _set_by_client(resource, before, kind)
        _refuse_conflicts(met, allowed, entries)
        document, managers = apply(force=True)
    known = entries.get(identity.key)
    time = writer.time if document != before else known.time if known else ""
    own = managers.get(identity.key, EMPTY) - _STRIPPED
    after = dict(with_fields(entries, managers))
    after.pop(identity.key, None)
    if own:
        after[identity.key] = Entry(identity, resource.api_version, own, time)
    if writer.manager == _KUBECTL:
        document = _with_last_applied(document, config)
    return Applied(document, written(after))


def _check_config(resource: ResourceType, config: Document) -> None:
    version, kind = str(config.get("apiVersion", "")), str(config.get("kind", ""))
    if (version, kind) != (resource.api_version, resource.kind):
        version = version if "/" in version else f"/{version}"
        raise bad_request(f"invalid object type: {version}, Kind={kind}")
    metadata = config.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")


def _check_types(resource: ResourceType, config: Document, kind: Kind) -> None:
    why = refusal(config, kind.node)
    if not why:
        return
    given = config.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    version = f"{resource.group}/{resource.version}, Kind={resource.kind}"
    raise ApiError(500, "", f"failed to create typed patch object ({name}; {version}): {why}")


def _refuse_conflicts(met: Conflicts, allowed: FieldSet, entries: Entries) -> None:
    """Raises ApiError 409 for conflicts about other fields than those allowed."""
    left = {name: fields - allowed for name, fields in met.fields.items() if fields - allowed}
    if not left:
        return
    found = Conflicts(left)
    causes = [
        Cause("FieldManagerConflict", message, field).document()
        for message, field in conflict_causes(found, entries)
    ]
    raise ApiError(409, "Conflict", conflict_message(found, entries), {"causes": causes})


def _last_applied(document: Document) -> str:
    annotations = document["metadata"].get("annotations")
    text = annotations.get(LAST_APPLIED) if isinstance(annotations, dict) else None
    return text if isinstance(text, str) else ""


def _set_by_client(resource: ResourceType, live: Document, kind: Kind) -> FieldSet:
    """What client-side apply has set last, and nobody has changed since."""
    try:
        config = json.loads(_last_applied(live))
        if config.get("apiVersion") != resource.api_version:
            return EMPTY
        difference = compare(config, as_go_writes(resource, live), kind.node)
        own = fields_of(config, kind.node)
    except (ValueError, AttributeError):
        return EMPTY
    return own - difference.modified - difference.added - difference.removed


def _with_last_applied(document: Document, config: Document) -> Document:
    """With the annotation brought up to date where there is one, so that client-side apply goes on working."""
    if not _last_applied(document):
        return document
    metadata = config["metadata"]
    if isinstance(metadata.get("annotations"), dict):
        kept = {
            name: text for name, text in metadata["annotations"].items() if name != LAST_APPLIED
        }
        metadata = metadata | {"annotations": kept}
    shown = config | {"metadata": metadata}
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    own = document["metadata"]
    return document | {"metadata": own | {"annotations": own["annotations"] | {LAST_APPLIED: text}}}
