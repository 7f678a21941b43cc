"""Nobody may give away what he does not have: roles and bindings are checked against the rights of their writer.

("Privilege escalation prevention and bootstrapping" of the RBAC documentation.)
"""

from typing import Any

from kthena_sandbox.apiserver.auth.authorizer import GROUP, Authorizer
from kthena_sandbox.apiserver.auth.identity import MASTERS, User
from kthena_sandbox.apiserver.auth.rules import Attributes, Rule, compact, missing, quoted
from kthena_sandbox.apiserver.errors import forbidden, not_found_by_name
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
_ROLES = frozenset({"roles", "clusterroles"})
_BINDINGS = frozenset({"rolebindings", "clusterrolebindings"})


def check(
    authorizer: Authorizer, user: User, resource: ResourceType, new: Document, old: Document | None
) -> None:
    """Raises ApiError 403 (or 404, for a role that is not there) where *user* may not write this."""
    if resource.group != GROUP or MASTERS in user.groups:
        return
    if resource.plural in _ROLES:
        _check_role(authorizer, user, resource, new, old)
    elif resource.plural in _BINDINGS:
        _check_binding(authorizer, user, resource, new, old)


def _check_role(
    authorizer: Authorizer, user: User, resource: ResourceType, new: Document, old: Document | None
) -> None:
    names = ("rules", "aggregationRule")
    if old is not None and all(new.get(name) == old.get(name) for name in names):
        return
    namespace, name = _place(new)
    wanted = Attributes(
        user, "escalate", GROUP, "v1", resource.plural, "", namespace, name
    )  # fmt: skip
    if authorizer.decide(wanted).allowed:
        return
    if new.get("aggregationRule"):
        full: list[Rule] = [
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"nonResourceURLs": ["*"], "verbs": ["*"]},
        ]
        if missing(authorizer.grants(user, "").rules, full):
            why = "must have cluster-admin privileges to use the aggregationRule"
            raise forbidden(resource, name, why)
    _check_rules(authorizer, user, resource, new, new.get("rules") or [])


def _check_binding(
    authorizer: Authorizer, user: User, resource: ResourceType, new: Document, old: Document | None
) -> None:
    names = ("subjects", "roleRef")
    if old is not None and all(new.get(name) == old.get(name) for name in names):
        return
    namespace, _ = _place(new)
    reference = new["roleRef"]
    plural = f"{reference['kind'].lower()}s"
    wanted = Attributes(user, "bind", GROUP, "v1", plural, "", namespace, reference["name"])
    if authorizer.decide(wanted).allowed:
        return
    try:
        rules = authorizer.rules_of(reference, namespace)
    except LookupError as error:
        raise not_found_by_name(GROUP, plural, reference["name"]) from error
    _check_rules(authorizer, user, resource, new, rules)


def _place(document: Document) -> tuple[str, str]:
    metadata = document["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _check_rules(
    authorizer: Authorizer, user: User, resource: ResourceType, new: Document, rules: list[Rule]
) -> None:
    namespace, name = _place(new)
    owned = authorizer.grants(user, namespace)
    lacking = missing(owned.rules, rules)
    if not lacking:
        return
    listed = "\n".join(sorted(compact(rule) for rule in lacking))
    why = (
        f'user "{user.name}" (groups={quoted(user.groups)}) is attempting to grant RBAC permissions '
        f"not currently held:\n{listed}"
    )
    if owned.errors:
        why += f"; resolution errors: [{', '.join(owned.errors)}]"
    raise forbidden(resource, name, why)
