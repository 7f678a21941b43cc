"""Access and identity reviews: questions that are answered and not kept."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from kthena_sandbox.apiserver.auth.access import Access
from kthena_sandbox.apiserver.auth.identity import ADMIN, User
from kthena_sandbox.apiserver.auth.jwt import BadToken
from kthena_sandbox.apiserver.auth.rules import Attributes
from kthena_sandbox.apiserver.auth.tokens import ISSUER
from kthena_sandbox.apiserver.errors import Cause, bad_request, invalid
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.builtin import schema_of

Document = dict[str, Any]


def _type(group: str, kind: str, *, namespaced: bool = False) -> ResourceType:
    plural, singular = f"{kind.lower()}s", kind.lower()
    return ResourceType(group, "v1", kind, plural, singular, namespaced, f"{kind}List")


def shape_of(resource: ResourceType) -> ResourceType:
    """A kind of reviews with its schema, which is not among those of objects."""
    group = resource.group.partition(".")[0]
    return replace(resource, schema=schema_of(group, resource.kind))


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
        "SelfSubjectAccessReview": lambda: _decided(access, resource, document, user),
        "SubjectAccessReview": lambda: _decided(access, resource, document),
        "LocalSubjectAccessReview": lambda: _decided(
            access, resource, document, namespace=namespace
        ),
    }
    status = answers[resource.kind]()
    bare = {"kind": resource.kind, "apiVersion": resource.api_version}
    if resource.kind == "SelfSubjectReview":
        return bare | {"metadata": {"creationTimestamp": now}, "status": status}
    if resource.kind == "SelfSubjectRulesReview":
        return bare | {"metadata": {}, "spec": {}, "status": status}
    return document | {"status": status}


def _token(access: Access, spec: Document) -> Document:
    token, audiences = spec.get("token") or "", spec.get("audiences") or []
    if not token:
        raise bad_request("token is required for TokenReview in authentication")
    if access.is_admin(token):
        return {"authenticated": True, "user": ADMIN.info(), "audiences": audiences or [ISSUER]}
    try:
        user, common = access.tokens.authenticate(token, audiences)
    except BadToken as error:
        return {"user": {}, "error": str(error)}
    return {"authenticated": True, "user": user.info(), "audiences": common}


def _decided(
    access: Access, resource: ResourceType, document: Document, user: User | None = None, *, namespace: str = ""
) -> Document:  # fmt: skip
    """What may be done: by *user*, or by whom the review names, in a *namespace* that it must be about."""
    spec = document.get("spec") or {}
    causes = list(_causes(spec, named=user is None, namespace=namespace))
    causes += _metadata_causes(document["metadata"], namespace)
    if causes:  # by a validation that does not know the kind
        found = invalid(replace(resource, kind=""), "", causes)
        found.details.pop("kind", None)
        raise found
    decision = access.authorizer.decide(_attributes(user or _subject(spec), spec))
    shown: Document = {"allowed": decision.allowed}
    return shown | {"reason": decision.reason} if decision.reason else shown


def _subject(spec: Document) -> User:
    extra = {key: tuple(values or ()) for key, values in (spec.get("extra") or {}).items()}
    groups = tuple(spec.get("groups") or ())
    return User(spec.get("user") or "", groups, spec.get("uid") or "", extra)


def _causes(spec: Document, *, named: bool, namespace: str) -> Iterator[Cause]:
    about, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    place = "spec.nonResourceAttributes"
    if about is not None and path is not None:
        why = "cannot be specified in combination with resourceAttributes"
        yield _invalid(place, _go(path), why)
    if about is None and path is None:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        yield _invalid("spec.resourceAttributes", "null", why)
    if about is not None:
        listed = (about.get("labelSelector") or {}).get("requirements") or []
        for index, requirement in enumerate(listed):
            where = f"spec.resourceAttributes.labelSelector.requirements[{index}]"
            yield from _requirement_causes(requirement, where)
    if named and not spec.get("user") and not spec.get("groups"):
        yield _invalid("spec.user", '""', "at least one of user or group must be specified")
    if namespace and about is not None and (about.get("namespace") or "") != namespace:
        asked = _text(about.get("namespace") or "")
        place = "spec.resourceAttributes.namespace"
        yield _invalid(place, asked, "must match metadata.namespace")
    if namespace and path is not None:
        yield _invalid(
            "spec.nonResourceAttributes", _go(path), "disallowed on this kind of request"
        )


def _requirement_causes(requirement: Document, place: str) -> Iterator[Cause]:
    operator, values = requirement.get("operator"), requirement.get("values")
    if operator in {"In", "NotIn"} and not values:
        text = "Required value: must be specified when `operator` is 'In' or 'NotIn'"
        yield Cause("FieldValueRequired", text, f"{place}.values")
    elif operator in {"Exists", "DoesNotExist"} and values:
        text = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        yield Cause("FieldValueForbidden", text, f"{place}.values")


def _metadata_causes(metadata: Document, namespace: str) -> Iterator[Cause]:
    """A question has no name and no labels, only what the server itself writes down."""
    own = {"managedFields"} | ({"namespace"} if namespace else set())
    if metadata.keys() - own:
        names = ("name", "generateName", "namespace", "labels", "annotations", "ownerReferences", "finalizers", "managedFields")  # fmt: skip
        shown = {name: metadata[name] for name in names if name in metadata}
        yield _invalid("metadata", msgspec.json.encode(shown).decode(), "must be empty")


def _invalid(field: str, value: str, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {value}: {why}", field)


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()


def _go(path: Document) -> str:
    shown = {"Path": path.get("path") or "", "Verb": path.get("verb") or ""}
    return msgspec.json.encode(shown).decode()


def _attributes(user: User, spec: Document) -> Attributes:
    about, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes") or {}
    if about is None:
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
