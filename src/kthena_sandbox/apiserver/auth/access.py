"""From the headers of a request to the user in whose name it is carried out, if he may."""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from kthena_sandbox.apiserver.auth.attributes import attributes
from kthena_sandbox.apiserver.auth.authorizer import Authorizer
from kthena_sandbox.apiserver.auth.identity import (
    ADMIN,
    ANONYMOUS,
    AUTHENTICATED,
    UNAUTHENTICATED,
    User,
    account_groups,
    split_account,
)
from kthena_sandbox.apiserver.auth.jwt import BadToken
from kthena_sandbox.apiserver.auth.rules import Attributes
from kthena_sandbox.apiserver.auth.signing import user_of_certificate
from kthena_sandbox.apiserver.auth.tokens import Tokens
from kthena_sandbox.apiserver.errors import unauthorized
from kthena_sandbox.apiserver.paths import Target
from kthena_sandbox.apiserver.web import Request

_EXTRA = "impersonate-extra-"
_AUTHENTICATION = "authentication.k8s.io"


@dataclass(frozen=True)
class Access:
    """The way in. `unknown` is who asks without a token."""

    authorizer: Authorizer
    tokens: Tokens
    admin_token: str = ""
    unknown: User = ADMIN

    def admit(self, request: Request, target: Target | None) -> User:
        """The user in whose name *request* is carried out. Raises ApiError 401, 403 or 500."""
        user = self._impersonated(request, self._authenticated(request))
        self.authorizer.check(attributes(user, request, target))
        return user

    def check_creation(self, request: Request, target: Target) -> None:
        """A PUT or an apply that creates needs that right as well. Raises ApiError 403."""
        wanted = attributes(request.user, request, target)
        self.authorizer.check(replace(wanted, verb="create"))

    def _authenticated(self, request: Request) -> User:
        """Who asks: whose the certificate is, or else the token."""
        if request.certificate:
            known = user_of_certificate(request.certificate, self.tokens.cluster.clock())
            if known is not None:
                return known
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":  # which nobody here looks at
            return self.unknown
        found = self.user_of(token.strip())
        if found is None:
            raise unauthorized()
        return found

    def user_of(self, token: str) -> User | None:
        """Whose token it is; None for one that is refused."""
        if self.is_admin(token):
            return ADMIN
        try:
            return self.tokens.authenticate(token)[0]
        except BadToken:
            return None

    def is_admin(self, token: str) -> bool:
        """Whether it is the administrator's."""
        known = self.admin_token
        return bool(known) and hmac.compare_digest(token.encode(), known.encode())

    def _impersonated(self, request: Request, user: User) -> User:
        headers = request.headers
        if not any(name.startswith("impersonate-") for name in headers):
            return user
        wanted = list(_impersonations(headers))
        name = headers.get("impersonate-user", "")
        if not wanted:
            return user
        if not name:
            raise Unnamed(request.path, wanted)
        for group, resource, subresource, namespace, value in wanted:
            self.authorizer.check(
                Attributes(
                    user, "impersonate", group, "v1", resource, subresource, namespace, value
                )
            )
        return _user(name, headers)


def _impersonations(headers: Mapping[str, str]) -> Iterator[tuple[str, str, str, str, str]]:
    """Group, resource, subresource, namespace and name of all that somebody wants to be."""
    if name := headers.get("impersonate-user", ""):
        account = split_account(name)
        if account is not None:
            yield "", "serviceaccounts", "", *account
        else:
            yield "", "users", "", "", name
    for group in _listed(headers.get("impersonate-group", "")):
        yield "", "groups", "", "", group
    if uid := headers.get("impersonate-uid", ""):
        yield _AUTHENTICATION, "uids", "", "", uid
    for key, values in _extra(headers).items():
        for value in values:
            yield _AUTHENTICATION, "userextras", key, "", value


class Unnamed(Exception):
    """Groups, a uid or other things are asked for without a user."""

    def __init__(self, path: str, wanted: list[tuple[str, str, str, str, str]]) -> None:
        # as Go prints the references
        references = (
            (_GO_KINDS[resource], "", value, "", f"{group}/v1" if group else "", "", key)
            for group, resource, key, _, value in wanted
        )
        shown = " ".join(f"{{{' '.join(fields)}}}" for fields in references)
        super().__init__(
            f'Internal Server Error: "{path}": requested [{shown}] without impersonating a user'
        )


_GO_KINDS = {"groups": "Group", "uids": "UID", "userextras": "UserExtra"}


def _listed(value: str) -> tuple[str, ...]:
    """A header that came several times, which are joined by commas."""
    return tuple(filter(None, (part.strip() for part in value.split(","))))


def _extra(headers: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {
        unquote(name.removeprefix(_EXTRA)): _listed(value)
        for name, value in headers.items()
        if name.startswith(_EXTRA)
    }


def _user(name: str, headers: Mapping[str, str]) -> User:
    groups = _listed(headers.get("impersonate-group", ""))
    account = split_account(name)
    if not groups and account is not None:
        groups = account_groups(account[0])
    if name == ANONYMOUS.name:
        groups = groups if UNAUTHENTICATED in groups else (*groups, UNAUTHENTICATED)
    elif not {AUTHENTICATED, UNAUTHENTICATED} & set(groups):
        groups = (*groups, AUTHENTICATED)
    return User(name, groups, headers.get("impersonate-uid", ""), _extra(headers))
