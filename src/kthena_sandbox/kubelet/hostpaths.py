"""What has to be at the path of a `hostPath` volume: its `type`, as the kubelet checks it before it mounts."""

from collections.abc import Callable, Mapping
from pathlib import Path

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.references import ConfigError

_WANTED: Mapping[str, tuple[Callable[[Path], bool], str]] = {
    "Directory": (Path.is_dir, "a directory"),
    "File": (Path.is_file, "a file"),
    "Socket": (Path.is_socket, "a socket file"),
    "CharDevice": (Path.is_char_device, "a character device"),
    "BlockDevice": (Path.is_block_device, "a block device"),
}


def prepare(source: Document) -> None:
    """Make what may be made, and check what has to be there. Raises ConfigError, OSError."""
    path, kind = Path(source["path"]), source.get("type") or ""
    if kind == "DirectoryOrCreate" and not path.exists():
        path.mkdir(mode=0o755, parents=True)
    elif kind == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    base = kind.removesuffix("OrCreate")
    if base in _WANTED:
        holds, what = _WANTED[base]
        if not holds(path):
            raise ConfigError(f"hostPath type check failed: {path} is not {what}")
