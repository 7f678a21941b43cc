"""What `up` is to start."""

import os
import tempfile
from collections.abc import Mapping
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

    With port 0 it lies in *folder*, which belongs to this run.
    """
    if not port:
        return folder / "kubeconfig"
    home = environ.get("HOME", "")
    cache = environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    base = Path(cache) if cache else Path(tempfile.gettempdir()) / f"kthena-{os.getuid()}"
    return base / "kthena-sandbox" / ("kubeconfig" if port == 6443 else f"kubeconfig-{port}")
