"""The webhooks and policies that are configured now, and which of them a write concerns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kthena_sandbox.apiserver.admission.authorizing import AuthorizerValue
from kthena_sandbox.apiserver.admission.matching import (
    ConditionFailed,
    conditions_hold,
    seen_as,
    selectors_match,
)
from kthena_sandbox.apiserver.admission.policies import Violation, violations
from kthena_sandbox.apiserver.admission.reviews import request_of
from kthena_sandbox.apiserver.auth.authorizer import Authorizer
from kthena_sandbox.apiserver.auth.identity import User
from kthena_sandbox.apiserver.catalogue import collection_key
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import ApiError, forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.storage import Collection, CollectionKey, Key
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.labels import selects

Document = dict[str, Any]
_GROUP = "admissionregistration.k8s.io"
_MUTATING, _VALIDATING = "mutatingwebhookconfigurations", "validatingwebhookconfigurations"
_POLICIES = "validatingadmissionpolicies"
_BINDINGS = "validatingadmissionpolicybindings"


class Concerned(NamedTuple):
    """A webhook that a write concerns, and the kind as which it sees the object."""

    hook: Mapping[str, Any]
    kind: ResourceType


class Breach(NamedTuple):
    """A violation of a policy, and what its binding says is to be done."""

    policy: str
    binding: str
    violation: Violation
    actions: tuple[str, ...]


@dataclass(frozen=True)
class Hooks:
    """Looks them up in the cluster."""

    cluster: Cluster
    authorizer: Authorizer

    def _variables(self, request: Document, attempt: Attempt, user: User) -> Document:
        return {
            "request": request, "object": request["object"], "oldObject": request["oldObject"],
            "authorizer": AuthorizerValue(self.authorizer, user, attempt),
        }  # fmt: skip

    def _collection(self, plural: str) -> Collection:
        return self.cluster.store.collection(CollectionKey(_GROUP, plural))

    def mutating(self, attempt: Attempt, user: User) -> list[Concerned]:
        """The mutating webhooks, in the order of the names of their configurations. Raises ApiError."""
        return list(self._concerned(_MUTATING, attempt, user))

    def validating(self, attempt: Attempt, user: User) -> list[Concerned]:
        """The validating webhooks. Raises ApiError."""
        return list(self._concerned(_VALIDATING, attempt, user))

    def _concerned(self, plural: str, attempt: Attempt, user: User) -> Iterator[Concerned]:
        for _, configuration in sorted(self._collection(plural).documents.items()):
            for hook in configuration.get("webhooks") or []:
                kind = self._seen_as(hook, hook.get("rules") or (), attempt)
                if kind is not None and self._conditions_hold(hook, attempt, user, kind):
                    yield Concerned(hook, kind)

    def _seen_as(
        self, match: Mapping[str, Any], rules: Any, attempt: Attempt
    ) -> ResourceType | None:
        kind = seen_as(match, rules, attempt, self._equivalent(attempt.resource))
        if kind is None or not selectors_match(match, attempt, self._labels_of):
            return None
        return kind

    def _equivalent(self, resource: ResourceType) -> Iterator[ResourceType]:
        place = collection_key(resource)
        return (kind for kind in self.cluster.catalogue.types if collection_key(kind) == place)

    def _labels_of(self, namespace: str) -> Mapping[str, str]:
        found = self.cluster.store.get(CollectionKey("", "namespaces"), Key("", namespace))
        return ((found or {}).get("metadata") or {}).get("labels") or {}

    def _conditions_hold(
        self, hook: Mapping[str, Any], attempt: Attempt, user: User, kind: ResourceType
    ) -> bool:
        conditions = hook.get("matchConditions") or []
        if not conditions:
            return True
        request = request_of(attempt, user, "", kind, self.cluster.conversions)
        try:
            return conditions_hold(conditions, self._variables(request, attempt, user))
        except ConditionFailed as error:
            if hook.get("failurePolicy") == "Ignore":
                return False
            raise _not_evaluated(attempt, str(error)) from error

    def breaches(self, attempt: Attempt, user: User) -> list[Breach]:
        """What the bound policies find wrong. Raises ApiError."""
        policies = self._collection(_POLICIES).documents
        if not policies:
            return []
        bindings = sorted(self._collection(_BINDINGS).documents.items())
        return [
            breach
            for _, policy in sorted(policies.items())
            for _, binding in bindings
            if binding["spec"]["policyName"] == policy["metadata"]["name"]
            for breach in self._breaches(policy, binding, attempt, user)
        ]

    def _breaches(
        self, policy: Document, binding: Document, attempt: Attempt, user: User
    ) -> Iterator[Breach]:
        spec, bound = policy["spec"], binding["spec"]
        kind = self._constrained(spec["matchConstraints"], attempt)
        if kind is None or not self._bound(bound.get("matchResources"), attempt):
            return
        request = request_of(attempt, user, "", kind, self.cluster.conversions)
        space = self.cluster.store.get(
            CollectionKey("", "namespaces"), Key("", attempt.key.namespace)
        )
        variables = self._variables(request, attempt, user) | {"namespaceObject": space}
        names = policy["metadata"]["name"], binding["metadata"]["name"]
        actions = tuple(bound["validationActions"])
        try:
            if not conditions_hold(spec.get("matchConditions") or [], variables):
                return
        except ConditionFailed as error:
            if spec.get("failurePolicy") != "Ignore":
                yield Breach(*names, Violation(str(error)), ("Deny",))
            return
        for parameters in self._parameters(spec, bound, attempt):
            for violation in violations(policy, variables | {"params": parameters}):
                yield Breach(*names, violation, actions)

    def _constrained(self, match: Mapping[str, Any], attempt: Attempt) -> ResourceType | None:
        kind = self._seen_as(match, match.get("resourceRules") or (), attempt)
        excluded = match.get("excludeResourceRules")
        if kind is None or (excluded and self._seen_as(match, excluded, attempt)):
            return None
        return kind

    def _bound(self, match: Mapping[str, Any] | None, attempt: Attempt) -> bool:
        if not match:
            return True
        if match.get("resourceRules"):
            return self._constrained(match, attempt) is not None
        return selectors_match(match, attempt, self._labels_of)

    def _parameters(self, spec: Document, bound: Document, attempt: Attempt) -> list[Any]:
        """The objects that the rules are asked about, one after the other; None where there are to be none."""
        wanted, reference = spec.get("paramKind"), bound.get("paramRef")
        if not wanted or not reference:
            return [None]
        kinds = (
            kind
            for kind in self.cluster.catalogue.types
            if (kind.api_version, kind.kind) == (wanted["apiVersion"], wanted["kind"])
        )
        kind = next(kinds, None)
        if kind is None:
            why = f"failed to find resource referenced by paramKind: '{wanted['apiVersion']}, Kind={wanted['kind']}'"
            raise _not_evaluated(attempt, why)
        found = self._found(kind, reference, attempt)
        if not found and reference.get("parameterNotFoundAction") != "Allow":
            why = "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
            raise _not_evaluated(attempt, why)
        return found

    def _found(self, kind: ResourceType, reference: Document, attempt: Attempt) -> list[Document]:
        space = reference.get("namespace") or attempt.key.namespace
        documents = self.cluster.collection(kind).documents
        home = space if kind.namespaced else ""
        if name := reference.get("name"):
            found = documents.get(Key(home, name))
            return [found] if found else []
        selector = reference.get("selector") or {}
        return [
            document
            for key, document in sorted(documents.items())
            if key.namespace == home and selects(selector, document["metadata"].get("labels") or {})
        ]


def _not_evaluated(attempt: Attempt, why: str) -> ApiError:
    return forbidden(attempt.resource, attempt.key.name, why)
