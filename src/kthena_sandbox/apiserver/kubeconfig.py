"""The file through which every client finds the sandbox."""

import os
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any

import yaml

from kthena_sandbox.entrance import Entrance

NAME = "sandbox"


def kubeconfig(entrance: Entrance) -> dict[str, Any]:
    """A kubeconfig with one cluster, one user and one context, all named `sandbox`."""
    cluster = {"server": entrance.server}
    if entrance.ca_pem:
        cluster["certificate-authority-data"] = b64encode(entrance.ca_pem.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": entrance.token} if entrance.token else {}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "current-context": NAME,
    }


def write_kubeconfig(path: Path, entrance: Entrance) -> None:
    """Put the file in place at once, readable by its owner only. Raises OSError with the path in its text."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    except OSError as error:
        raise OSError(f"cannot write the kubeconfig {path}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        yaml.safe_dump(kubeconfig(entrance), file, sort_keys=False)
    try:
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink()
        raise OSError(f"cannot write the kubeconfig {path}: {error.strerror}") from error
