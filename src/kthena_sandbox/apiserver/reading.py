"""Lists of a collection: selected, in a consistent state, in chunks."""

from dataclasses import dataclass
from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.conversion import from_storage
from kthena_sandbox.apiserver.errors import ApiError, expired, too_large_resource_version, too_old
from kthena_sandbox.apiserver.options import Continuation, ListOptions
from kthena_sandbox.apiserver.selectors import Selection, parse_fields, parse_labels
from kthena_sandbox.apiserver.storage import Expired, Key
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


def selection(
    resource: ResourceType, namespace: str, request: Request, name: str = ""
) -> Selection:
    """What a list, watch or deletion of a collection is about. Raises ApiError 400."""
    fields = parse_fields(request.query.get("fieldSelector", ""), resource)
    if name:
        fields += parse_fields(f"metadata.name={name}", resource)
    return Selection(namespace, parse_labels(request.query.get("labelSelector", "")), fields)


def list_page(
    cluster: Cluster, resource: ResourceType, selected: Selection, options: ListOptions
) -> Page:
    """List in the order of namespaces and names. Raises ApiError 410 or 504."""
    revision = _revision(cluster, options)
    start = options.continuation.start if options.continuation else None
    state = _state(cluster, resource, revision, start)
    keys = sorted(key for key in state if start is None or key > Key(*start))
    converted = ((key, from_storage(resource, state[key])) for key in keys)
    found = [(key, document) for key, document in converted if selected.matches(document)]
    chunk = found[: options.limit] if options.limit else found
    metadata: Document = {"resourceVersion": str(revision)}
    if len(chunk) < len(found):
        metadata["continue"] = Continuation(revision, chunk[-1][0]).token()
        if selected.everything:
            metadata["remainingItemCount"] = len(found) - len(chunk)
    return Page([document for _, document in chunk], metadata)


def _revision(cluster: Cluster, options: ListOptions) -> int:
    current = cluster.store.revision
    if options.continuation and options.continuation.revision > 0:
        return options.continuation.revision
    asked = options.resource_version or 0
    if asked > current:
        raise too_large_resource_version(asked, current)
    exact = options.match == "Exact" or (options.limit and asked and not options.match)
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
