"""From what a client sent and what is there to what is stored: creation, update, status, deletion times.

Pure; the rules of `rest.BeforeCreate`, `rest.BeforeUpdate` and the strategies in a kube-apiserver.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from kthena_sandbox.apiserver import metadata as meta
from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.strategies import strategy_of
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]


def new_object(resource: ResourceType, document: Document, surroundings: Surroundings) -> Document:
    """A new object, its metadata already made: status dropped, generation 1, the kind's own rules."""
    strategy = strategy_of(resource)
    if "status" in resource.subresources and strategy.status is not None:
        document = {name: value for name, value in document.items() if name != "status"}
        if not resource.custom:
            document["status"] = dict(strategy.status)
    if has_generation(resource):
        document = document | {"metadata": document["metadata"] | {"generation": 1}}
    return strategy.create(document, surroundings)


def changed_object(
    resource: ResourceType, new: Document, old: Document, surroundings: Surroundings
) -> Document:
    """The object after a write to its main resource: status kept, generation raised if due."""
    metadata = meta.for_update(new["metadata"], old["metadata"])
    document = new | {"metadata": metadata}
    if "status" in resource.subresources:
        document = _with_field(document, "status", old)
    document = strategy_of(resource).update(document, old, surroundings)
    if has_generation(resource) and _raises_generation(resource, document, old):
        generation = old["metadata"].get("generation", 0) + 1
        document = document | {"metadata": document["metadata"] | {"generation": generation}}
    return document


def changed_status(
    resource: ResourceType, new: Document, old: Document, surroundings: Surroundings
) -> Document:
    """The object after a write to its status: all else stays, but most built-in kinds take labels."""
    document = _with_field(old, "status", new)
    if resource.custom:
        return document
    document = strategy_of(resource).update_status(document, old, surroundings)
    written = meta.known_fields(new["metadata"])
    kept = {
        name: value
        for name, value in old["metadata"].items()
        if name not in {"labels", "annotations"}
    }
    if (resource.group, resource.kind) == ("apps", "Deployment"):
        written["labels"] = old["metadata"].get("labels")
    taken = {name: written[name] for name in ("labels", "annotations") if written.get(name)}
    return document | {"metadata": kept | taken}


def _with_field(document: Document, name: str, source: Document) -> Document:
    kept = {key: value for key, value in document.items() if key != name}
    return kept | {name: source[name]} if name in source else kept


def has_generation(resource: ResourceType) -> bool:
    """Whether the server counts changes of the specification."""
    return resource.custom or bool(strategy_of(resource).generation)


def _raises_generation(resource: ResourceType, new: Document, old: Document) -> bool:
    strategy = strategy_of(resource)
    if not resource.custom:
        name = strategy.counted_metadata
        told, before = (entry["metadata"].get(name) or {} for entry in (new, old))
        return told != before or any(new.get(name) != old.get(name) for name in strategy.generation)
    ignored = {"metadata", "apiVersion", "kind"}
    if "status" in resource.subresources:
        ignored.add("status")
    names = (set(new) | set(old)) - ignored
    return any(new.get(name) != old.get(name) for name in names)


def causes(
    resource: ResourceType, new: Document, old: Document | None, surroundings: Surroundings,
    rules: Callable[[], list[Cause]],
) -> list[Cause]:  # fmt: skip
    """What is wrong with an object by the rules for metadata, of the single kind, and of its schema.

    A kube-apiserver asks an update about its metadata more than once, and lists each time what it finds.
    """
    strategy, metadata = strategy_of(resource), new["metadata"]
    if first := strategy.check_first(new, old, surroundings):
        return first
    parts = {
        "whole": meta.content_causes(resource, metadata),
        "own": strategy.check(new, old, surroundings),
        "rules": rules(),
        "last": strategy.check_last(new, old, surroundings),
    }
    if old is None:
        named = meta.name_causes(resource, metadata)
        return named + parts["whole"] + parts["own"] + parts["rules"] + parts["last"]
    before = old["metadata"]
    general = meta.content_causes(None, metadata) + meta.update_causes(None, metadata, before)
    parts["core"] = meta.update_causes(resource, metadata, before)
    return general + [cause for part in strategy.on_update for cause in parts[part]]


def is_finished(document: Document) -> bool:
    """Whether an object on its way out has nothing left that holds it."""
    metadata = document["metadata"]
    held = metadata.get("finalizers") or (_is_namespace(document) and _held(document))
    gone = "deletionTimestamp" in metadata and not metadata.get("deletionGracePeriodSeconds")
    return gone and not bool(held)


def is_emptied(namespace: Document) -> bool:
    """Whether a namespace is going and something in it is not gone yet, so that another deletion changes nothing."""
    return "deletionTimestamp" in namespace["metadata"] and _held(namespace)


def _is_namespace(document: Document) -> bool:
    return (document.get("apiVersion"), document.get("kind")) == ("v1", "Namespace")


def _held(document: Document) -> bool:
    return bool((document.get("spec") or {}).get("finalizers"))


def marked_for_deletion(document: Document, now: datetime, grace_seconds: int) -> Document:
    """The object with its deletion times; a shorter grace period than before replaces the old one."""
    metadata = document["metadata"]
    before = metadata.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" in metadata and (before is None or grace_seconds >= before):
        late = (
            _is_namespace(document) and before is None
        )  # which has none until it is deleted again
        return (
            document | {"metadata": metadata | {"deletionGracePeriodSeconds": 0}}
            if late
            else document
        )
    ends = meta.timestamp(now + timedelta(seconds=grace_seconds))
    own: Document = {"deletionTimestamp": ends}
    if not _is_namespace(document):
        own["deletionGracePeriodSeconds"] = grace_seconds
    if "generation" in metadata and "deletionTimestamp" not in metadata:
        own["generation"] = metadata["generation"] + 1
    marked = document | {"metadata": metadata | own}
    if _is_namespace(document):
        marked["status"] = (document.get("status") or {}) | {"phase": "Terminating"}
    return marked
