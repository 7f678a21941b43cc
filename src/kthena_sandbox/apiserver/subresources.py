"""Subresources that are views or actions on an object: scale, finalize, binding."""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from kthena_sandbox.apiserver import lifecycle, metadata as meta, verdicts
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import (
    ApiError,
    Cause,
    conflict,
    internal,
    invalid,
)
from kthena_sandbox.apiserver.gates import Attempt, Gate
from kthena_sandbox.apiserver.mutations import (
    Merge,
    Outcome,
    Transform,
    apply,
    change,
    check_address,
)
from kthena_sandbox.apiserver.options import WriteOptions
from kthena_sandbox.apiserver.recognising import check_kind
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.resources import ResourceType, ScalePaths
from kthena_sandbox.schema.builtin import schema_of
from kthena_sandbox.schema.labels import selector_text
from kthena_sandbox.schema.names import qualified_problems
from kthena_sandbox.schema.reading import at, table_of

Document = dict[str, Any]
SCALE = ResourceType(
    "autoscaling", "v1", "Scale", "scales", "scale", namespaced=True, list_kind="ScaleList",
    schema=schema_of("autoscaling", "Scale"),
)  # fmt: skip

_BINDINGS = ResourceType(
    "", "v1", "Pod", "pods/binding", "pod", namespaced=True, list_kind=""
)  # as conflicts tell of it
_BUILTIN = ScalePaths(".spec.replicas", ".status.replicas")


def scale_of(resource: ResourceType, document: Document) -> Document:
    """The `autoscaling/v1` Scale of an object. Raises ApiError 500 where a custom one has no number of replicas."""
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata, paths = document["metadata"], resource.scale_paths or _BUILTIN
    replicas = at(document, paths.spec.lstrip("."))
    if replicas is None and resource.custom:
        raise internal(f'the spec replicas field "{paths.spec}" does not exist')
    shown: Document = {"replicas": at(document, paths.status.lstrip(".")) or 0}
    if resource.custom:
        selector = at(document, paths.selector.lstrip(".")) if paths.selector else ""
    else:
        chosen = table_of(document, "spec.selector")
        plain = resource.kind == "ReplicationController"  # which knows labels alone
        selector = selector_text({"matchLabels": chosen} if plain else chosen)
    if selector:
        shown["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in names if name in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown,
    }


def _with_replicas(resource: ResourceType, document: Document, replicas: int) -> Document:
    path = (resource.scale_paths or _BUILTIN).spec.lstrip(".").split(".")
    return _with_value(document, path, replicas)


def _with_value(document: Document, path: list[str], value: int) -> Document:
    name, *rest = path
    inner = document.get(name)
    below = inner if isinstance(inner, dict) else {}
    return document | {name: _with_value(below, rest, value) if rest else value}


@dataclass(frozen=True)
class _ScaleGate:
    """Shows a Scale to those who are asked, in place of the object whose size it is."""

    behind: Gate

    def mutated(self, attempt: Attempt) -> Document:
        """The object with the size that others want. Raises ApiError."""
        shown = _shown_as_scale(attempt)
        scale = self.behind.mutated(shown)
        if scale == shown.new:
            return attempt.subject
        replicas = (scale.get("spec") or {}).get("replicas") or 0
        return _with_replicas(attempt.resource, attempt.subject, replicas)

    def validate(self, attempt: Attempt) -> None:
        """Raises ApiError where it may not be."""
        self.behind.validate(_shown_as_scale(attempt))

    def warnings(self) -> tuple[str, ...]:
        """What the client is to be told."""
        return self.behind.warnings()


def _shown_as_scale(attempt: Attempt) -> Attempt:
    new, old = (side and scale_of(attempt.resource, side) for side in (attempt.new, attempt.old))
    return replace(attempt, new=new, old=old, shape=SCALE)


def rescale(
    cluster: Cluster, resource: ResourceType, key: Key, transform: Transform, options: WriteOptions
) -> Outcome:
    """Write the number of replicas through the Scale. Raises ApiError 400, 404, 409 or 422."""

    def scaled(document: Document) -> Document:
        scale = transform(_with_owners(scale_of(resource, document), resource, document))
        check_address(key, scale)
        replicas = (scale.get("spec") or {}).get("replicas") or 0
        version = (scale.get("metadata") or {}).get("resourceVersion", "")
        if version not in {"", document["metadata"]["resourceVersion"]}:
            raise conflict(resource, key.name)
        if replicas < 0:
            text = f"Invalid value: {replicas}: must be greater than or equal to 0"
            raise invalid(SCALE, key.name, [Cause("FieldValueInvalid", text, "spec.replicas")])
        return _with_replicas(resource, document, replicas)

    shown = replace(options, gate=_ScaleGate(options.gate))
    outcome = change(cluster, resource, key, scaled, shown)
    return Outcome(scale_of(resource, outcome.document), outcome.code, outcome.warnings)


def _with_owners(scale: Document, resource: ResourceType, document: Document) -> Document:
    """A Scale with those who own the number of replicas, as a refused patch quotes it."""
    *above, last = (
        f"f:{part}" for part in (resource.scale_paths or _BUILTIN).spec.lstrip(".").split(".")
    )
    own = {"apiVersion": SCALE.api_version, "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    owners = [
        entry | own
        for entry in document["metadata"].get("managedFields", [])
        if last in reduce(lambda fields, part: fields.get(part, {}), above, entry["fieldsV1"])
    ]
    managed = {"managedFields": owners} if owners else {}
    return scale | {"metadata": scale["metadata"] | managed}


def apply_scale(
    cluster: Cluster, resource: ResourceType, key: Key, config: Document, options: WriteOptions
) -> Outcome:
    """Server-side apply of a Scale, which owns the number of replicas of the object. Raises ApiError as an apply does."""
    scale = check_kind(SCALE, config)
    named = scale.get("metadata")
    metadata = named if isinstance(named, dict) else {}
    own: Document = {"apiVersion": resource.api_version, "kind": resource.kind}
    replicas = (scale.get("spec") or {}).get("replicas")
    given = own | {"metadata": metadata}
    if replicas is not None:
        given = _with_replicas(resource, given, replicas)
    try:
        outcome = apply(
            cluster, resource, key, given, replace(options, gate=_ScaleGate(options.gate))
        )
    except ApiError as error:
        raise _about_scale(error, resource) from error
    return Outcome(scale_of(resource, outcome.document), outcome.code, outcome.warnings)


def _about_scale(error: ApiError, resource: ResourceType) -> ApiError:
    """Conflicts are told in the version of the Scale."""
    own, shown = f" using {resource.api_version}", f" using {SCALE.api_version}"
    causes = [
        cause | {"message": cause["message"].replace(own, shown)}
        for cause in error.details.get("causes", ())
    ]
    if error.code != 409 or not causes:
        return error
    message = error.message.replace(own, shown)
    return ApiError(error.code, error.reason, message, error.details | {"causes": causes})


def finalized(resource: ResourceType, new: Document, old: Document, _: Surroundings) -> Document:
    """The merge of `namespaces/finalize`: metadata and `spec.finalizers` are taken, the status stays.

    Raises ApiError 422.
    """
    finalizers = (new.get("spec") or {}).get("finalizers") or []
    if wrong := [
        cause for place, name in enumerate(finalizers) for cause in _finalizer_causes(place, name)
    ]:
        raise invalid(resource, old["metadata"]["name"], wrong)
    metadata = meta.for_update(new["metadata"], old["metadata"])
    return old | {"metadata": metadata, "spec": {"finalizers": finalizers} if finalizers else {}}


def _finalizer_causes(place: int, name: str) -> list[Cause]:
    problems = qualified_problems(name)
    if not problems and "/" not in name and name != "kubernetes":
        problems = ["name is neither a standard finalizer name nor is it fully qualified"]
    field = f"spec.finalizers[{place}]"
    return [
        Cause("FieldValueInvalid", f'Invalid value: "{name}": {problem}', field)
        for problem in problems
    ]


def _target_of(binding: Document) -> str:
    """The node of a Binding. Raises ApiError 500, as a kube-apiserver does."""
    target = binding.get("target") or {}
    kind, name = target.get("kind") or "", target.get("name") or ""
    problems = []
    if kind not in {"", "Node"}:
        text = f'Unsupported value: "{kind}": supported values: "Node", "<empty>"'
        problems.append(f"target.kind: {text}")
    if not name:
        problems.append("target.name: Required value")
    if problems:
        shown = ", ".join(problems)
        raise ApiError(500, "", shown if len(problems) == 1 else f"[{shown}]")
    return str(name)


def bind(
    cluster: Cluster, resource: ResourceType, key: Key, binding: Document, options: WriteOptions
) -> Outcome:
    """`pods/binding`: put a pod on a node, with the annotations of the Binding. Raises ApiError 404, 409 or 500."""
    node, annotations = _target_of(binding), binding["metadata"].get("annotations")

    def bound(document: Document) -> Document:
        if document["spec"].get("nodeName"):
            why = f'pod {key.name} is already assigned to node "{document["spec"]["nodeName"]}"'
            raise conflict(_BINDINGS, key.name, why)
        placed = document | {"spec": document["spec"] | {"nodeName": node}}
        if not annotations:
            return placed
        metadata = document["metadata"]
        merged = (metadata.get("annotations") or {}) | annotations
        return placed | {"metadata": metadata | {"annotations": merged}}

    untracked = replace(options, tracked=False)
    change(cluster, resource, key, bound, untracked, merge=_keep_all, checked=False)
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return Outcome(status | {"code": 201}, 201)


def _keep_all(_: ResourceType, new: Document, *__: object) -> Document:
    return new


MERGES: dict[str, Merge] = {
    "": lifecycle.changed_object,
    "status": verdicts.told,
    "approval": verdicts.approved,
    "finalize": finalized,
}
