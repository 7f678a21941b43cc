"""What a kube-apiserver warns of in Services, pods and what makes pods, although they may be written.

They are a part of the warnings of `k8s.io/kubernetes/pkg/api/{service,pod}`: those about what people write by mistake.
"""

from collections.abc import Callable, Iterator
from typing import Any

from kthena_sandbox.schema.names import label_problems
from kthena_sandbox.schema.quantities import parse_quantity
from kthena_sandbox.schema.reading import at, maps, table_of, text

Document = dict[str, Any]
Warn = Callable[[Document, Document | None], list[str]]
_OLD_LABELS = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
}


def of_service(service: Document, _: Document | None) -> list[str]:
    """A Service: what its type makes no use of."""
    found = []
    if text(service, "spec.externalName") and text(service, "spec.type") != "ExternalName":
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    headless = text(service, "spec.clusterIP") == "None"
    if headless and text(service, "spec.sessionAffinity", "None") != "None":
        found.append("spec.SessionAffinity is ignored for headless services")
    return found


def of_pod(pod: Document, old: Document | None) -> list[str]:
    """A new Pod."""
    if old is not None:
        return []
    return [*_of_name(pod, "the Pod's hostname"), *_of_spec(table_of(pod, "spec"), "spec")]


def of_template(workload: Document, old: Document | None) -> list[str]:
    """What makes pods, where it is new or makes others than before."""
    said = [] if old is not None else [*_of_name(workload, "Pod names and hostnames")]
    template = at(workload, "spec.template")
    if old is not None and template == at(old, "spec.template"):
        return said
    return [*said, *_of_spec(table_of(template, "spec"), "spec.template.spec")]


def of_cron_job(cron_job: Document, old: Document | None) -> list[str]:
    """A new CronJob, whose name pods will have."""
    return [] if old is not None else [*_of_name(cron_job, "Pod names and hostnames")]


def _of_name(document: Document, use: str) -> Iterator[str]:
    problems = label_problems(document["metadata"].get("name", ""))
    if problems:
        yield (
            f"metadata.name: this is used in {use}, which can result in surprising behavior; "
            f"a DNS label is recommended: [{' '.join(problems)}]"
        )


def _of_spec(spec: Document, path: str) -> Iterator[str]:
    for key in sorted(table_of(spec, "nodeSelector")):
        if key in _OLD_LABELS:
            yield f'{path}.nodeSelector[{key}]: deprecated since v1.14; use "{_OLD_LABELS[key]}" instead'
    addresses: set[str] = set()
    for index, entry in enumerate(maps(spec, "hostAliases")):
        address = text(entry, "ip")
        if address in addresses:
            yield f'{path}.hostAliases[{index}].ip: duplicate ip "{address}"'
        addresses.add(address)
    for index, entry in enumerate(maps(spec, "imagePullSecrets")):
        if not text(entry, "name"):
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
    for field in ("initContainers", "containers"):
        for index, container in enumerate(maps(spec, field)):
            yield from _of_container(container, f"{path}.{field}[{index}]")


def _of_container(container: Document, path: str) -> Iterator[str]:
    for part in ("limits", "requests"):
        memory = at(container, f"resources.{part}.memory")
        amount = None if memory is None else parse_quantity(str(memory))
        if amount is not None and amount % 1:
            yield f'{path}.resources.{part}[memory]: fractional byte value "{memory}" is invalid, must be an integer'
    names: set[str] = set()
    for index, variable in enumerate(maps(container, "env")):
        name = text(variable, "name")
        if name in names:
            yield f'{path}.env[{index}]: hides previous definition of "{name}", which may be dropped when using apply'
        names.add(name)
    yield from _of_ports(maps(container, "ports"), path)


def _of_ports(ports: list[Document], path: str) -> Iterator[str]:
    seen: dict[tuple[Any, ...], int] = {}
    for index, port in enumerate(ports):
        identity = tuple(port.get(name) for name in ("containerPort", "protocol", "hostIP", "hostPort"))  # fmt: skip
        if identity in seen:
            yield f"{path}.ports[{index}]: duplicate port definition with {path}.ports[{seen[identity]}]"
        seen.setdefault(identity, index)
