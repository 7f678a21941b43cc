"""Documents from files are applied by the server, under our name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import trio
import yaml

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.catalogue import discover
from kthena_sandbox.kinds import PODS, Document, Key, Kind
from kthena_sandbox.nesting import check_nesting

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_LONGEST_ANNOTATIONS = 256 * 1024  # of an object, all together: validation of ObjectMeta
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is twenty times faster
# What PyYAML and msgspec raise of texts that look like dates, numbers, booleans and keys and are none, and of deep ones.
_UNREADABLE = (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_TRIES = 20
_PAUSE = 0.1


class ApplyError(Exception):
    """What was to be applied cannot be; the text says why, `code` is the server's where it refused."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


def read_documents(path: Path) -> list[Document]:
    """The objects of a YAML or JSON file, or of all such files in a folder. Raises ApplyError."""
    names = sorted(path.iterdir()) if path.is_dir() else [path]
    chosen = [name for name in names if name.suffix in {".yaml", ".yml", ".json"}]
    return [document for name in chosen or names for document in _read_file(name)]


def _read_file(path: Path) -> Iterator[Document]:
    try:
        content = path.read_bytes()
        check_nesting(content)
        documents = list(yaml.load_all(content, _LOADER))
    except OSError as error:
        raise ApplyError(f"{path}: {error.strerror}") from error
    except _UNREADABLE as error:
        raise ApplyError(f"{path}: {error}") from error
    for document in documents:
        if document is not None:
            yield from _objects_of(document, path)


def _objects_of(document: Any, path: Path) -> Iterator[Document]:
    """The object, or those of a list, as JSON has them. Raises ApplyError."""
    is_list = isinstance(document, dict) and str(document.get("kind")).endswith("List")
    if is_list and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _objects_of(item, path)
        return
    if why := _flaw(document):
        raise ApplyError(f"{path}: {why}")
    try:
        yield msgspec.json.decode(msgspec.json.encode(document))
    except _UNREADABLE as error:
        raise ApplyError(f"{path}: {error}") from error


def _flaw(document: Any) -> str:
    """Why a document is no object that can be told apart from others, "" where it is one."""
    if not isinstance(document, dict) or not {"apiVersion", "kind", "metadata"} <= set(document):
        return "a document without apiVersion, kind or metadata"
    metadata = document["metadata"]
    if not isinstance(metadata, dict):
        return "metadata is not a mapping"
    texts = {
        "apiVersion": document["apiVersion"], "kind": document["kind"],
        "metadata.name": metadata.get("name") or "", "metadata.namespace": metadata.get("namespace") or "",
    }  # fmt: skip
    wrong = [name for name, value in texts.items() if not isinstance(value, str)]
    return f"{wrong[0]} is not a text" if wrong else ""


async def kind_of(client: Client, api_version: str, name: str) -> Kind:
    """The kind that a document names. Raises ApplyError, ApiError, ApiAway."""
    for kind in await discover(client):
        if (kind.api_version, kind.name) == (api_version, name):
            return kind
    raise ApplyError(f'no matches for kind "{name}" in version "{api_version}"')


def _annotated(document: Document) -> Document:
    """With the annotation by which a later `kubectl apply` knows what was applied before, unless it is too long."""
    metadata = document["metadata"]
    given = metadata.get("annotations") or {}
    if not isinstance(given, dict):
        return document  # which the server refuses
    plain = document | {"metadata": metadata | {"annotations": given}}
    applied = msgspec.json.encode(plain, order="sorted").decode() + "\n"
    if len(applied) > _LONGEST_ANNOTATIONS - 1024:
        return document
    annotations = given | {LAST_APPLIED: applied}
    return document | {"metadata": metadata | {"annotations": annotations}}


async def placed(client: Client, document: Document) -> Document:
    """The document with the namespace that it means. Raises ApplyError, ApiError, ApiAway."""
    kind = await kind_of(client, document["apiVersion"], document["kind"])
    metadata = document["metadata"]
    if not metadata.get("name"):
        raise ApplyError(f"{kind.name} without a name")
    home = {"namespace": metadata.get("namespace") or "default"} if kind.namespaced else {}
    return document | {"metadata": metadata | home}


async def apply(client: Client, document: Document) -> str:
    """Create or change one object; returns what happened to it, as kubectl says it.

    Raises ApplyError, ApiError, ApiAway.
    """
    kind = await kind_of(client, document["apiVersion"], document["kind"])
    wanted = _annotated(await placed(client, document))
    key = Key(wanted["metadata"].get("namespace", ""), wanted["metadata"]["name"])
    shown = f"{kind.name.lower()}{'.' + kind.group if kind.group else ''}/{key.name}"
    try:
        present = await client.find(kind, key)
        applied = await _apply(client, kind, key, wanted)
    except ApiError as error:
        raise ApplyError(f"{shown}: {error}", error.code) from error
    if present is None:
        return f"{shown} created"
    versions = [entry["metadata"]["resourceVersion"] for entry in (present, applied)]
    return f"{shown} {'unchanged' if versions[0] == versions[1] else 'configured'}"


async def _apply(client: Client, kind: Kind, key: Key, wanted: Document) -> Document:
    """Apply it; a pod more than once, as the account of its namespace comes a moment after that. Raises ApiError."""
    for _ in range(_TRIES if kind == PODS else 0):
        try:
            return await client.apply(kind, key, wanted)
        except ApiError as error:
            if "error looking up service account" not in str(error):
                raise
            await trio.sleep(_PAUSE)
    return await client.apply(kind, key, wanted)
