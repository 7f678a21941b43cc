"""The credentials that a pod finds at a well-known path, as if admission had added their volume. Pure.

https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/, "Bound service account token volume mechanism".
Only pods that run as processes get them here: mock engines do not ask the API anything.
"""

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet import images

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_NAME = "kube-api-access"
_SECONDS = 3607


def with_account(pod: Document) -> Document:
    """The pod with the volume mounted where a container has none at that path."""
    spec = pod["spec"]
    runs = any(images.program_of(entry["image"]) == "router" for entry in spec["containers"])
    if not runs or spec.get("automountServiceAccountToken") is False:
        return pod
    containers = [_mounted(container) for container in spec["containers"]]
    if containers == spec["containers"]:
        return pod
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": _SECONDS}},
        {"downwardAPI": {"items": [{"path": "namespace",
                                    "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]  # fmt: skip
    volume = {"name": _NAME, "projected": {"sources": sources}}
    volumes = [*(spec.get("volumes") or []), volume]
    return pod | {"spec": spec | {"containers": containers, "volumes": volumes}}


def _mounted(container: Document) -> Document:
    mounts = container.get("volumeMounts") or []
    if any(mount["mountPath"].rstrip("/") == ACCOUNT for mount in mounts):
        return container
    return container | {"volumeMounts": [*mounts, {"name": _NAME, "mountPath": ACCOUNT}]}
