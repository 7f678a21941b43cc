"""Puts a volume's files in place: all of a change at once, as the kubelet's atomic writer does.

The files are links to `..data/<name>`, and `..data` is a link to a folder that is never changed but replaced, so that
who reads several files never sees half of a change (kubernetes/pkg/volume/util/atomic_writer.go).
"""

import shutil
import tempfile
from pathlib import Path, PurePosixPath

from kthena_sandbox.kubelet.references import ConfigError
from kthena_sandbox.kubelet.volumes import Payload

_DATA = "..data"


def write_files(folder: Path, payload: Payload) -> bool:
    """Make *payload* the content of the volume; whether anything was to be changed. Raises ConfigError, OSError."""
    for path in payload:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or not path:
            raise ConfigError(f"invalid path {path!r}: must be relative and without '..'")
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / _DATA
    before = data.resolve() if data.is_symlink() else None
    if before is not None and _is_written(before, payload):
        return False
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    fresh.chmod(0o755)
    for path, file in payload.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    link = folder / "..data_tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.replace(data)
    _link_names(folder, {PurePosixPath(path).parts[0] for path in payload})
    if before is not None:
        shutil.rmtree(before)
    return True


def _is_written(place: Path, payload: Payload) -> bool:
    present = {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }
    return present == {path: file.content for path, file in payload.items()}


def _link_names(folder: Path, names: set[str]) -> None:
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{_DATA}/{name}")


def point(place: Path, target: Path) -> None:
    """Make *place* the way to a folder that outlives the pod."""
    if place.is_symlink() and place.readlink() == target:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def make_within(place: Path, within: str) -> None:
    """Make a folder in a volume, unless there is something of that name."""
    inner = place / within
    if not inner.exists():
        inner.mkdir(parents=True)
