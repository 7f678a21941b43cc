"""Objects and lists in the form the client asked for: as they are, as metadata only, or as a Table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from kthena_sandbox.apiserver.errors import ApiError, bad_request
from kthena_sandbox.apiserver.negotiation import Form
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.tables import partial_object, table

Document = dict[str, Any]
Include = Literal["None", "Metadata", "Object"]
_META = "meta.k8s.io"


@dataclass(frozen=True, slots=True)
class Presentation:
    """The form of an answer, how much a Table's rows carry of their objects, and the time for ages."""

    form: Form
    include: Include
    now: datetime


def include_option(query: Mapping[str, str]) -> Include:
    """How much of each object a Table's rows carry. Raises ApiError 400."""
    wanted = query.get("includeObject", "") or "Metadata"
    if wanted not in {"None", "Metadata", "Object"}:
        raise bad_request(f"unrecognized includeObject value: {wanted}")
    return cast("Include", wanted)


def shaped_object(resource: ResourceType, document: Document, wanted: Presentation) -> Document:
    """One object in the wanted shape; a Status stays what it is."""
    if document.get("kind") == "Status" or not wanted.form.shape:
        return document
    if wanted.form.shape == "Table":
        version = document["metadata"].get("resourceVersion")
        metadata = {"resourceVersion": version} if version else {}
        return _table(resource, [document], wanted, metadata)
    if wanted.form.shape == "PartialObjectMetadataList":
        raise _misshapen(resource, "PartialObjectMetadataList", "is not a list", resource.kind)
    return partial_object(document, wanted.form.version)


def _misshapen(resource: ResourceType, asked: str, why: str, kind: str) -> ApiError:
    """406: an object as a list, or a list as an object. *kind*: as Go names its type."""
    package = resource.group.partition(".")[0] or "core"
    shown = f"unstructured.{'UnstructuredList' if kind != resource.kind else 'Unstructured'}" if resource.custom else f"{package}.{kind}"  # fmt: skip
    message = f"you requested {asked}, but the requested object {why} (*{shown})"
    return ApiError(406, "NotAcceptable", message)


def shaped_list(
    resource: ResourceType, documents: Sequence[Document], metadata: Document, wanted: Presentation
) -> Document:
    """A list in the wanted shape; items of built-in kinds go without kind and version, as in Kubernetes."""
    form = wanted.form
    if form.shape == "Table":
        return _table(resource, documents, wanted, metadata)
    if form.shape == "PartialObjectMetadata":
        raise _misshapen(resource, form.shape, "is a list", resource.list_kind)
    if form.shape:
        items = [partial_object(document, form.version) for document in documents]
        kind, version = "PartialObjectMetadataList", f"{_META}/{form.version}"
    else:
        items = [item if resource.custom else _bare(item) for item in documents]
        kind, version = resource.list_kind, resource.api_version
        metadata = {"continue": ""} | metadata if resource.custom else metadata
    return {"kind": kind, "apiVersion": version, "metadata": metadata, "items": items}


def _bare(document: Document) -> Document:
    bare = document.copy()
    bare.pop("kind", None)
    bare.pop("apiVersion", None)
    return bare


def _table(
    resource: ResourceType, documents: Sequence[Document], wanted: Presentation, metadata: Document
) -> Document:
    shown: Document = table(resource, list(documents), wanted.now, wanted.include)
    return shown | {"apiVersion": f"{_META}/{wanted.form.version}", "metadata": metadata}
