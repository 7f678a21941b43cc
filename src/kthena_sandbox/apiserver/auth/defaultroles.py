"""The roles and bindings that every cluster has from its first moment, out of `roles.yaml`."""

from functools import cache
from importlib import resources
from typing import Any

import yaml

from kthena_sandbox.apiserver.auth.authorizer import GROUP

Document = dict[str, Any]
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}


def aggregation_label(name: str) -> str:
    """The label of roles that become part of the role *name*."""
    return f"{GROUP}/aggregate-to-{name}"


@cache
def _read() -> Document:
    text = (resources.files("kthena_sandbox.apiserver.auth") / "roles.yaml").read_text("utf-8")
    read: Document = yaml.safe_load(text)
    return read


def default_roles() -> list[Document]:
    """The ClusterRoles; those that are made of others come without rules."""
    return [_role(name, entry) for name, entry in _read()["roles"].items()]


def _role(name: str, entry: Document) -> Document:
    into = {aggregation_label(entry["into"]): "true"} if "into" in entry else {}
    role: Document = {"metadata": _metadata(name, into)}
    role["rules"] = [_rule(text) for text in entry.get("rules", [])]
    if "aggregates" in entry:
        chosen = {"matchLabels": {aggregation_label(entry["aggregates"]): "true"}}
        role["aggregationRule"] = {"clusterRoleSelectors": [chosen]}
    return role


def _rule(text: str) -> Document:
    verbs, *rest = ([*part.split()] for part in text.split("|"))
    if len(rest) == 1:
        return {"nonResourceURLs": rest[0], "verbs": verbs}
    groups, listed = rest
    named = ["" if group == "core" else group for group in groups]
    return {"apiGroups": named, "resources": listed, "verbs": verbs}


def default_bindings() -> list[Document]:
    """The ClusterRoleBindings."""
    return [
        {
            "metadata": _metadata(name, {}),
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
            "subjects": [
                {"apiGroup": GROUP, "kind": "Group", "name": group} for group in groups.split()
            ],
        }
        for name, groups in _read()["bindings"].items()
    ]


def _metadata(name: str, labels: Document) -> Document:
    return {"name": name, "labels": _LABELS | labels, "annotations": dict(_ANNOTATIONS)}
