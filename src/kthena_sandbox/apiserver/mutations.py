"""Create and change objects: decode, default, admit, validate, compare, store; each call one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace as replaced
from functools import partial
from typing import Any, Literal

from kthena_sandbox.apiserver import (
    definitions,
    fieldmanagers,
    lifecycle,
    metadata as meta,
    preconditions,
    schemas,
)  # fmt: skip
from kthena_sandbox.apiserver.cluster import Cluster, key_of
from kthena_sandbox.apiserver.conversion import to_storage
from kthena_sandbox.apiserver.errors import (
    ApiError,
    Cause,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
    saying,
)
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.options import WriteOptions
from kthena_sandbox.apiserver.recognising import check_kind
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.strategies import strategy_of
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.managedfields import without_times

Document = dict[str, Any]
Transform = Callable[[Document], Document]
Strictness = Callable[[ResourceType, Document, list[str], schemas.FieldValidation], list[str]]
Merge = Callable[[ResourceType, Document, Document, Surroundings], Document]

_GENERATE_ATTEMPTS = 8
_GENERATE_PREFIX = 58


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer to a write: the object (in the version of the request) or a Status, and warnings."""

    document: Document
    code: int = 200
    warnings: tuple[str, ...] = ()


def create(
    cluster: Cluster, resource: ResourceType, namespace: str, body: object, options: WriteOptions
) -> Outcome:
    """Store a new object. Raises ApiError 400, 403, 404, 409 or 422."""
    fitted, warnings = _decoded(resource, body, options)
    with saying(warnings):
        if fitted["metadata"].get("resourceVersion"):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        return _create(cluster, resource, namespace, fitted, options, warnings=warnings)


def _decoded(
    resource: ResourceType, body: object, options: WriteOptions
) -> tuple[Document, tuple[str, ...]]:
    """A body as an object of the kind, and the warnings about it. Raises ApiError 400."""
    document = check_kind(resource, body, options.body, lenient=options.validation == "Ignore")
    fitted, unknown = schemas.fitted(resource, document)
    said = schemas.complaints(options.duplicates, unknown)
    return fitted, tuple(schemas.strict_object(resource, fitted, said, options.validation))


def posted(
    cluster: Cluster, resource: ResourceType, body: object, namespace: str, options: WriteOptions
) -> tuple[Document, tuple[str, ...]]:
    """What is answered and not kept, with its list of managers, and the warnings about it. Raises ApiError 400."""
    fitted, warnings = _decoded(resource, body, options)
    _check_namespace(namespace, fitted["metadata"])
    metadata = {name: value for name, value in fitted["metadata"].items() if name != "namespace"}
    fitted = fitted | {"metadata": metadata | ({"namespace": namespace} if namespace else {})}
    noted = fieldmanagers.after_update(resource, None, fitted, _writer(cluster, options))
    return meta.with_managed(fitted, noted), warnings


def _create(
    cluster: Cluster, resource: ResourceType, namespace: str, fitted: Document,
    options: WriteOptions, *, warnings: tuple[str, ...],
) -> Outcome:  # fmt: skip
    managed: list[Document] = []
    if options.tracked:
        managed = fieldmanagers.after_update(resource, None, fitted, _writer(cluster, options))
    made = _created(cluster, resource, namespace, meta.with_managed(fitted, managed), options)
    return _saying(warnings, made)


def _saying(warnings: tuple[str, ...], made: Outcome) -> Outcome:
    return replaced(made, warnings=(*warnings, *made.warnings)) if warnings else made


def _created(
    cluster: Cluster, resource: ResourceType, namespace: str, fitted: Document,
    options: WriteOptions,
) -> Outcome:  # fmt: skip
    given = fitted["metadata"]
    _check_namespace(namespace, given)
    cluster.require_namespace(resource, namespace, given.get("name", ""))
    named = fitted | {"metadata": _named(cluster, resource, namespace, given)}
    named = meta.with_managed(named, given.get("managedFields") or [])
    admitted = _mutated(resource, named, None, options)
    new = lifecycle.new_object(resource, admitted, cluster.surroundings(dry_run=options.dry_run))
    _refuse(cluster, resource, new, None, dry_run=options.dry_run)
    managed = admitted["metadata"].get("managedFields") or []
    if definitions.is_definition(resource) and not options.dry_run:
        managed = fieldmanagers.after_establishing(
            resource, new, managed, meta.timestamp(cluster.clock())
        )
    new = meta.with_managed(schemas.as_read(resource, new), managed)
    said = tuple(strategy_of(resource).warnings(new, None))
    with saying(said):
        options.gate.validate(_attempt(resource, new, None, options))
        key = Key(namespace, new["metadata"]["name"])
        if present := cluster.collection(resource).documents.get(key):
            going = "deletionTimestamp" in present["metadata"]
            raise already_exists(resource, key.name, going=going)
    return Outcome(new if options.dry_run else cluster.write(resource, new), 201, said)


def _attempt(
    resource: ResourceType, new: Document, old: Document | None, options: WriteOptions
) -> Attempt:
    operation: Literal["CREATE", "UPDATE"] = "CREATE" if old is None else "UPDATE"
    return Attempt(
        operation, resource, new, old, options.subresource, options.dry_run, options=options.given
    )


def _mutated(
    resource: ResourceType, new: Document, old: Document | None, options: WriteOptions
) -> Document:
    """The object as admission makes it, fitted again where that has changed it."""
    admitted = options.gate.mutated(_attempt(resource, new, old, options))
    return new if admitted == new else schemas.fitted(resource, admitted)[0]


def _writer(cluster: Cluster, options: WriteOptions) -> fieldmanagers.Writer:
    now = meta.timestamp(cluster.clock())
    return fieldmanagers.Writer(options.manager, options.subresource, now)


def _check_namespace(namespace: str, given: Document) -> None:
    if namespace and given.get("namespace", namespace) != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _named(cluster: Cluster, resource: ResourceType, namespace: str, given: Document) -> Document:
    created = meta.for_creation(given, namespace, cluster.uid(), cluster.clock())
    prefix = created.get("generateName", "")
    if created.get("name") or not prefix:
        return created
    present = cluster.collection(resource).documents
    name = ""
    for _ in range(_GENERATE_ATTEMPTS):
        name = prefix[:_GENERATE_PREFIX] + cluster.suffix()
        if Key(namespace, name) not in present:
            break
    return created | {"name": name}


def _refuse(
    cluster: Cluster, resource: ResourceType, new: Document, old: Document | None, *, dry_run: bool
) -> None:
    rules = partial(schemas.problems, resource, new, old)
    surroundings = cluster.surroundings(dry_run=dry_run)
    causes = lifecycle.causes(resource, new, old, surroundings, rules)
    if causes:
        raise invalid(resource, new["metadata"].get("name", ""), causes)


def replace(
    cluster: Cluster, resource: ResourceType, key: Key, body: object, options: WriteOptions,
    *, merge: Merge = lifecycle.changed_object,
) -> Outcome:  # fmt: skip
    """PUT of an object, or of its status by another *merge*. Raises ApiError 400, 404, 409 or 422."""
    if key in cluster.collection(resource).documents:
        preconditions.require_version_of_other(resource, key, body)
    fitted, warnings = _decoded(resource, body, options)
    with saying(warnings):
        return _replaced(cluster, resource, key, fitted, options, warnings=warnings, merge=merge)


def _replaced(
    cluster: Cluster, resource: ResourceType, key: Key, fitted: Document, options: WriteOptions,
    *, warnings: tuple[str, ...], merge: Merge,
) -> Outcome:  # fmt: skip
    check_address(key, fitted)
    present = cluster.collection(resource).documents.get(key)
    if present is None and not preconditions.creates(resource):
        raise not_found(resource, key.name)
    preconditions.require_uid(resource, key, fitted, present, options)
    if present is None:  # unlike POST, this does not mind the version that an object had elsewhere
        made = _create(cluster, resource, key.namespace, fitted, options, warnings=warnings)
        return _with_version(made, fitted) if options.dry_run else made
    preconditions.require_version(resource, key, fitted)
    old = cluster.read(resource, key)
    return _update(cluster, resource, old, fitted, options, warnings=warnings, merge=merge)


def _with_version(made: Outcome, given: Document) -> Outcome:
    """What a dry run would create still has the version that was given."""
    version = given["metadata"].get("resourceVersion")
    if not version:
        return made
    metadata = made.document["metadata"] | {"resourceVersion": version}
    return replaced(made, document=made.document | {"metadata": metadata})


def check_address(key: Key, document: Document) -> None:
    """Raises ApiError 400 for an object that is not the one that the URL names."""
    given = document.get("metadata")
    given = given if isinstance(given, dict) else {}
    name = given.get("name") or ""
    if not name:
        raise bad_request(
            f"the name of the object ({key.name} based on URL) was undeterminable: "
            "name must be provided"
        )
    if name != key.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({key.name})"
        )
    _check_namespace(key.namespace, {"namespace": given.get("namespace") or key.namespace})


def change(
    cluster: Cluster, resource: ResourceType, key: Key, transform: Transform, options: WriteOptions,
    *, merge: Merge = lifecycle.changed_object, strict: Strictness = schemas.strict_object,
    checked: bool = True,
) -> Outcome:  # fmt: skip
    """Apply *transform* to an object and store the result, unless nothing changed.

    *checked*: only if it breaks no rule. Raises ApiError 400, 404, 409 or 422.
    """
    old = cluster.read(resource, key)
    document = check_kind(resource, transform(old))
    fitted, unknown = schemas.fitted(resource, document)
    said = schemas.complaints(options.duplicates, unknown)
    warnings = tuple(strict(resource, document, said, options.validation))
    with saying(warnings):
        return _update(cluster, resource, old, fitted, options, warnings=warnings, merge=merge,
                       checked=checked)  # fmt: skip


def _update(
    cluster: Cluster, resource: ResourceType, old: Document, fitted: Document,
    options: WriteOptions, *, warnings: tuple[str, ...], merge: Merge, checked: bool = True,
) -> Outcome:  # fmt: skip
    managed = old["metadata"].get("managedFields") or []
    if options.tracked:
        managed = fieldmanagers.after_update(resource, old, fitted, _writer(cluster, options))
    known = meta.with_managed(fitted, managed)
    made = _changed(cluster, resource, old, known, options, merge=merge, checked=checked)
    return _saying(warnings, made)


def _changed(
    cluster: Cluster, resource: ResourceType, old: Document, fitted: Document,
    options: WriteOptions, *, merge: Merge, checked: bool = True,
) -> Outcome:  # fmt: skip
    _check_preconditions(resource, key_of(old), fitted["metadata"], old["metadata"])
    admitted = _mutated(resource, fitted, old, options)
    new = merge(resource, admitted, old, cluster.surroundings(dry_run=options.dry_run))
    if checked:
        _refuse(cluster, resource, new, old, dry_run=options.dry_run)
    managed = admitted["metadata"].get("managedFields") or []
    new = _with_old_times(meta.with_managed(schemas.as_read(resource, new), managed), old)
    said = () if options.subresource else tuple(strategy_of(resource).warnings(new, old))
    with saying(said):
        options.gate.validate(_attempt(resource, new, old, options))
    return Outcome(new if options.dry_run else _store(cluster, resource, new, old), 200, said)


def _with_old_times(new: Document, old: Document) -> Document:
    """The old object where nothing but times of managers differs, so that a write that changes nothing is none."""
    listed, before = (side["metadata"].get("managedFields") for side in (new, old))
    if listed == before or without_times(listed) != without_times(before):
        return new
    kept = meta.with_managed(new, before)
    return kept if kept == old else new


def apply(
    cluster: Cluster, resource: ResourceType, key: Key, config: Document, options: WriteOptions,
    *, merge: Merge = lifecycle.changed_object,
) -> Outcome:  # fmt: skip
    """Server-side apply, which creates what is not there. Raises ApiError 400, 403, 404, 409, 422 or 500."""
    found = key in cluster.collection(resource).documents
    if options.subresource and not found:
        raise not_found(resource, key.name)
    old = cluster.read(resource, key) if found else None
    result = fieldmanagers.after_apply(
        resource, old, config, _writer(cluster, options), force=options.force
    )
    schemas.refuse_unconvertible(resource, result.document)
    document = check_kind(resource, result.document)
    fitted, _ = schemas.fitted(resource, document, nulls=resource.custom)
    managed = meta.with_managed(fitted, result.managed)
    if old is not None:
        return _changed(cluster, resource, old, managed, options, merge=merge)
    check_address(key, fitted)
    uid = fitted["metadata"].get("uid")
    if uid:
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise conflict(resource, key.name, why)
    made = _created(cluster, resource, key.namespace, managed, options)
    return _with_version(made, fitted) if options.dry_run else made


def _check_preconditions(
    resource: ResourceType, key: Key, given: Document, present: Document
) -> None:
    if given.get("name", key.name) != key.name:
        raise bad_request(
            f"the name of the object ({given['name']}) does not match the name on the URL ({key.name})"
        )
    _check_namespace(key.namespace, given)
    if given.get("uid", present["uid"]) != present["uid"]:
        text = f'Invalid value: "{given["uid"]}": field is immutable'
        # a kube-apiserver says so twice, from two validations
        causes = [Cause("FieldValueInvalid", text, "metadata.uid")] * 2
        raise invalid(resource, key.name, causes)
    version = given.get("resourceVersion") or "0"
    if not version.isdecimal():
        raise ApiError(500, "", f'strconv.ParseUint: parsing "{version}": invalid syntax')
    if version not in {"0", present["resourceVersion"]}:
        raise conflict(resource, key.name)


def _store(cluster: Cluster, resource: ResourceType, new: Document, old: Document) -> Document:
    key = key_of(old)
    if lifecycle.is_finished(new) and "deletionTimestamp" in old["metadata"]:
        cluster.remove(resource, key)
        return new
    if to_storage(resource, new, cluster.conversions) == cluster.stored(resource, key):
        return new
    return cluster.write(resource, new)
