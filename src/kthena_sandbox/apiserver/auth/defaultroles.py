"""The roles and bindings that every cluster has from its first moment, out of `roles.yaml` and `componentroles.yaml`."""

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import yaml

from kthena_sandbox.apiserver.auth.authorizer import GROUP

Document = dict[str, Any]
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_FILES = ("roles.yaml", "componentroles.yaml")
_ROLE = "role="


def aggregation_label(name: str) -> str:
    """The label of roles that become part of the role *name*."""
    return f"{GROUP}/aggregate-to-{name}"


@cache
def _read(name: str) -> Document:
    text = (resources.files("kthena_sandbox.apiserver.auth") / name).read_text("utf-8")
    read: Document = yaml.safe_load(text)
    return read


def default_access() -> Iterator[tuple[str, str, Document]]:
    """Roles, and after them bindings, each with the plural of its kind and its namespace; roles that are made of others come without rules."""
    for read in map(_read, _FILES):
        for place, entry in read["roles"].items():
            namespace, name = _place(place)
            plural = "roles" if namespace else "clusterroles"
            yield (
                plural,
                namespace,
                _role(name, {"rules": entry} if isinstance(entry, list) else entry),
            )
    for read in map(_read, _FILES):
        for place, text in read["bindings"].items():
            namespace, name = _place(place)
            plural = "rolebindings" if namespace else "clusterrolebindings"
            kind = "Role" if namespace else "ClusterRole"
            yield plural, namespace, _binding(name, kind, text.split())


def _place(place: str) -> tuple[str, str]:
    namespace, _, name = place.rpartition("/")
    return namespace, name


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
    groups, listed, *names = rest
    named = ["" if group == "core" else group for group in groups]
    rule: Document = {"apiGroups": named, "resources": listed, "verbs": verbs}
    return rule | ({"resourceNames": names[0]} if names else {})


def _binding(name: str, kind: str, words: list[str]) -> Document:
    role = next((word.removeprefix(_ROLE) for word in words if word.startswith(_ROLE)), name)
    subjects = [_subject(word) for word in words if not word.startswith(_ROLE)]
    reference = {"apiGroup": GROUP, "kind": kind, "name": role}
    binding: Document = {"metadata": _metadata(name, {}), "roleRef": reference}
    return binding | ({"subjects": subjects} if subjects else {})


def _subject(word: str) -> Document:
    kind, _, name = word.partition(":")
    match kind:
        case "user":
            return {"apiGroup": GROUP, "kind": "User", "name": name}
        case "serviceaccount":
            namespace, _, account = name.partition(":")
            return {"kind": "ServiceAccount", "name": account, "namespace": namespace}
        case _:
            return {"apiGroup": GROUP, "kind": "Group", "name": word}


def _metadata(name: str, labels: Document) -> Document:
    return {"name": name, "labels": _LABELS | labels, "annotations": dict(_ANNOTATIONS)}
