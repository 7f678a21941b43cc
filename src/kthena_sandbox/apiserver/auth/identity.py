"""Users as the API server knows them (authentication.k8s.io/v1 UserInfo)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def info(self) -> dict[str, Any]:
        """The user as a UserInfo."""
        shown: dict[str, Any] = {"username": self.name}
        if self.uid:
            shown["uid"] = self.uid
        if self.groups:
            shown["groups"] = list(self.groups)
        if self.extra:
            shown["extra"] = {name: list(values) for name, values in sorted(self.extra.items())}
        return shown


ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))
ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))


def account_name(namespace: str, name: str) -> str:
    """The user name of a service account."""
    return f"{_ACCOUNT}{namespace}:{name}"


def account_groups(namespace: str) -> tuple[str, ...]:
    """The groups of all service accounts, and of those of a namespace."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")


def split_account(username: str) -> tuple[str, str] | None:
    """Namespace and name of the service account whose user name this is."""
    namespace, separator, name = username.removeprefix(_ACCOUNT).partition(":")
    if not username.startswith(_ACCOUNT) or not (namespace and separator and name):
        return None
    return None if ":" in name else (namespace, name)
