"""Delete objects: preconditions, propagation, grace, finalizers."""

from dataclasses import replace
from typing import Any

from kthena_sandbox.apiserver import definitions, lifecycle
from kthena_sandbox.apiserver.cluster import Cluster, key_of
from kthena_sandbox.apiserver.errors import conflict, forbidden, unmet
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.metadata import timestamp
from kthena_sandbox.apiserver.mutations import Outcome
from kthena_sandbox.apiserver.options import DeleteOptions
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.classrules import SYSTEM_CLASSES

Document = dict[str, Any]

_PROTECTED = frozenset({"default", "kube-system", "kube-public"})
# Kinds whose deletion answers with the object instead of a Status (`ReturnDeletedObject`).
_RETURNED = frozenset({
    ("", "namespaces"), ("", "persistentvolumeclaims"), ("", "persistentvolumes"), ("", "pods"), ("", "podtemplates"), ("", "resourcequotas"),
    ("", "serviceaccounts"), ("", "services"), ("storage.k8s.io", "storageclasses"),
    ("storage.k8s.io", "csidrivers"), ("storage.k8s.io", "csinodes"), ("storage.k8s.io", "volumeattachments"),
    ("storage.k8s.io", "volumeattributesclasses"), ("resource.k8s.io", "deviceclasses"), ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "resourceclaimtemplates"), ("resource.k8s.io", "resourceslices"),
})  # fmt: skip
# Where nothing is said, these leave their pods behind, as they always did.
_DEFAULTS = {("batch", "jobs"): "Orphan", ("", "replicationcontrollers"): "Orphan"}
# Kinds that are marked before they are removed, even at once, which shows in the answer.
_IN_TWO_STEPS = frozenset({("", "pods")})
_ORPHANED = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background "
    "to remove them or set propagationPolicy=Orphan to suppress this warning"
)
_FINALIZER_OF = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


def delete(cluster: Cluster, resource: ResourceType, key: Key, options: DeleteOptions) -> Outcome:
    """Delete one object, or mark it where something still holds it. Raises ApiError 403, 404, 409."""
    old = cluster.read(resource, key)
    check_preconditions(resource, key, options, old["metadata"])
    _check_protected(resource, key)
    attempt = Attempt(
        "DELETE", resource, None, old, dry_run=options.dry_run, options=options.given,
        address=Key(key.namespace, "") if options.one_of_all else key,
    )  # fmt: skip
    options.gate.mutated(attempt)
    options.gate.validate(attempt)
    if _place(resource) == ("", "namespaces") and lifecycle.is_emptied(old):
        return Outcome(old)
    grace = _grace_seconds(resource, old, options)
    chosen = {*_FINALIZER_OF.values()} & {*old["metadata"].get("finalizers", [])}
    usual = "" if chosen else _DEFAULTS.get(_place(resource), "")
    held = old
    if resource.kind != "Event":  # nothing belongs to one
        held = _with_propagation(old, options.propagation or usual)
    if definitions.is_definition(resource) and not definitions.is_going(old):
        return _definition_going(cluster, resource, held, dry_run=options.dry_run)
    marked = lifecycle.marked_for_deletion(held, cluster.clock(), grace)
    if lifecycle.is_finished(marked) and not _only_marked(resource, old):
        return _removed(cluster, resource, old, options, marked)
    if not options.dry_run and marked != old:
        marked = cluster.write(resource, marked)
    return Outcome(marked)


def _only_marked(resource: ResourceType, old: Document) -> bool:
    """A namespace goes with a second deletion, or with its last finalizer, also where it has none."""
    return _place(resource) == ("", "namespaces") and "deletionTimestamp" not in old["metadata"]


def warnings(resource: ResourceType, options: DeleteOptions) -> tuple[str, ...]:
    """What is said where nothing was, of Jobs, whose pods stay then."""
    if options.propagation or _place(resource) != ("batch", "jobs"):
        return ()
    return (_ORPHANED,)


def _place(resource: ResourceType) -> tuple[str, str]:
    return resource.group, resource.plural


def _removed(
    cluster: Cluster,
    resource: ResourceType,
    old: Document,
    options: DeleteOptions,
    marked: Document,
) -> Outcome:
    if _place(resource) == ("", "pods") and marked != old and not options.dry_run:
        cluster.write(resource, marked)  # watchers see first that it is going
    last = marked if options.dry_run else cluster.remove(resource, key_of(old))
    if _place(resource) in _IN_TWO_STEPS:
        return Outcome(marked | {"metadata": marked["metadata"] | _version(last)})
    if _place(resource) in _RETURNED:
        return Outcome(old | {"metadata": old["metadata"] | _version(last)})
    return Outcome(deleted_status(resource, last))


def _version(last: Document) -> Document:
    return {"resourceVersion": last["metadata"]["resourceVersion"]}


def deleted_status(resource: ResourceType, last: Document) -> Document:
    """The Status that says an object is gone."""
    details = {
        "name": last["metadata"]["name"],
        "kind": resource.plural,
        "uid": last["metadata"]["uid"],
    }
    if resource.group:
        details["group"] = resource.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": details}  # fmt: skip


def check_preconditions(
    resource: ResourceType, key: Key, options: DeleteOptions, present: Document
) -> None:
    """Raises ApiError 409 for another object, or another state of it, than the one that is meant."""
    triples = (
        ("UID", options.uid, present["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, present["resourceVersion"], "modified"),
    )
    for name, wanted, found, happened in triples:
        if not wanted or wanted == found:
            continue
        if _place(resource) == ("", "namespaces"):
            why = f"Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {found}"
            raise conflict(resource, key.name, why)
        why = (
            f"the {name} in the precondition ({wanted}) does not match "
            f"the {name} in record ({found}). The object might have been {happened}"
        )
        raise unmet(resource, key.name, why)


def _check_protected(resource: ResourceType, key: Key) -> None:
    if _place(resource) == ("", "namespaces") and key.name in _PROTECTED:
        raise forbidden(resource, key.name, "this namespace may not be deleted")
    is_priority = _place(resource) == ("scheduling.k8s.io", "priorityclasses")
    if is_priority and key.name in SYSTEM_CLASSES:
        why = "this is a system priority class and cannot be deleted"
        raise forbidden(resource, key.name, why)


def _grace_seconds(resource: ResourceType, old: Document, options: DeleteOptions) -> int:
    if _place(resource) != ("", "pods"):
        return 0
    spec, phase = old.get("spec") or {}, (old.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in {"Failed", "Succeeded"}:
        return 0
    if options.grace_seconds is not None:
        return options.grace_seconds if options.grace_seconds >= 0 else 1
    return int(spec.get("terminationGracePeriodSeconds", 30))


def _with_propagation(document: Document, policy: str) -> Document:
    if not policy:
        return document
    finalizers = document["metadata"].get("finalizers", [])
    kept = [name for name in finalizers if name not in _FINALIZER_OF.values()]
    wanted = [*kept, _FINALIZER_OF[policy]] if policy in _FINALIZER_OF else kept
    if wanted == finalizers:
        return document
    metadata = {name: value for name, value in document["metadata"].items() if name != "finalizers"}
    return document | {"metadata": metadata | ({"finalizers": wanted} if wanted else {})}


def _as_kept(kind: ResourceType, document: Document) -> ResourceType:
    """The kind in the version in which an object is kept, for which no webhook has to be asked."""
    if kind.conversion is None:
        return kind
    version = document["apiVersion"].rpartition("/")[2]
    return replace(kind, version=version, storage_version=version, conversion=None)


def _definition_going(
    cluster: Cluster, resource: ResourceType, held: Document, *, dry_run: bool
) -> Outcome:
    """Mark a definition, and delete its objects; who asked is told the state before that."""
    marked = definitions.terminating(held, timestamp(cluster.clock()))
    if dry_run:
        return Outcome(marked)
    marked = cluster.write(resource, marked)
    _clean_up(cluster, resource, marked)
    return Outcome(marked)


def _clean_up(cluster: Cluster, resource: ResourceType, marked: Document) -> None:
    """Say that the objects of a definition are going, and delete them."""
    now, message = timestamp(cluster.clock()), "CustomResource deletion is in progress"
    cluster.write(
        resource, definitions.with_condition(marked, now, "InstanceDeletionInProgress", message)
    )
    kind = definitions.served_kind(cluster.catalogue, marked)
    if kind is not None:
        for key, document in list(cluster.collection(kind).documents.items()):
            delete(cluster, _as_kept(kind, document), key, DeleteOptions())
    cluster.release_definition(marked["metadata"]["name"])
