"""What the API server itself writes into the status of a CustomResourceDefinition."""

from typing import Any

from kthena_sandbox.apiserver.definitionnames import named_status
from kthena_sandbox.apiserver.surroundings import Surroundings

Document = dict[str, Any]


def map_at(document: Document, name: str) -> Document:
    """A field that should be a map; what is wrong with it otherwise is for the schema to say."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def create_definition(document: Document, surroundings: Surroundings) -> Document:
    """A new one, with the versions in which objects are kept."""
    made = document | {"status": {"storedVersions": _stored_versions(map_at(document, "spec"))}}
    if surroundings.dry_run:
        return made | {"status": {"acceptedNames": {"plural": "", "kind": ""}} | made["status"]}
    return made | {"status": _definition_status(made, surroundings)}


def _definition_status(document: Document, surroundings: Surroundings) -> Document:
    """Names are given to those that can be served: others are refused afterwards."""
    spec, status = map_at(document, "spec"), map_at(document, "status")
    if surroundings.dry_run:  # whose names nobody has looked at
        return status
    if not spec.get("group") or not map_at(spec, "names").get("plural"):
        return status
    return named_status(document, surroundings.definitions(), surroundings.now)


def _stored_versions(spec: Document) -> list[Any]:
    versions = spec.get("versions")
    entries = versions if isinstance(versions, list) else []
    return [
        entry.get("name") for entry in entries if isinstance(entry, dict) and entry.get("storage")
    ]


def update_definition(document: Document, old: Document, surroundings: Surroundings) -> Document:
    """A changed one, which remembers all versions in which objects were kept."""
    spec, status = map_at(document, "spec"), map_at(old, "status")
    stored = dict.fromkeys([*status.get("storedVersions", []), *_stored_versions(spec)])
    kept = document | {"status": status | {"storedVersions": list(stored)}}
    return kept | {"status": _definition_status(kept, surroundings)}
