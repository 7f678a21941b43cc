"""OpenAPI documents of the served kinds, as far as kubectl reads them (explain, apply, validation)."""

from collections.abc import Iterable
from typing import Any

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.descriptions import Descriptions
from kthena_sandbox.schema.gnostic import encode_document
from kthena_sandbox.schema.openapipaths import paths_v2, paths_v3
from kthena_sandbox.schema.openapischemas import as_v3, schemas, whole_v2

Document = dict[str, Any]
_INFO = {"title": "Kubernetes", "version": "v1.34.0"}


def openapi_v3(
    group_version: str, types: Iterable[ResourceType], descriptions: Descriptions | None = None
) -> Document:
    """The OpenAPI v3 document of one group version (`v1`, `apps/v1`), from all types or just its own.

    Who asks for several passes in the *descriptions*, so that they are read once.
    """
    own = [kind for kind in types if kind.api_version == group_version]
    found = schemas(own, descriptions or Descriptions())
    published = {name: as_v3(schema) for name, schema in found.items()}
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": paths_v3(own),
        "components": {"schemas": published},
    }


def openapi_v2(types: Iterable[ResourceType]) -> Document:
    """The OpenAPI v2 document of all kinds."""
    listed = list(types)
    found = schemas(listed, Descriptions())
    published = {name: whole_v2(schema) for name, schema in found.items()}
    return {"swagger": "2.0", "info": _INFO, "paths": paths_v2(listed), "definitions": published}


def openapi_v2_protobuf(doc: Document) -> bytes:
    """An OpenAPI v2 document in the wire form of gnostic's `openapi.v2.Document`, which kubectl asks for."""
    return encode_document(doc)
