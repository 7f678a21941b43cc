"""The volumes of one pod: made before its containers start, and kept current while they run."""

from pathlib import Path

import trio

from kthena_sandbox.client import ApiAway, ApiError
from kthena_sandbox.controllers.volumeusers import claim_of
from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet import hostpaths
from kthena_sandbox.kubelet.claimfolders import ClaimFolders
from kthena_sandbox.kubelet.podstatus import Tell
from kthena_sandbox.kubelet.references import ConfigError, Reference
from kthena_sandbox.kubelet.sources import SourceReader
from kthena_sandbox.kubelet.tokens import PodTokens
from kthena_sandbox.kubelet.volumefiles import make_within, point, write_files
from kthena_sandbox.kubelet.volumes import (
    folders_within,
    has_files,
    is_supported,
    kind_of,
    payload_of,
    place_of,
    references_of,
    wishes_of,
)

_RETRY_SECONDS = 2.0


class PodVolumes:
    """`run` makes them and keeps them; `pod_changed` when the pod's labels or annotations may have."""

    def __init__(
        self, folder: Path, sources: SourceReader, tokens: PodTokens, pod: Document, tell: Tell,
        *, claims: ClaimFolders,
    ) -> None:  # fmt: skip
        self.folder = folder
        self._sources = sources
        self._claims = claims
        self._tokens = tokens
        self._pod = pod
        self._tell = tell
        self._volumes: list[Document] = [
            volume for volume in pod["spec"].get("volumes") or [] if is_supported(volume)
        ]
        self._news = trio.Event()

    def unsupported(self) -> list[str]:
        """What the pod's other volumes are, for people."""
        listed = self._pod["spec"].get("volumes") or []
        return [
            f"{kind_of(volume)} {volume['name']}" for volume in listed if not is_supported(volume)
        ]

    def pod_changed(self, pod: Document) -> None:
        """Take over the pod's newest state."""
        before, after = self._pod["metadata"], pod["metadata"]
        self._pod = pod
        if any(before.get(name) != after.get(name) for name in ("labels", "annotations")):
            self._news.set()

    def _changed(self) -> None:
        self._news.set()

    def _references(self) -> list[Reference]:
        return [reference for volume in self._volumes for reference in references_of(volume)]

    async def run(
        self, address: str, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Follow what they are made of, until cancelled; started when all of them are there."""
        namespace = self._pod["metadata"]["namespace"]
        made = False
        with self._sources.following(namespace, self._references(), self._changed):
            while True:
                self._news = trio.Event()
                written = await self._write_all(address)
                if written and not made:
                    task_status.started()
                    made = True
                with trio.move_on_after(self._tokens.seconds_left() if written else _RETRY_SECONDS):
                    await self._news.wait()

    async def _write_all(self, address: str) -> bool:
        for volume in self._volumes:
            try:
                await self._write(volume, address)
            except ApiAway:
                return False
            except (ConfigError, ApiError, OSError) as error:
                why = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                self._tell("FailedMount", why, True)
                return False
        return True

    async def _write(self, volume: Document, address: str) -> None:
        namespace, place = self._pod["metadata"]["namespace"], place_of(volume, self.folder)
        if not has_files(volume):
            if claim := claim_of(volume, self._pod):
                point(place, await self._claims.folder_of(namespace, claim))
            elif kind_of(volume) == "emptyDir":
                place.mkdir(parents=True, exist_ok=True)
            elif kind_of(volume) == "hostPath":
                hostpaths.prepare(volume["hostPath"])
            for within in folders_within(volume, self._pod):
                make_within(place, within)
            return
        sources = await self._sources.read(namespace, references_of(volume))
        tokens = {wish: await self._tokens.get(self._pod, wish) for wish in wishes_of(volume)}
        write_files(place, payload_of(volume, self._pod, address, sources, tokens))
