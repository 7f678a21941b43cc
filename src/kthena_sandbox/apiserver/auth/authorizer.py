"""Roles and bindings of the cluster: who may do what, and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from kthena_sandbox.apiserver.auth.identity import MASTERS, User, account_name
from kthena_sandbox.apiserver.auth.rules import Attributes, Rule, allows
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import ApiError, details_of
from kthena_sandbox.apiserver.storage import CollectionKey, Key

Document = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"
_COLLECTIONS = {
    kind: CollectionKey(GROUP, f"{kind.lower()}s")
    for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
}
_MOST_KNOWN = 1000  # users, each with each namespace; a token is a user of its own


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, and what says so (or what could not be asked)."""

    allowed: bool
    reason: str = ""


class Granted(NamedTuple):
    """A rule that holds for somebody, and the binding that says so."""

    source: str
    rule: Rule


class Grants(NamedTuple):
    """All rules of somebody in a namespace, and the roles that are missing."""

    granted: tuple[Granted, ...]
    errors: tuple[str, ...]

    @property
    def rules(self) -> list[Rule]:
        """The rules alone."""
        return [entry.rule for entry in self.granted]


class Authorizer:
    """RBAC over one cluster. What it finds out about a user is kept until a role or binding changes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[tuple[User, str], Grants] = {}
        self._state: tuple[int, ...] = ()

    def decide(self, wanted: Attributes) -> Decision:
        """Whether *wanted* may be done."""
        if MASTERS in wanted.user.groups:
            return Decision(True)
        found = self.grants(wanted.user, wanted.namespace)
        for source, rule in found.granted:
            if allows(rule, wanted):
                return Decision(True, f"RBAC: allowed by {source}")
        return Decision(False, f"RBAC: {_aggregate(found.errors)}" if found.errors else "")

    def check(self, wanted: Attributes) -> None:
        """Raises ApiError 403 where *wanted* may not be done."""
        decision = self.decide(wanted)
        if not decision.allowed:
            raise refusal(wanted, decision.reason)

    def grants(self, user: User, namespace: str) -> Grants:
        """What the bindings give to *user*, cluster-wide and in *namespace*."""
        state = tuple(self._cluster.store.collection(key).written for key in _COLLECTIONS.values())
        if state != self._state or len(self._known) > _MOST_KNOWN:
            self._known.clear()
            self._state = state
        place = (user, namespace)
        if place not in self._known:
            self._known[place] = self._find(user, namespace)
        return self._known[place]

    def _find(self, user: User, namespace: str) -> Grants:
        granted: list[Granted] = []
        errors: list[str] = []
        for binding in self._bindings(namespace):
            subject = _subject(binding, user)
            if subject is None:
                continue
            try:
                rules = self.rules_of(binding["roleRef"], binding["metadata"].get("namespace", ""))
            except LookupError as error:
                errors.append(str(error))
                continue
            source = _described(binding, subject)
            granted += [Granted(source, rule) for rule in rules]
        return Grants(tuple(granted), tuple(errors))

    def _bindings(self, namespace: str) -> Iterator[Document]:
        yield from self._documents("ClusterRoleBinding").values()
        if namespace:
            for key, binding in self._documents("RoleBinding").items():
                if key.namespace == namespace:
                    yield binding

    def _documents(self, kind: str) -> dict[Key, Document]:
        return self._cluster.store.collection(_COLLECTIONS[kind]).documents

    def rules_of(self, reference: Document, namespace: str) -> list[Rule]:
        """The rules of the role that a binding in *namespace* names. Raises LookupError."""
        kind, name = reference.get("kind", ""), reference.get("name", "")
        key = Key(namespace if kind == "Role" else "", name)
        role = self._documents(kind).get(key) if kind in {"Role", "ClusterRole"} else None
        if role is None:
            raise LookupError(f'{kind.lower()}.{GROUP} "{name}" not found')
        return role.get("rules") or []


def _subject(binding: Document, user: User) -> Document | None:
    home = binding["metadata"].get("namespace", "")
    for subject in binding.get("subjects") or []:
        name = subject["name"]
        match subject["kind"]:
            case "User":
                found = name == user.name
            case "Group":
                found = name in user.groups
            case "ServiceAccount":
                found = account_name(subject.get("namespace") or home, name) == user.name
            case _:
                found = False
        if found:
            return dict(subject)
    return None


def _described(binding: Document, subject: Document) -> str:
    metadata, role = binding["metadata"], binding["roleRef"]
    home = metadata.get("namespace", "")
    kind = "RoleBinding" if home else "ClusterRoleBinding"
    name = f"{metadata['name']}/{home}" if home else metadata["name"]
    who = subject["name"]
    if subject["kind"] == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or home}"
    return f'{kind} "{name}" of {role["kind"]} "{role["name"]}" to {subject["kind"]} "{who}"'


def _aggregate(errors: Iterable[str]) -> str:
    """Several errors as Go's aggregate prints them."""
    listed = list(dict.fromkeys(errors))
    return listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"


def refusal(wanted: Attributes, reason: str = "") -> ApiError:
    """403 in the words of a kube-apiserver."""
    who = f'User "{wanted.user.name}" cannot {wanted.verb}'
    if wanted.path:
        said = f'{who} path "{wanted.path}"'
    else:
        home = (
            f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
        )
        said = f'{who} resource "{wanted.full_resource}" in API group "{wanted.group}" {home}'
    if reason:
        said += f": {reason}"
    if wanted.path:
        return ApiError(403, "Forbidden", f"forbidden: {said}", {})
    resource = f"{wanted.resource}.{wanted.group}" if wanted.group else wanted.resource
    subject = f'{resource} "{wanted.name}"' if wanted.name else resource
    details = details_of(wanted.group, wanted.resource, wanted.name)
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {said}", details)
