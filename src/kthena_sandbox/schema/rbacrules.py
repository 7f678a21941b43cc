"""Rules of roles and role bindings (rbac.authorization.k8s.io/v1).

They are asked only about objects whose fields have the types of the schema.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.selectorrules import selector_rules

Document = dict[str, Any]
_GROUP = "rbac.authorization.k8s.io"
_GROUPS = {"ServiceAccount": "", "User": _GROUP, "Group": _GROUP}


def role_rules(role: Document) -> list[FieldError]:
    """A Role, whose rules are about resources only."""
    return _policy_rules(role, namespaced=True)


def cluster_role_rules(role: Document) -> list[FieldError]:
    """A ClusterRole, and which others it takes rules from."""
    found = _policy_rules(role, namespaced=False)
    aggregation = role.get("aggregationRule")
    if aggregation is None:
        return found
    path = "aggregationRule.clusterRoleSelectors"
    selectors = aggregation.get("clusterRoleSelectors") or []
    if not selectors:
        detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        found.append(errors.required(path, detail))
    for index, selector in enumerate(selectors):
        found += selector_rules(selector, f"{path}[{index}]")
    return found


def _policy_rules(role: Document, *, namespaced: bool) -> list[FieldError]:
    return [
        error
        for index, rule in enumerate(role.get("rules") or [])
        for error in _policy_rule(rule or {}, f"rules[{index}]", namespaced=namespaced)
    ]


def _policy_rule(rule: Document, path: str, *, namespaced: bool) -> list[FieldError]:
    found = []
    if not rule.get("verbs"):
        found.append(errors.required(f"{path}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs")
    if urls:
        place = f"{path}.nonResourceURLs"
        if namespaced:
            detail = "namespaced rules cannot apply to non-resource URLs"
            found.append(errors.invalid(place, urls, detail))
        if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            found.append(errors.invalid(place, urls, detail))
        return found
    if not rule.get("apiGroups"):
        detail = "resource rules must supply at least one api group"
        found.append(errors.required(f"{path}.apiGroups", detail))
    if not rule.get("resources"):
        detail = "resource rules must supply at least one resource"
        found.append(errors.required(f"{path}.resources", detail))
    return found


def binding_rules(binding: Document) -> list[FieldError]:
    """The role and the subjects of a RoleBinding or ClusterRoleBinding."""
    role, of_cluster = binding.get("roleRef") or {}, binding.get("kind") == "ClusterRoleBinding"
    found = []
    if role.get("apiGroup", "") != _GROUP:
        found.append(errors.not_supported("roleRef.apiGroup", role.get("apiGroup", ""), [_GROUP]))
    kinds = ["ClusterRole"] if of_cluster else ["Role", "ClusterRole"]
    if role.get("kind", "") not in kinds:
        found.append(errors.not_supported("roleRef.kind", role.get("kind", ""), kinds))
    name = role.get("name", "")
    if not name:
        found.append(errors.required("roleRef.name"))
    found += [errors.invalid("roleRef.name", name, why) for why in names.segment_problems(name)]
    for index, subject in enumerate(binding.get("subjects") or []):
        found += _subject(subject or {}, f"subjects[{index}]", of_cluster=of_cluster)
    return found


def _subject(subject: Document, path: str, *, of_cluster: bool) -> list[FieldError]:
    found = []
    kind, name, group = (subject.get(field, "") for field in ("kind", "name", "apiGroup"))
    if not name:
        found.append(errors.required(f"{path}.name"))
    if kind not in _GROUPS:
        return [*found, errors.not_supported(f"{path}.kind", kind, list(_GROUPS))]
    if kind == "ServiceAccount" and name:
        problems = names.subdomain_problems(name)
        found += [errors.invalid(f"{path}.name", name, why) for why in problems]
    if group != _GROUPS[kind]:
        found.append(errors.not_supported(f"{path}.apiGroup", group, [_GROUPS[kind]]))
    if kind == "ServiceAccount" and of_cluster and not subject.get("namespace"):
        found.append(errors.required(f"{path}.namespace"))
    return found
