"""A container's environment and arguments as Kubernetes resolves them. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.fields import field_of, resource_of
from kthena_sandbox.kubelet.references import ConfigError, Sources, imported, selected

_REFERENCE = re.compile(r"\$(\$|\((\w[\w.-]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` replaced by the variable, left alone where there is none; `$$` is `$`."""

    def value(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return variables.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


class _Place(NamedTuple):
    container: Document
    pod: Document
    address: str


def variables_of(
    container: Document, pod: Document, address: str, sources: Sources
) -> dict[str, str]:
    """The environment: `envFrom` in its order, then `env`, which wins. Raises ConfigError."""
    namespace = pod["metadata"].get("namespace", "")
    place = _Place(container, pod, address)
    found: dict[str, str] = {}
    for entry in container.get("envFrom") or []:
        found |= imported(entry, namespace, sources)
    for entry in container.get("env") or []:
        value = _value(entry, place, sources, found)
        if value is not None:
            found[entry["name"]] = value
    return found


def _value(
    entry: Document, place: _Place, sources: Sources, found: Mapping[str, str]
) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return expand(entry.get("value", ""), found)
    if "fieldRef" in source:
        return field_of(source["fieldRef"]["fieldPath"], place.pod, place.address)
    if "resourceFieldRef" in source:
        return resource_of(source["resourceFieldRef"], place.container)
    if "configMapKeyRef" in source or "secretKeyRef" in source:
        return selected(source, place.pod["metadata"].get("namespace", ""), sources)
    kind = next(iter(source))
    raise ConfigError(f"env {entry['name']}: {kind} is not supported in the sandbox")


def arguments_of(container: Document, variables: Mapping[str, str]) -> list[str]:
    """`command` (without the program) and `args`, expanded."""
    given = [*(container.get("command") or [])[1:], *(container.get("args") or [])]
    return [expand(str(entry), variables) for entry in given]
