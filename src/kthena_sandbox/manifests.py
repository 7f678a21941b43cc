"""A folder of manifests that the cluster follows: applied at the start and when a file changes, pruned when one goes.

What was applied from which file is noted in a ConfigMap, so that a restart prunes what went in the meantime. A file
that cannot be read is told about and keeps what it had applied before. A pod, of which little may be changed, is made
anew when its file changes, as the kubelet does with its own manifests.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import trio

from kthena_sandbox.applying import ApplyError, apply, kind_of, placed, read_documents
from kthena_sandbox.client import ApiAway, ApiError, Client
from kthena_sandbox.kinds import CONFIG_MAPS, PODS, Document, Key

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_FIRST = ("CustomResourceDefinition", "Namespace")
_NOTES = Key("kthena-system", "sandbox-manifests")
_POLL_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_CONFLICT, _INVALID = 409, 422
Signature = Mapping[str, tuple[int, int]]


class Reference(NamedTuple):
    """An object that a file has."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        group, slash, _ = self.api_version.partition("/")
        return f"{self.kind.lower()}{'.' + group if slash else ''}/{self.name}"


Inventory = Mapping[str, frozenset[Reference]]


@dataclass
class Files:
    """What a folder has: the objects of each file that can be read, and what is wrong with the others."""

    objects: dict[str, list[Document]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def signature(folder: Path) -> Signature:
    """By which a change of any manifest shows; hidden files and folders are none. Raises OSError."""
    found = {}
    for path in sorted(_files_below(folder, frozenset())):
        state = (
            path.stat() if path.exists() else path.lstat()
        )  # a link to nothing is read, and told about
        found[str(path.relative_to(folder))] = (state.st_mtime_ns, state.st_size)
    return found


def _files_below(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """The manifests in a folder and those below it, also behind links, which may lead back. Raises OSError."""
    real = folder.resolve()
    if real in above:
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files_below(path, above | {real})
        elif path.suffix in _SUFFIXES and (path.is_file() or not path.exists()):
            yield path


def read_files(folder: Path, names: Iterable[str]) -> Files:
    """Read the manifests, each for itself."""
    files = Files()
    for name in names:
        try:
            files.objects[name] = read_documents(folder / name)
        except ApplyError as error:
            files.broken[name] = str(error)
    return files


def gone(before: Inventory, after: Inventory) -> list[Reference]:
    """What no file has any more: what was applied last goes first."""
    kept = frozenset[Reference]().union(*after.values())
    left = frozenset[Reference]().union(*before.values()) - kept
    return sorted(left, key=lambda entry: (_rank(entry.kind), entry), reverse=True)


def _rank(kind: str) -> int:
    return -_FIRST.index(kind) - 1 if kind in _FIRST else 0


@dataclass
class Manifests:
    """The folder and what was applied from it."""

    folder: Path
    client: Client
    tell: Callable[[str], None]
    _told: frozenset[str] = frozenset()
    _replacing: bool = False  # a pod is on its way out, and another is to come

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow the folder until cancelled; the task has started when all was applied once."""
        applied: Signature | None = None
        seen: Signature | None = None
        due = 0.0
        while True:
            before, seen = seen, await self._look()
            settled = (
                seen == before or applied is None
            )  # a file that is being written changes again
            if seen is not None and settled and (seen != applied or trio.current_time() >= due):
                complete = await self._sync(seen)
                due = float("inf") if complete else trio.current_time() + _RETRY_SECONDS
                due = trio.current_time() if self._replacing else due
                applied = seen
            task_status.started()
            task_status = trio.TASK_STATUS_IGNORED
            await trio.sleep(_POLL_SECONDS)

    async def _look(self) -> Signature | None:
        """None where the folder cannot be read: one that is away for a moment must not prune everything."""
        try:
            return await trio.to_thread.run_sync(signature, self.folder)
        except OSError as error:
            why = f"manifests: {error.filename or self.folder}: {error.strerror}"
            self._tell_once([*self._told, why])
            return None

    async def _sync(self, names: Signature) -> bool:
        """Apply and prune; whether all of it could be done."""
        files = await trio.to_thread.run_sync(read_files, self.folder, names)
        faults = [f"manifests: {why}" for why in files.broken.values()]
        self._replacing = False
        try:
            before = await self._noted()
            after, refused = await self._apply(files, before)
            faults += refused
            faults += await self._prune(gone(before, after))
            if after != before:
                await self._note(after)
        except (ApiError, ApiAway) as error:
            faults.append(f"manifests: {error}")
        self._tell_once(faults)
        return len(faults) == len(files.broken)

    def _tell_once(self, faults: list[str]) -> None:
        for fault in faults:
            if fault not in self._told:
                self.tell(fault)
        self._told = frozenset(faults)

    async def _apply(
        self, files: Files, before: Inventory
    ) -> tuple[dict[str, frozenset[Reference]], list[str]]:
        after = {name: before[name] for name in files.broken if name in before}
        faults = []
        origins: dict[Reference, str] = {}
        listed = [(name, entry) for name, found in files.objects.items() for entry in found]
        for name, document in sorted(listed, key=lambda pair: _rank(pair[1]["kind"])):
            try:
                wanted = await placed(self.client, document)
                reference = _reference(wanted)
                if reference in origins:
                    raise ApplyError(f"{reference} is in {origins[reference]} already")
                origins[reference] = name
                said = await self._apply_one(wanted)
            except (ApplyError, ApiError) as error:
                faults.append(f"manifests: {self.folder / name}: {error}")
                after[name] = after.get(name, frozenset()) | _known(document, before.get(name))
            else:
                after[name] = after.get(name, frozenset()) | {reference}
                if not said.endswith(" unchanged"):
                    self.tell(said)
        return after, faults

    async def _apply_one(self, wanted: Document) -> str:
        """Apply it, or delete the pod in whose place it comes at a later look. Raises ApplyError, ApiError, ApiAway."""
        try:
            return await apply(self.client, wanted)
        except ApplyError as error:
            if error.code != _INVALID or wanted["kind"] != PODS.name:
                raise
            key = Key(wanted["metadata"].get("namespace", ""), wanted["metadata"]["name"])
            present = await self.client.find(PODS, key)
            if present is None or not await self._would_do(wanted):
                raise
            self._replacing = True
            if "deletionTimestamp" in present["metadata"]:
                return f"pod/{key.name} unchanged"
            await self.client.delete(PODS, key)
            return f"pod/{key.name} deleted, to be made anew"

    async def _would_do(self, pod: Document) -> bool:
        """Whether the pod could be made, if there were not one of its name. Raises ApiError, ApiAway."""
        try:
            await self.client.create(PODS, pod, dryRun="All")
        except ApiError as error:
            return error.code == _CONFLICT
        return True

    async def _prune(self, references: list[Reference]) -> list[str]:
        faults = []
        for reference in references:
            try:
                kind = await kind_of(self.client, reference.api_version, reference.kind)
                await self.client.delete(kind, Key(reference.namespace, reference.name))
                self.tell(f"{reference} pruned")
            except ApplyError:
                continue  # its kind went, and it with that
            except ApiError as error:
                if error.code != 404:
                    faults.append(f"manifests: {reference}: {error}")
        return faults

    async def _noted(self) -> Inventory:
        found = await self.client.find(CONFIG_MAPS, _NOTES)
        noted = json.loads((found or {}).get("data", {}).get("files", "{}"))
        return {
            name: frozenset(Reference(*entry) for entry in entries)
            for name, entries in noted.items()
        }

    async def _note(self, inventory: Inventory) -> None:
        listed = {name: sorted(entries) for name, entries in sorted(inventory.items())}
        data = {"data": {"files": json.dumps(listed)}}
        if await self.client.find(CONFIG_MAPS, _NOTES) is None:
            metadata = {"name": _NOTES.name, "namespace": _NOTES.namespace}
            await self.client.create(CONFIG_MAPS, data | {"metadata": metadata})
        else:
            await self.client.patch(CONFIG_MAPS, _NOTES, data)


def _reference(document: Document) -> Reference:
    metadata = document["metadata"]
    namespace = metadata.get("namespace", "")
    return Reference(document["apiVersion"], document["kind"], namespace, metadata["name"])


def _known(document: Document, before: frozenset[Reference] | None) -> frozenset[Reference]:
    """The object as it was applied before from the same file, so that a change that is refused does not prune it."""
    name = document["metadata"].get("name")
    kind = (document["apiVersion"], document["kind"])
    return frozenset(
        entry for entry in before or () if (entry.api_version, entry.kind, entry.name) == (*kind, name)
    )  # fmt: skip
