"""How long pods stay on a node that is not ready or cannot be reached (the admission plugin DefaultTolerationSeconds)."""

from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.gates import Attempt

Document = dict[str, Any]
_USUAL: tuple[Document, ...] = tuple(
    {"effect": "NoExecute", "key": f"node.kubernetes.io/{key}", "operator": "Exists",
     "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
)  # fmt: skip


def completed(_: Cluster, attempt: Attempt) -> Document:
    """A pod that tolerates both for five minutes, unless it says otherwise."""
    pod = attempt.subject
    spec = pod.get("spec")
    if not isinstance(spec, dict) or not attempt.is_about("", "pods"):
        return pod
    given = spec.get("tolerations") or []
    added = [usual for usual in _USUAL if not _is_tolerated(usual, given)]
    return pod | {"spec": spec | {"tolerations": [*given, *added]}} if added else pod


def _is_tolerated(usual: Document, given: list[Document]) -> bool:
    return any(
        entry.get("key", "") in ("", usual["key"])
        and entry.get("effect", "") in ("", usual["effect"])
        for entry in given
    )
