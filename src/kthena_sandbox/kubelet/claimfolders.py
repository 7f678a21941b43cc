"""Where the volumes of claims are on this machine."""

from pathlib import Path

from kthena_sandbox.client import Client
from kthena_sandbox.kinds import CLAIMS, VOLUMES, Document, Key
from kthena_sandbox.kubelet.references import ConfigError

_MADE = frozenset({"DirectoryOrCreate"})
_UNCHECKED = frozenset({"", "DirectoryOrCreate"})


class ClaimFolders:
    """Finds the folder of a claim's volume."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def folder_of(self, namespace: str, name: str) -> Path:
        """The folder, made where the volume says so. Raises ConfigError, ApiError, ApiAway, OSError."""
        claim = await self._client.find(CLAIMS, Key(namespace, name))
        if claim is None:
            raise ConfigError(f'persistentvolumeclaim "{name}" not found')
        volume_name = claim["spec"].get("volumeName", "")
        volume = await self._client.find(VOLUMES, Key("", volume_name)) if volume_name else None
        if volume is None or (claim.get("status") or {}).get("phase") != "Bound":
            raise ConfigError(f'PersistentVolumeClaim "{namespace}/{name}" is not bound')
        return _folder_of(volume)


def _folder_of(volume: Document) -> Path:
    spec, name = volume["spec"], volume["metadata"]["name"]
    if (spec.get("volumeMode") or "Filesystem") != "Filesystem":
        raise ConfigError(f'volume "{name}" is a block volume, and the sandbox has only folders')
    if (source := spec.get("hostPath")) is not None:
        path, kind = Path(source["path"]), source.get("type", "")
        if kind in _MADE:
            path.mkdir(parents=True, exist_ok=True)
        elif kind not in _UNCHECKED and not path.exists():
            raise ConfigError(f"hostPath type check failed: {path} is not a {kind.lower()}")
        return path
    if (source := spec.get("local")) is None:
        raise ConfigError(
            f'volume "{name}" is neither hostPath nor local, and the sandbox has no other'
        )
    path = Path(source["path"])
    if not path.exists():
        raise ConfigError(f'path "{path}" does not exist')
    return path
