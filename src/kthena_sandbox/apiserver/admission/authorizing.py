"""The variable `authorizer` of expressions: what somebody may do, asked in CEL ("Kubernetes authorizer library")."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kthena_sandbox.apiserver.auth.authorizer import Authorizer, Decision
from kthena_sandbox.apiserver.auth.identity import AUTHENTICATED, User, account_groups, account_name
from kthena_sandbox.apiserver.auth.rules import Attributes
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.schema.cel.authorization import REQUEST_RESOURCE
from kthena_sandbox.schema.cel.kinds import CelError, no_overload

_CHECKED = "kubernetes.authorization"


def _called(
    methods: Mapping[str, Callable[..., Any]], name: str, target: object, given: list[Any]
) -> Any:
    method = methods.get(name)
    if method is None or not all(isinstance(one, str) for one in given):
        raise no_overload(name)
    try:
        return method(target, *given)
    except TypeError as error:
        raise no_overload(name) from error


@dataclass(frozen=True)
class _Decision:
    decision: Decision
    cel_type = f"{_CHECKED}.Decision"

    def cel_call(self, name: str, given: list[Any]) -> Any:
        """`decision.name(given)`. Raises CelError."""
        return _called(_OF_DECISION, name, self, given)


_OF_DECISION: Mapping[str, Callable[..., Any]] = {
    "allowed": lambda self: self.decision.allowed,
    "reason": lambda self: self.decision.reason,
    "errored": lambda _: False,
    "error": lambda _: "",
}


@dataclass(frozen=True)
class _Check:
    """What is to be done, but for the verb."""

    authorizer: Authorizer
    wanted: Attributes
    cel_type = f"{_CHECKED}.ResourceCheck"

    def cel_call(self, name: str, given: list[Any]) -> Any:
        """`check.name(given)`. Raises CelError."""
        return _called(_OF_CHECK, name, self, given)

    def decided(self, verb: str) -> _Decision:
        """Whether it may be done with a verb."""
        return _Decision(self.authorizer.decide(replace(self.wanted, verb=verb)))


def _setting(field: str) -> Callable[[_Check, str], _Check]:
    def with_field(check: _Check, value: str) -> _Check:
        fields: dict[str, Any] = {field: value}
        return replace(check, wanted=replace(check.wanted, **fields))

    return with_field


_OF_CHECK: Mapping[str, Callable[..., Any]] = {
    **{name: _setting(name) for name in ("resource", "subresource", "namespace", "name")},
    "check": _Check.decided,
}


@dataclass(frozen=True)
class AuthorizerValue:
    """`authorizer` of the write of *user*."""

    authorizer: Authorizer
    user: User
    attempt: Attempt
    cel_type = f"{_CHECKED}.Authorizer"

    @property
    def cel_fields(self) -> Mapping[str, Any]:
        """The resource of the write itself."""
        attempt, kind = self.attempt, self.attempt.resource
        wanted = Attributes(
            self.user, "", kind.group, kind.version, kind.plural, attempt.subresource, *attempt.key
        )  # fmt: skip
        return {REQUEST_RESOURCE: _Check(self.authorizer, wanted)}

    def cel_call(self, name: str, given: list[Any]) -> Any:
        """`authorizer.name(given)`. Raises CelError."""
        return _called(_OF_AUTHORIZER, name, self, given)

    def of_path(self, path: str) -> _Check:
        """For what is no resource."""
        return _Check(self.authorizer, Attributes(self.user, "", path=path))

    def of_group(self, group: str) -> _Check:
        """For resources of a group, in whatever version."""
        return _Check(self.authorizer, Attributes(self.user, "", group, "*"))

    def of_account(self, namespace: str, name: str) -> "AuthorizerValue":
        """For a service account. Raises CelError."""
        if not namespace or not name:
            raise CelError("invalid service account name or namespace")
        groups = (*account_groups(namespace), AUTHENTICATED)
        return replace(self, user=User(account_name(namespace, name), groups))


_OF_AUTHORIZER: Mapping[str, Callable[..., Any]] = {
    "path": AuthorizerValue.of_path,
    "group": AuthorizerValue.of_group,
    "serviceAccount": AuthorizerValue.of_account,
}
