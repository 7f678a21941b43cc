"""Lists of a collection: selected, in a consistent state, in chunks."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.conversion import from_storage
from kthena_sandbox.apiserver.errors import ApiError, expired, too_large_resource_version, too_old
from kthena_sandbox.apiserver.labelselectors import parse_labels
from kthena_sandbox.apiserver.listoptions import (
    Continuation,
    ListOptions,
    check_list_options,
    list_options,
    settled,
)
from kthena_sandbox.apiserver.selectors import (
    FieldRequirement,
    Selection,
    check_fields,
    parse_fields,
)
from kthena_sandbox.apiserver.storage import Expired, Key
from kthena_sandbox.apiserver.strategies import as_shown
from kthena_sandbox.apiserver.web import Request
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter, or use the continue token in this "
    "response to retrieve the remainder of the results. Continuing with the provided token results "
    "in an inconsistent list - objects that were created, modified, or deleted between the time "
    "the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Page:
    """A list, or a chunk of one, and its ListMeta."""

    documents: list[Document]
    metadata: Document


def asked(
    resource: ResourceType, namespace: str, request: Request, *, watch: bool = False, name: str = ""
) -> tuple[Selection, ListOptions]:
    """What a list, watch or deletion of a collection is about, checked in the order of a kube-apiserver.

    Raises ApiError 400, 422 or 500.
    """
    options = list_options(request)
    labels = parse_labels(request.query.get("labelSelector", ""))
    fields = parse_fields(request.query.get("fieldSelector", ""))
    check_list_options(options, watch=watch)
    check_fields(fields, resource)
    if name:
        fields += (FieldRequirement("metadata.name", name, equal=True),)
    return Selection(namespace, labels, fields), settled(options, watch=watch)


def list_page(
    cluster: Cluster, resource: ResourceType, selected: Selection, options: ListOptions
) -> Page:
    """List in the order of namespaces and names. Raises ApiError 410 or 504."""
    revision = _revision(cluster, options)
    start = options.continuation.start if options.continuation else None
    state = _state(cluster, resource, revision, start)
    home = selected.namespace
    keys = sorted(key for key in state if home in ("", key.namespace))
    if start is not None:
        keys = keys[bisect_right(keys, Key(*start)) :]
    if selected.name:
        keys = [key for key in keys if key.name == selected.name]
    known = cluster.conversions
    known.require(resource, (state[key] for key in keys))
    chunk: list[Document] = []
    everything, seen = selected.everything, 0
    for key in keys:
        seen += 1
        document = from_storage(resource, state[key], known)
        if everything or selected.matches(document):
            chunk.append(as_shown(resource, document))
        if options.limit and len(chunk) == options.limit:
            break
    metadata: Document = {"resourceVersion": str(revision)}
    # more may follow, although nobody has looked whether it is selected
    if options.limit and len(chunk) == options.limit and seen < len(keys):
        metadata["continue"] = Continuation(revision, keys[seen - 1]).token()
        if selected.everything:
            metadata["remainingItemCount"] = len(keys) - seen
    return Page(chunk, metadata)


def _revision(cluster: Cluster, options: ListOptions) -> int:
    current = cluster.store.revision
    if options.continuation and options.continuation.revision > 0:
        return options.continuation.revision
    asked = options.resource_version or 0
    exact = options.match == "Exact" or bool(options.limit and asked and not options.match)
    if asked > current:  # of the watch cache one may ask again, of etcd not
        raise too_large_resource_version(asked, current, retry=not exact)
    return asked if exact else current


def _state(
    cluster: Cluster, resource: ResourceType, revision: int, start: tuple[str, str] | None
) -> dict[Key, Document]:
    collection = cluster.collection(resource)
    if revision == cluster.store.revision:
        return collection.documents
    try:
        return collection.at(revision)
    except Expired as error:
        raise _gone(error, start) from error


def _gone(error: Expired, start: tuple[str, str] | None) -> ApiError:
    if start is None:
        return too_old(error.asked, error.oldest)
    gone = expired(_CONTINUE_EXPIRED)
    gone.list_metadata = {"continue": Continuation(-1, start).token()}
    return gone
