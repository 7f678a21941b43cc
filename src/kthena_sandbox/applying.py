"""`kubectl apply` in small: documents from files are created, or merged into what is there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.catalogue import discover
from kthena_sandbox.kinds import Document, Key, Kind

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class ApplyError(Exception):
    """What was to be applied cannot be; the text says why."""


def read_documents(path: Path) -> list[Document]:
    """The objects of a YAML or JSON file, or of all such files in a folder. Raises ApplyError."""
    names = sorted(path.iterdir()) if path.is_dir() else [path]
    chosen = [name for name in names if name.suffix in {".yaml", ".yml", ".json"}]
    return [document for name in chosen or names for document in _read_file(name)]


def _read_file(path: Path) -> Iterator[Document]:
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ApplyError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ApplyError(f"{path}: {error}") from error
    for document in filter(None, documents):
        if not isinstance(document, dict) or not {"apiVersion", "kind", "metadata"} <= set(
            document
        ):
            raise ApplyError(f"{path}: a document without apiVersion, kind or metadata")
        yield from document["items"] if document["kind"] == "List" else [document]


async def kind_of(client: Client, api_version: str, name: str) -> Kind:
    """The kind that a document names. Raises ApplyError, ApiError, ApiAway."""
    for kind in await discover(client):
        if (kind.api_version, kind.name) == (api_version, name):
            return kind
    raise ApplyError(f'no matches for kind "{name}" in version "{api_version}"')


def _annotated(document: Document) -> Document:
    """With the annotation by which a later `kubectl apply` knows what was applied before."""
    metadata = document["metadata"]
    given = metadata.get("annotations") or {}
    plain = document | {"metadata": metadata | {"annotations": given}}
    applied = msgspec.json.encode(plain, order="sorted").decode() + "\n"
    annotations = given | {LAST_APPLIED: applied}
    return document | {"metadata": metadata | {"annotations": annotations}}


async def apply(client: Client, document: Document) -> str:
    """Create or merge one object; returns what happened to it, as kubectl says it.

    Raises ApplyError, ApiError, ApiAway.
    """
    kind = await kind_of(client, document["apiVersion"], document["kind"])
    namespace = document["metadata"].get("namespace") or ("default" if kind.namespaced else "")
    placed = {"metadata": document["metadata"] | ({"namespace": namespace} if namespace else {})}
    wanted: dict[str, Any] = _annotated(document | placed)
    key = Key(namespace, document["metadata"]["name"])
    shown = f"{kind.name.lower()}{'.' + kind.group if kind.group else ''}/{key.name}"
    try:
        await client.create(kind, wanted)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise ApplyError(f"{shown}: {error}") from error
        await client.patch(kind, key, wanted)
        return f"{shown} configured"
    return f"{shown} created"
