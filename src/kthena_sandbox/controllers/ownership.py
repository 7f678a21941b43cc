"""Who owns what: controller references, label selectors, adoption and release. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.kinds import REPLICATION_CONTROLLERS, Document, is_leaving, uid_of


def controller_of(document: Document) -> Document | None:
    """The owner reference that controls an object."""
    references = document["metadata"].get("ownerReferences") or []
    return next((entry for entry in references if entry.get("controller")), None)


def controller_uid(document: Document) -> str:
    """The uid of the controlling owner, "" without one."""
    return str((controller_of(document) or {}).get("uid", ""))


def reference_to(owner: Document) -> Document:
    """The controlling owner reference for what *owner* creates."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def labels_of(document: Document) -> Mapping[str, str]:
    """Its labels."""
    return document["metadata"].get("labels") or {}


def selector_of(owner: Document) -> Document | None:
    """The label selector of an owner; that of a ReplicationController is a map of labels."""
    selector: Document | None = owner["spec"].get("selector")
    if owner["kind"] != REPLICATION_CONTROLLERS.name:
        return selector
    return {"matchLabels": selector or {}}


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector of the API matches; none matches nothing, an empty one everything."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(name) != value for name, value in wanted.items()):
        return False
    return all(_holds(entry, labels) for entry in selector.get("matchExpressions") or [])


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    name, operator = expression["key"], expression["operator"]
    values = expression.get("values") or []
    if operator == "In":
        return labels.get(name) in values
    if operator == "NotIn":
        return labels.get(name) not in values
    if operator in {"Gt", "Lt"}:  # of node selectors only
        return _compares(operator, labels.get(name, ""), values)
    present = name in labels
    return present if operator == "Exists" else not present


def _compares(operator: str, text: str, values: Sequence[str]) -> bool:
    try:
        number, bound = int(text), int(values[0])
    except (ValueError, IndexError):
        return False
    return number > bound if operator == "Gt" else number < bound


@dataclass(frozen=True)
class Claims:
    """What an owner has, and what it should take or let go."""

    owned: tuple[Document, ...]
    adopt: tuple[Document, ...]
    release: tuple[Document, ...]


def claim(owner: Document, candidates: Iterable[Document]) -> Claims:
    """Sort the objects of the owner's namespace by its `spec.selector` and their references."""
    selector, uid = selector_of(owner), uid_of(owner)
    namespace = owner["metadata"].get("namespace")
    owned: list[Document] = []
    adopt: list[Document] = []
    release: list[Document] = []
    for document in candidates:
        if document["metadata"].get("namespace") != namespace:
            continue
        matches = selects(selector, labels_of(document))
        holder = controller_uid(document)
        if holder == uid:
            if matches:
                owned.append(document)
            elif not is_leaving(owner):
                release.append(document)
        elif matches and not holder and not is_leaving(document) and not is_leaving(owner):
            adopt.append(document)
    return Claims(tuple(owned), tuple(adopt), tuple(release))


def adopted(document: Document, owner: Document, finalizer: str = "") -> Document:
    """The merge patch that makes *owner* the controller, and lets *finalizer* hold the object."""
    references = document["metadata"].get("ownerReferences") or []
    held = [*_without(document, finalizer), finalizer] if finalizer else None
    return _references(document, [*references, reference_to(owner)], held)


def released(document: Document, uid: str, finalizer: str = "") -> Document:
    """The merge patch that removes the references to *uid*, and *finalizer*."""
    references = document["metadata"].get("ownerReferences") or []
    kept = [entry for entry in references if entry["uid"] != uid]
    return _references(document, kept, _without(document, finalizer) if finalizer else None)


def _without(document: Document, finalizer: str) -> list[str]:
    return [one for one in document["metadata"].get("finalizers") or [] if one != finalizer]


def _references(
    document: Document, references: list[Document], finalizers: list[str] | None
) -> Document:
    metadata = document["metadata"]
    own = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    held = {} if finalizers is None else {"finalizers": finalizers}
    return {"metadata": own | {"ownerReferences": references} | held}
