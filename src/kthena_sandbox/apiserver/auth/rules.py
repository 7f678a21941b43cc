"""Rules of roles against requests (the RBAC rules of `kubernetes.io/docs/reference/access-authn-authz/rbac`). Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from kthena_sandbox.apiserver.auth.identity import User

Rule = Mapping[str, Any]
_FIELDS = ("apiGroups", "resources", "nonResourceURLs", "resourceNames", "verbs")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What somebody wants to do: with a resource, or with a `path` that is none."""

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """`pods`, or `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def allows(rule: Rule, wanted: Attributes) -> bool:
    """Whether the rule lets the request through."""
    if not _has(rule, "verbs", wanted.verb):
        return False
    if wanted.path:
        return _has_path(rule.get("nonResourceURLs") or (), wanted.path)
    return (
        _has(rule, "apiGroups", wanted.group)
        and _has_resource(rule.get("resources") or (), wanted)
        and _has_name(rule.get("resourceNames") or (), wanted.name)
    )


def _has(rule: Rule, field: str, value: str) -> bool:
    listed = rule.get(field) or ()
    return value in listed or "*" in listed


def _has_resource(listed: Sequence[str], wanted: Attributes) -> bool:
    if "*" in listed or wanted.full_resource in listed:
        return True
    return bool(wanted.subresource) and f"*/{wanted.subresource}" in listed


def _has_name(listed: Sequence[str], name: str) -> bool:
    return not listed or name in listed


def _has_path(listed: Iterable[str], path: str) -> bool:
    return any(
        entry in ("*", path) or (entry.endswith("*") and path.startswith(entry.rstrip("*")))
        for entry in listed
    )


def missing(owned: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """What *wanted* grants and no rule of *owned* does; parts that differ in nothing but verbs are one again."""
    lacking = [part for rule in wanted for part in _parts(rule) if not _covered(owned, part)]
    joined: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for part in lacking:
        place = tuple(tuple(part.get(field) or ()) for field in _FIELDS[:-1])
        verbs = joined.setdefault(place, [])
        verbs += [verb for verb in part["verbs"] if verb not in verbs]
    return [
        {field: list(value) for field, value in zip(_FIELDS, (*place, verbs), strict=True) if value}
        for place, verbs in joined.items()
    ]


def _parts(rule: Rule) -> Iterator[Rule]:
    """The rule as rules with one entry in each list."""
    verbs, names = rule.get("verbs") or (), rule.get("resourceNames") or [None]
    for group, resource, name, verb in product(
        rule.get("apiGroups") or (), rule.get("resources") or (), names, verbs
    ):
        part = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        yield part if name is None else part | {"resourceNames": [name]}
    for path, verb in product(rule.get("nonResourceURLs") or (), verbs):
        yield {"nonResourceURLs": [path], "verbs": [verb]}


def _covered(owned: Iterable[Rule], part: Rule) -> bool:
    return any(_covers(rule, part) for rule in owned)


def _covers(rule: Rule, part: Rule) -> bool:
    if not _has(rule, "verbs", part["verbs"][0]):
        return False
    if "nonResourceURLs" in part:
        return _has_path(rule.get("nonResourceURLs") or (), part["nonResourceURLs"][0])
    if not _has(rule, "apiGroups", part["apiGroups"][0]):
        return False
    listed, (resource,) = rule.get("resources") or (), part["resources"]
    _, slash, subresource = resource.partition("/")
    if not ("*" in listed or resource in listed or (slash and f"*/{subresource}" in listed)):
        return False
    names = rule.get("resourceNames") or ()
    return not names or part.get("resourceNames", [None])[0] in names


def compact(rule: Rule) -> str:
    """The rule on one line, as Go prints it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`."""
    shown = []
    for field in ("apiGroups", "resources", "nonResourceURLs", "resourceNames", "verbs"):
        if listed := rule.get(field):
            name = "APIGroups" if field == "apiGroups" else field[0].upper() + field[1:]
            shown.append(f"{name}:{quoted(listed)}")
    return "{" + ", ".join(shown) + "}"


def quoted(texts: Iterable[str]) -> str:
    """A list of strings as Go's %q prints it."""
    return "[" + " ".join(f'"{text}"' for text in texts) + "]"
