"""A container's environment and arguments as Kubernetes resolves them. Pure."""

import re
from collections.abc import Mapping

from kthena_sandbox.kinds import Document

_REFERENCE = re.compile(r"\$(\$|\((\w[\w.-]*)\))")


class ConfigError(Exception):
    """The container cannot be configured; the text says why."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` replaced by the variable, left alone where there is none; `$$` is `$`."""

    def value(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return variables.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


def variables_of(container: Document, pod: Document, address: str) -> dict[str, str]:
    """The environment. Raises ConfigError for sources that the sandbox does not read."""
    found: dict[str, str] = {}
    if container.get("envFrom"):
        raise ConfigError("envFrom is not supported in the sandbox")
    for entry in container.get("env") or []:
        source = entry.get("valueFrom")
        if source is None:
            found[entry["name"]] = expand(entry.get("value", ""), found)
        elif "fieldRef" in source:
            found[entry["name"]] = _field(source["fieldRef"]["fieldPath"], pod, address)
        else:
            kind = next(iter(source))
            raise ConfigError(f"env {entry['name']}: {kind} is not supported in the sandbox")
    return found


def _field(path: str, pod: Document, address: str) -> str:
    metadata, spec = pod["metadata"], pod["spec"]
    simple = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": "127.0.0.1",
    }
    match = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if match is not None:
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path not in simple:
        raise ConfigError(f"fieldPath {path} is not supported in the sandbox")
    return str(simple[path])


def arguments_of(container: Document, variables: Mapping[str, str]) -> list[str]:
    """`command` (without the program) and `args`, expanded."""
    given = [*(container.get("command") or [])[1:], *(container.get("args") or [])]
    return [expand(str(entry), variables) for entry in given]
