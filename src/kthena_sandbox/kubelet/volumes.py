"""What is in a pod's volumes, and where their mounts are on this machine. Pure.

A process of the sandbox has no file system of its own: each volume is a folder, and the mount paths in arguments and
environment become paths into it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.environment import expand
from kthena_sandbox.kubelet.fields import file_of, resource_of
from kthena_sandbox.kubelet.references import ConfigError, Reference, Sources, content_of

_CLAIMED = ("persistentVolumeClaim", "ephemeral")
_FOLDERS = ("emptyDir", "hostPath", *_CLAIMED)
_FILES = ("configMap", "secret", "downwardAPI", "projected")
_DEFAULT_MODE = 0o644
_TOKEN_SECONDS = 3600
_PLUGINS = {"emptyDir": "empty-dir", "downwardAPI": "downward-api"}


@dataclass(frozen=True)
class File:
    """One file of a volume."""

    content: bytes
    mode: int = _DEFAULT_MODE


@dataclass(frozen=True)
class TokenWish:
    """A token that a projected volume asks for."""

    audience: str = ""
    seconds: int = _TOKEN_SECONDS


Payload = dict[str, File]
Tokens = Mapping[TokenWish, str]


def kind_of(volume: Document) -> str:
    """Which source a volume has: `configMap`, `secret`, `emptyDir`."""
    return next((field for field in volume if field != "name"), "emptyDir")


def is_supported(volume: Document) -> bool:
    """Whether the sandbox can make it."""
    return kind_of(volume) in _FOLDERS + _FILES


def has_files(volume: Document) -> bool:
    """Whether the kubelet writes what is in it."""
    return kind_of(volume) in _FILES


def place_of(volume: Document, folder: Path) -> Path:
    """Where a volume is, below the pod's *folder* as a kubelet has it."""
    kind = kind_of(volume)
    if kind == "hostPath":
        return Path(volume["hostPath"]["path"])
    plugin = "local-volume" if kind in _CLAIMED else _PLUGINS.get(kind, kind.lower())
    return folder / "volumes" / f"kubernetes.io~{plugin}" / str(volume["name"])


def _parts(volume: Document) -> Iterator[tuple[str, Document]]:
    """The sources of a volume with their kinds."""
    kind = kind_of(volume)
    if kind != "projected":
        yield kind, volume[kind] or {}
        return
    for source in volume["projected"].get("sources") or []:
        yield from source.items()


def _reference(kind: str, part: Document) -> Reference:
    chosen: Literal["ConfigMap", "Secret"] = "ConfigMap" if kind == "configMap" else "Secret"
    return Reference(chosen, part.get("name") or part.get("secretName") or "")


def references_of(volume: Document) -> Iterator[Reference]:
    """The objects that it takes from."""
    if has_files(volume):
        for kind, part in _parts(volume):
            if kind in {"configMap", "secret"}:
                yield _reference(kind, part)


def wishes_of(volume: Document) -> Iterator[TokenWish]:
    """The tokens that it asks for."""
    if kind_of(volume) == "projected":
        for kind, part in _parts(volume):
            if kind == "serviceAccountToken":
                yield _wish(part)


def _wish(part: Document) -> TokenWish:
    return TokenWish(part.get("audience", ""), int(part.get("expirationSeconds") or _TOKEN_SECONDS))


def payload_of(
    volume: Document, pod: Document, address: str, sources: Sources, tokens: Tokens
) -> Payload:
    """The files of a volume. Raises ConfigError with the kubelet's words."""
    default = (volume.get(kind_of(volume)) or {}).get("defaultMode") or _DEFAULT_MODE
    files: Payload = {}
    for kind, part in _parts(volume):
        if kind in {"configMap", "secret"}:
            files |= _of_object(_reference(kind, part), part, sources, default)
        elif kind == "downwardAPI":
            files |= _of_pod(part, pod, address, default)
        elif kind == "serviceAccountToken":
            files[part["path"]] = File(tokens[_wish(part)].encode(), default)
        else:
            raise ConfigError(f"projected source {kind} is not supported in the sandbox")
    return files


def _of_object(reference: Reference, part: Document, sources: Sources, default: int) -> Payload:
    document = sources.get(reference)
    if document is None:
        if part.get("optional"):
            return {}
        raise ConfigError(f'{reference.kind.lower()} "{reference.name}" not found')
    content = content_of(document)
    if not (items := part.get("items")):
        return {key: File(value, default) for key, value in content.items()}
    files: Payload = {}
    for item in items:
        if item["key"] in content:
            files[item["path"]] = File(content[item["key"]], item.get("mode") or default)
        elif not part.get("optional"):
            what = "config" if reference.kind == "ConfigMap" else "secret"
            kind = reference.kind.lower()
            raise ConfigError(f"{kind} references non-existent {what} key: {item['key']}")
    return files


def _of_pod(part: Document, pod: Document, address: str, default: int) -> Payload:
    files: Payload = {}
    for item in part.get("items") or []:
        if "fieldRef" in item:
            text = file_of(item["fieldRef"]["fieldPath"], pod, address)
        else:
            wanted = item["resourceFieldRef"]
            containers = pod["spec"]["containers"]
            named = (entry for entry in containers if entry["name"] == wanted.get("containerName"))
            text = resource_of(wanted, next(named, {}))
        files[item["path"]] = File(text.encode(), item.get("mode") or default)
    return files


def mounts_of(
    container: Document, pod: Document, folder: Path, variables: Mapping[str, str]
) -> dict[str, Path]:
    """Where a container's mount paths are on this machine, the longest first."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or []}
    found: dict[str, Path] = {}
    for mount in container.get("volumeMounts") or []:
        volume = volumes.get(mount["name"])
        if volume is None or not is_supported(volume):
            continue
        within = mount.get("subPath") or expand(mount.get("subPathExpr", ""), variables)
        place = place_of(volume, folder)
        found[mount["mountPath"].rstrip("/") or "/"] = place / within if within else place
    return dict(sorted(found.items(), key=lambda pair: len(pair[0]), reverse=True))


def folders_within(volume: Document, pod: Document) -> Iterator[str]:
    """The folders in a volume that are mounted by themselves, which a kubelet makes."""
    for container in pod["spec"]["containers"]:
        for mount in container.get("volumeMounts") or []:
            if mount["name"] == volume["name"] and mount.get("subPath"):
                yield str(mount["subPath"])


def pointed(text: str, mounts: Mapping[str, Path]) -> str:
    """*text* with every path below a mount pointed to where that is; other paths stay."""
    if not mounts:
        return text
    paths = "|".join(re.escape(path) for path in mounts)
    form = re.compile(rf"(?<![\w./-])({paths})(?![\w.-])")
    return form.sub(lambda match: str(mounts[match[1]]), text)
