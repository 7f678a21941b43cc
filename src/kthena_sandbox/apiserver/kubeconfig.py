"""The file through which every client finds the sandbox."""

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

NAME = "sandbox"


def kubeconfig(server: str) -> dict[str, Any]:
    """A kubeconfig with one cluster, one user and one context, all named `sandbox`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": server}}],
        "users": [{"name": NAME, "user": {}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "current-context": NAME,
    }


def write_kubeconfig(path: Path, server: str) -> None:
    """Put the file in place at once, readable by its owner only. Raises OSError with the path in its text."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    except OSError as error:
        raise OSError(f"cannot write the kubeconfig {path}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        yaml.safe_dump(kubeconfig(server), file, sort_keys=False)
    try:
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink()
        raise OSError(f"cannot write the kubeconfig {path}: {error.strerror}") from error
