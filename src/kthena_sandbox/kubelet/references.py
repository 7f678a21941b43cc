"""Which ConfigMaps and Secrets a pod takes from, and what they hold. Pure."""

import base64
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from kthena_sandbox.kinds import Document


class ConfigError(Exception):
    """The container cannot be configured; the text says why, in the kubelet's words."""


class Reference(NamedTuple):
    """One object of the pod's namespace."""

    kind: Literal["ConfigMap", "Secret"]
    name: str


Sources = Mapping[Reference, Document | None]  # None: it is not there


def content_of(document: Document) -> dict[str, bytes]:
    """The values of a ConfigMap (`data` and `binaryData`) or of a Secret (`data`)."""
    encoded = document.get("binaryData") or {}
    plain = document.get("data") or {}
    if document.get("kind") == "Secret":
        plain, encoded = {}, plain
    values = {key: str(value).encode() for key, value in plain.items()}
    return values | {key: base64.b64decode(value) for key, value in encoded.items()}


def of_environment(container: Document) -> Iterator[Reference]:
    """What `env` and `envFrom` take from."""
    for entry in container.get("envFrom") or []:
        for kind, field in _FROM:
            if field in entry:
                yield Reference(kind, entry[field].get("name", ""))
    for entry in container.get("env") or []:
        for kind, field in _KEYS:
            if field in (entry.get("valueFrom") or {}):
                yield Reference(kind, entry["valueFrom"][field].get("name", ""))


_FROM: tuple[tuple[Literal["ConfigMap", "Secret"], str], ...] = (
    ("ConfigMap", "configMapRef"), ("Secret", "secretRef"),
)  # fmt: skip
_KEYS: tuple[tuple[Literal["ConfigMap", "Secret"], str], ...] = (
    ("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef"),
)  # fmt: skip


def imported(entry: Document, namespace: str, sources: Sources) -> dict[str, str]:
    """The variables of one entry of `envFrom`. Raises ConfigError."""
    kind, field = next(pair for pair in _FROM if pair[1] in entry)
    source = entry[field]
    found = _found(Reference(kind, source.get("name", "")), namespace, source, sources)
    prefix = entry.get("prefix", "")
    return {prefix + key: value.decode(errors="replace") for key, value in found.items()}


def selected(source: Document, namespace: str, sources: Sources) -> str | None:
    """The value of a `configMapKeyRef` or `secretKeyRef`; None where it is optional and not there. Raises ConfigError."""
    kind, field = next(pair for pair in _KEYS if pair[1] in source)
    wanted = source[field]
    reference = Reference(kind, wanted.get("name", ""))
    found = _found(reference, namespace, wanted, sources)
    if wanted["key"] in found:
        return found[wanted["key"]].decode(errors="replace")
    if wanted.get("optional"):
        return None
    raise ConfigError(f"couldn't find key {wanted['key']} in {kind} {namespace}/{reference.name}")


def _found(
    reference: Reference, namespace: str, source: Document, sources: Sources
) -> dict[str, bytes]:
    document = sources.get(reference)
    if document is not None:
        return content_of(document)
    if source.get("optional"):
        return {}
    raise ConfigError(f'{reference.kind.lower()} "{reference.name}" not found')
