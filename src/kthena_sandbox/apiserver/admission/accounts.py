"""What pods get from their service account (the ServiceAccount admission plugin): its name, secrets for images, a token.

There has to be one. Its namespace's own comes from a controller, so who creates a pod too soon has to try again.
"""

from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.storage import CollectionKey, Key

Document = dict[str, Any]
PLUGIN = "ServiceAccount"
_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_SECONDS = 3607
_CONTAINERS = ("containers", "initContainers")


def completed(cluster: Cluster, attempt: Attempt) -> Document:
    """A new pod with the account `default` where it names none, and with the token of its account.

    Raises ApiError 403 where there is no such account.
    """
    if (
        PLUGIN in cluster.disabled_plugins
        or attempt.operation != "CREATE"
        or not attempt.is_about("", "pods")
    ):
        return attempt.subject
    pod, spec = attempt.subject, attempt.subject.get("spec") or {}
    name = spec.get("serviceAccountName") or "default"
    key = Key(pod["metadata"].get("namespace", ""), name)
    account = cluster.store.get(CollectionKey("", "serviceaccounts"), key)
    if account is None:
        why = (
            f"error looking up service account {key.namespace}/{name}: "
            f'serviceaccount "{name}" not found'
        )
        raise forbidden(attempt.resource, attempt.asked_name, why)
    named = spec | {"serviceAccountName": name, "serviceAccount": name}
    if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        named["imagePullSecrets"] = account["imagePullSecrets"]
    if _is_wanted(spec, account):
        named = _with_token(named, f"kube-api-access-{cluster.suffix()}")
    return pod | {"spec": named}


def _is_wanted(spec: Document, account: Document) -> bool:
    chosen = spec.get("automountServiceAccountToken")
    return bool(account.get("automountServiceAccountToken", True) if chosen is None else chosen)


def _with_token(spec: Document, volume: str) -> Document:
    mount = {"name": volume, "mountPath": _MOUNT, "readOnly": True}
    containers = {
        field: [_mounted(entry, mount) for entry in spec[field]]
        for field in _CONTAINERS
        if spec.get(field)
    }
    changed = spec | containers
    if changed == spec:  # all have something of their own there
        return spec
    return changed | {"volumes": [*(spec.get("volumes") or []), _volume(volume)]}


def _mounted(container: Document, mount: Document) -> Document:
    mounts = container.get("volumeMounts") or []
    if any(entry.get("mountPath") == _MOUNT for entry in mounts):
        return container
    return container | {"volumeMounts": [*mounts, mount]}


def _volume(name: str) -> Document:
    namespace = {
        "path": "namespace",
        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
    }
    sources = [
        {"serviceAccountToken": {"expirationSeconds": _SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
