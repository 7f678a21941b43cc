"""ControllerRevisions: the history of the templates of StatefulSets and DaemonSets, which `kubectl rollout` reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.ownership import (
    adopted,
    claim,
    controller_uid,
    labels_of,
    reference_to,
)
from kthena_sandbox.controllers.rollout import template_hash
from kthena_sandbox.kinds import DAEMON_SETS, REVISIONS, Document, key_of, uid_of
from kthena_sandbox.mirror import Mirror

HASH = "controller-revision-hash"
_HASH_OF_REVISION = "controller.kubernetes.io/hash"


def data_of(owner: Document) -> Document:
    """The present template as a strategic patch that replaces another one."""
    return {"spec": {"template": owner["spec"]["template"] | {"$patch": "replace"}}}


def new_revision(owner: Document, number: int) -> Document:
    """The revision of the present template. Pure."""
    digest = template_hash(owner["spec"]["template"], 0)
    metadata = owner["metadata"]
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    label = HASH if owner["kind"] == DAEMON_SETS.name else _HASH_OF_REVISION
    annotations = metadata.get("annotations") or {}
    return {
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "namespace": metadata["namespace"],
            "labels": labels | {label: digest},
            "ownerReferences": [reference_to(owner)],
        }
        | ({"annotations": annotations} if annotations else {}),
        "data": data_of(owner),
        "revision": number,
    }


def revision_of(pod: Document) -> str:
    """The revision that a pod was made of: its name, for a pod of a DaemonSet its hash alone."""
    return str(labels_of(pod).get(HASH, ""))


def hash_of(revision: Document) -> str:
    """How the pods of a DaemonSet call a revision."""
    return str(labels_of(revision).get(HASH, ""))


def outdated(history: Sequence[Document], limit: int, in_use: Iterable[str]) -> list[Document]:
    """Revisions beyond the limit that no pod is of, the oldest first. Pure."""
    kept = set(in_use)
    unused = [entry for entry in history if not kept & {entry["metadata"]["name"], hash_of(entry)}]
    return unused[: max(0, len(unused) - limit)]


@dataclass(frozen=True)
class History:
    """Keeps the revisions of owners. Raises ApiError, ApiAway."""

    client: Client
    revisions: Mirror

    def of(self, owner: Document) -> list[Document]:
        """The owner's revisions, the newest last."""
        owned = [
            entry for entry in self.revisions.objects.values()
            if controller_uid(entry) == uid_of(owner)
        ]  # fmt: skip
        return sorted(owned, key=lambda entry: int(entry["revision"]))

    async def current(self, owner: Document) -> Document:
        """The revision of the present template; one that it had before becomes the newest again."""
        await self._adopt(owner)
        history = self.of(owner)
        wanted = data_of(owner)
        newest = int(history[-1]["revision"]) if history else 0
        found = next((entry for entry in history if entry["data"] == wanted), None)
        if found is None:
            created = await self.client.create(REVISIONS, new_revision(owner, newest + 1))
            return self.revisions.note(created)
        if found is not history[-1]:
            change = {"revision": newest + 1}
            return self.revisions.note(await self.client.patch(REVISIONS, key_of(found), change))
        return found

    async def _adopt(self, owner: Document) -> None:
        """Take over revisions that an owner before has left."""
        for entry in claim(owner, list(self.revisions.objects.values())).adopt:
            change = adopted(entry, owner)
            self.revisions.note(await self.client.patch(REVISIONS, key_of(entry), change))

    async def forget(self, owner: Document, in_use: Iterable[str]) -> None:
        """Delete what lies beyond `revisionHistoryLimit`."""
        limit = int(owner["spec"].get("revisionHistoryLimit", 10))
        for entry in outdated(self.of(owner), limit, in_use):
            try:
                await self.client.delete(REVISIONS, key_of(entry), uid_of(entry))
            except ApiError as error:
                if error.code != 404:
                    raise
