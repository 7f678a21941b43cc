"""What a pod asks of its node that this one does not do, and what it has to be refused for. Pure.

Containers are processes of this machine, with its network, users and file system.
"""

from collections.abc import Iterator
from typing import Any

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.references import ConfigError

_OF_PODS = (
    "dnsConfig", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "os", "resourceClaims", "securityContext",
    "setHostnameAsFQDN", "shareProcessNamespace",
)  # fmt: skip
_OF_CONTAINERS = ("securityContext", "workingDir")


def unapplied(pod: Document) -> list[str]:
    """The fields of its spec that have no effect here, but would have one on other nodes."""
    spec = pod["spec"]
    found = [f"spec.{name}" for name in _OF_PODS if spec.get(name)]
    if spec.get("hostUsers") is False:
        found.append("spec.hostUsers")
    for field in ("initContainers", "containers"):
        for container in spec.get(field) or []:
            place = f"spec.{field}[{container['name']}]"
            on_host = bool(spec.get("hostNetwork"))  # whose ports are host ports by default
            found += [f"{place}.{name}" for name in _of_container(container, on_host=on_host)]
    return found


def _of_container(container: Document, *, on_host: bool) -> Iterator[str]:
    for name in _OF_CONTAINERS:
        if container.get(name):
            yield name
    if (container.get("resources") or {}).get("limits"):
        yield "resources.limits"
    if not on_host and any(entry.get("hostPort") for entry in container.get("ports") or []):
        yield "ports.hostPort"


def check_user(container: Document, pod: Document) -> None:
    """Raises ConfigError, in the kubelet's words, where the root user is asked for and forbidden."""
    metadata = pod["metadata"]
    if _setting(container, pod, "runAsNonRoot") and _setting(container, pod, "runAsUser") == 0:
        name = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        raise ConfigError(
            "container's runAsUser breaks non-root policy "
            f'(pod: "{name}", container: {container["name"]})'
        )


def _setting(container: Document, pod: Document, name: str) -> Any:
    """A field of the container's security context, which goes before the pod's."""
    contexts = (owner.get("securityContext") or {} for owner in (container, pod["spec"]))
    return next((context[name] for context in contexts if name in context), None)
