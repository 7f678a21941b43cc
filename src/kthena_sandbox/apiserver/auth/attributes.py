"""What a request wants, in the words of authorization (apiserver's RequestInfo). Pure."""

import re

from kthena_sandbox.apiserver.auth.identity import User
from kthena_sandbox.apiserver.auth.rules import Attributes
from kthena_sandbox.apiserver.paths import Target
from kthena_sandbox.apiserver.web import Request

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_BY_NAME = re.compile(r"(?:^|,)metadata\.name==?([^,!=]+)(?:,|$)")


def attributes(user: User, request: Request, target: Target | None) -> Attributes:
    """What *user* wants with *request*; *target* is None, or has no resource, where it is for none."""
    if target is None or not target.resource:
        return Attributes(user, request.method.lower(), path=request.path)
    watching = target.watch or request.flag("watch")
    verb = _VERBS.get(request.method) or _reading(target, watching=watching)
    name = target.name
    if not name and verb == "delete":
        verb = "deletecollection"
    if not name and verb in {"list", "watch", "deletecollection"}:
        named = _BY_NAME.search(request.query.get("fieldSelector", ""))
        name = named.group(1) if named else ""
    namespace = target.namespace
    if (target.group, target.resource) == ("", "namespaces"):
        namespace = target.name
    return Attributes(
        user, verb, target.group, target.version, target.resource, target.subresource, namespace, name
    )  # fmt: skip


def _reading(target: Target, *, watching: bool) -> str:
    if watching and not target.subresource:
        return "watch"
    return "get" if target.name else "list"
