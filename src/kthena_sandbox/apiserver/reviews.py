"""Access and identity reviews: questions that are answered and not kept."""

from collections.abc import Callable, Mapping
from typing import Any

from kthena_sandbox.apiserver.auth.access import Access
from kthena_sandbox.apiserver.auth.identity import ADMIN, User
from kthena_sandbox.apiserver.auth.jwt import BadToken
from kthena_sandbox.apiserver.auth.rules import Attributes
from kthena_sandbox.apiserver.errors import ApiError, Cause, bad_request, invalid
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]


def _type(group: str, kind: str, *, namespaced: bool = False) -> ResourceType:
    plural, singular = f"{kind.lower()}s", kind.lower()
    return ResourceType(group, "v1", kind, plural, singular, namespaced, f"{kind}List")


REVIEWS = (
    _type("authentication.k8s.io", "SelfSubjectReview"),
    _type("authentication.k8s.io", "TokenReview"),
    _type("authorization.k8s.io", "LocalSubjectAccessReview", namespaced=True),
    _type("authorization.k8s.io", "SelfSubjectAccessReview"),
    _type("authorization.k8s.io", "SelfSubjectRulesReview"),
    _type("authorization.k8s.io", "SubjectAccessReview"),
)


def answered(
    access: Access,
    user: User,
    resource: ResourceType,
    namespace: str,
    document: Document,
    *,
    now: str,
) -> Document:
    """The review of *user* with its answer in `status`; who one is is told with the time. Raises ApiError 400 or 422."""
    spec = document.get("spec") or {}
    answers: Mapping[str, Callable[[], Document]] = {
        "SelfSubjectReview": lambda: {"userInfo": user.info()},
        "TokenReview": lambda: _token(access, spec),
        "SelfSubjectRulesReview": lambda: _rules(access, user, spec),
        "SelfSubjectAccessReview": lambda: _decided(access, resource, user, spec),
        "SubjectAccessReview": lambda: _decided(access, resource, _subject(resource, spec), spec),
        "LocalSubjectAccessReview": lambda: _local(access, resource, namespace, spec),
    }
    status = answers[resource.kind]()
    metadata = document.get("metadata") or {}
    if resource.kind == "SelfSubjectReview":
        metadata = metadata | {"creationTimestamp": now}
    if resource.kind == "SelfSubjectRulesReview":
        document = document | {"spec": {}}  # as Kubernetes answers it
    return document | {"metadata": metadata, "status": status}


def _token(access: Access, spec: Document) -> Document:
    token, audiences = spec.get("token") or "", spec.get("audiences") or []
    if not token:
        raise bad_request("token is required for TokenReview in authentication")
    if access.is_admin(token):
        return {"authenticated": True, "user": ADMIN.info()}
    try:
        user, common = access.tokens.authenticate(token, audiences)
    except BadToken as error:
        return {"user": {}, "error": str(error)}
    return {"authenticated": True, "user": user.info(), "audiences": common}


def _refused(resource: ResourceType, field: str, reason: str, text: str) -> ApiError:
    return invalid(resource, "", [Cause(reason, text, field)])


def _subject(resource: ResourceType, spec: Document) -> User:
    name, groups = spec.get("user") or "", tuple(spec.get("groups") or ())
    if not name and not groups:
        text = 'Invalid value: "": at least one of user or group must be specified'
        raise _refused(resource, "spec.user", "FieldValueInvalid", text)
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(name, groups, spec.get("uid") or "", extra)


def _local(access: Access, resource: ResourceType, namespace: str, spec: Document) -> Document:
    asked = (spec.get("resourceAttributes") or {}).get("namespace") or ""
    if asked != namespace:
        text = f'Invalid value: "{asked}": must match metadata.namespace'
        raise _refused(resource, "spec.resourceAttributes.namespace", "FieldValueInvalid", text)
    return _decided(access, resource, _subject(resource, spec), spec)


def _decided(access: Access, resource: ResourceType, user: User, spec: Document) -> Document:
    decision = access.authorizer.decide(_attributes(resource, user, spec))
    shown: Document = {"allowed": decision.allowed}
    return shown | {"reason": decision.reason} if decision.reason else shown


def _attributes(resource: ResourceType, user: User, spec: Document) -> Attributes:
    about, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (about is None) == (path is None):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        text = f"Invalid value: {why}"
        raise _refused(resource, "spec.resourceAttributes", "FieldValueInvalid", text)
    if about is None:
        path = path or {}
        return Attributes(user, path.get("verb") or "", path=path.get("path") or "")
    names = ("verb", "group", "version", "resource", "subresource", "namespace", "name")
    return Attributes(user, **{name: about.get(name) or "" for name in names})


def _rules(access: Access, user: User, spec: Document) -> Document:
    namespace = spec.get("namespace") or ""
    if not namespace:
        raise bad_request("no namespace on request")
    found = access.authorizer.grants(user, namespace)
    ordinary = ("verbs", "apiGroups", "resources", "resourceNames")
    paths = ("verbs", "nonResourceURLs")
    shown: Document = {
        "resourceRules": [_shown(rule, ordinary) for rule in found.rules if rule.get("resources")],
        "nonResourceRules": [
            _shown(rule, paths) for rule in found.rules if rule.get("nonResourceURLs")
        ],
        "incomplete": bool(found.errors),
    }
    return shown | ({"evaluationError": ", ".join(found.errors)} if found.errors else {})


def _shown(rule: Mapping[str, Any], names: tuple[str, ...]) -> Document:
    return {name: rule[name] for name in names if rule.get(name)}
