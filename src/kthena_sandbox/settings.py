"""What `up` is to start."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

GUIDE_PORT = 8081


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`api_port` 0 is any free one. Empty `kubeconfig` and `state`: chosen by the sandbox."""

    api_port: int = 6443
    kubeconfig: Path | None = None
    state: Path | None = None
    apply: tuple[Path, ...] = ()
    manifests: Path | None = None
    insecure: bool = False
    router: bool = True
    router_port: int = 8080
    management_port: int = 15021
    metrics_port: int = 9090
    gateway_port: int = GUIDE_PORT
    router_args: tuple[str, ...] = ()
    demo: bool = False
    check: bool = False


def default_kubeconfig(port: int, environ: Mapping[str, str], folder: Path) -> Path:
    """The same file at every start on a port, so that `KUBECONFIG` stays right in other terminals.

    Below the user's cache, or below the machine's temporary folder where that cannot be written; with port 0, or
    where neither is ours, in *folder*, which belongs to this run.
    """
    if port:
        for base in _bases(environ):
            if _is_ours(base / "kthena-sandbox"):
                name = "kubeconfig" if port == 6443 else f"kubeconfig-{port}"
                return base / "kthena-sandbox" / name
    return folder / "kubeconfig"


def _bases(environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("HOME", "")
    if cache := environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else ""):
        yield Path(cache)
    yield Path(environ.get("TMPDIR") or tempfile.gettempdir()) / f"kthena-{os.getuid()}"


def _is_ours(place: Path) -> bool:
    """Whether a folder can be made or is there, belongs to nobody else and can be written."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place.stat().st_uid == os.getuid() and os.access(place, os.W_OK)
    except OSError:
        return False
