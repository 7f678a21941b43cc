"""Every answer that is not a success, as a `v1` Status worded the way Kubernetes words it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.fielderrors import FieldError

MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `status.details.causes`; `message` comes without the field."""

    reason: str
    message: str
    field: str = ""

    def document(self) -> dict[str, str]:
        """The cause as Kubernetes writes it."""
        shown = {"reason": self.reason, "message": self.message}
        return shown | {"field": self.field} if self.field else shown

    def __str__(self) -> str:
        """`field: message`, as it stands in the Status message."""
        return f"{self.field}: {self.message}" if self.field else self.message


def cause_of(error: FieldError) -> Cause:
    """A cause without the path that the message of the error begins with."""
    return Cause(error.reason, error.message.removeprefix(f"{error.path}: "), error.path)


class ApiError(Exception):
    """An answer other than success: HTTP code, Status reason, message and details."""

    def __init__(
        self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self._has_details = details is not None
        self.list_metadata: dict[str, Any] = {}
        self.warnings: tuple[str, ...] = ()

    def status(self) -> dict[str, Any]:
        """The `v1` Status object (API conventions, "Response Status Kind")."""
        document: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.list_metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            document["reason"] = self.reason
        if self.details or self._has_details:
            document["details"] = self.details
        return document | {"code": self.code}


@contextmanager
def saying(warnings: tuple[str, ...]) -> Iterator[None]:
    """What is to be said of a body is said also where it is refused."""
    try:
        yield
    except ApiError as error:
        error.warnings = (*warnings, *error.warnings)
        raise


def qualified(resource: ResourceType) -> str:
    """`pods` or `deployments.apps`."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def qualified_kind(resource: ResourceType) -> str:
    """`Pod` or `Deployment.apps`."""
    return f"{resource.kind}.{resource.group}" if resource.group else resource.kind


def details_of(group: str, kind: str, name: str) -> dict[str, Any]:
    """What a Status is about."""
    named = {"name": name} if name else {}
    return named | ({"group": group} if group else {}) | {"kind": kind}


def _details(
    resource: ResourceType, name: str, kind: str = "", causes: Iterable[Cause] = ()
) -> dict[str, Any]:
    details = details_of(resource.group, kind or resource.plural, name)
    listed = [cause.document() for cause in causes]
    return details | {"causes": listed} if listed else details


def not_found(resource: ResourceType, name: str) -> ApiError:
    """404: there is no object of that name."""
    return not_found_by_name(resource.group, resource.plural, name)


def not_found_by_name(group: str, plural: str, name: str) -> ApiError:
    """404 about a kind that is known by its names only."""
    message = f'{plural}{"." + group if group else ""} "{name}" not found'
    return ApiError(404, "NotFound", message, details_of(group, plural, name))


def no_such_resource() -> ApiError:
    """404 for a path that a built-in group version does not have; custom ones say it in plain text."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: ResourceType, name: str, *, going: bool = False) -> ApiError:
    """409: an object of that name is there, or is *going* and not gone yet."""
    message = f'{"object is being deleted: " if going else ""}{qualified(resource)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: ResourceType, name: str, why: str = MODIFIED) -> ApiError:
    """409: written against another state of the object than the present one."""
    message = f'Operation cannot be fulfilled on {qualified(resource)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name))


def unmet(resource: ResourceType, name: str, why: str) -> ApiError:
    """409: a precondition of a deletion does not hold, which is told of the kind and not of the resource."""
    kind = qualified_kind(resource)
    details = details_of(resource.group, resource.kind, name)
    message = f'Operation cannot be fulfilled on {kind} "{name}": {why}'
    return ApiError(409, "Conflict", message, details)


def forbidden(
    resource: ResourceType, name: str, why: str, causes: Sequence[Cause] = ()
) -> ApiError:
    """403: understood, and not allowed."""
    subject = f'{qualified(resource)} "{name}"' if name else qualified(resource)
    details = _details(resource, name, causes=causes)
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", details)


def invalid(resource: ResourceType, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks rules of its kind, one cause per rule."""
    details = _details(resource, name, resource.kind, causes)
    message = f'{qualified_kind(resource)} "{name}" is invalid: {_joined(causes)}'
    return ApiError(422, "Invalid", message, details)


def unversioned(resource: ResourceType, name: str) -> ApiError:
    """422: an update that does not say which state of the object it has seen."""
    cause = Cause(
        "FieldValueInvalid",
        "Invalid value: 0: must be specified for an update",
        "metadata.resourceVersion",
    )
    message = f'{qualified(resource)} "{name}" is invalid: {cause}'
    return ApiError(422, "Invalid", message, _details(resource, name, causes=[cause]))


def invalid_request(causes: Sequence[Cause], kind: str = "") -> ApiError:
    """422: options or a patch break the rules; `kind` is that of the options, empty for a patch."""
    details: dict[str, Any] = {"causes": [cause.document() for cause in causes]}
    if kind:
        details = {"group": "meta.k8s.io", "kind": kind} | details
    subject = f"{kind}.meta.k8s.io" if kind else ""
    return ApiError(422, "Invalid", f'{subject} "" is invalid: {_joined(causes)}', details)


def _joined(causes: Sequence[Cause]) -> str:
    messages = list(dict.fromkeys(str(cause) for cause in causes))
    return messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"


def bad_request(message: str) -> ApiError:
    """400: the request could not be understood."""
    return ApiError(400, "BadRequest", message)


def method_not_allowed() -> ApiError:
    """405: the resource has no such verb."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def not_acceptable(accepted: Iterable[str]) -> ApiError:
    """406: none of the media types asked for can be written."""
    message = f"only the following media types are accepted: {', '.join(accepted)}"
    return ApiError(406, "NotAcceptable", message)


def unsupported_media_type(accepted: Iterable[str]) -> ApiError:
    """415: a body in a form that is not read here."""
    message = (
        "the body of the request was in an unknown format - "
        f"accepted media types include: {', '.join(accepted)}"
    )
    return ApiError(415, "UnsupportedMediaType", message)


def unsupported_patch() -> ApiError:
    """415: a patch in a form that no kind of patch has."""
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def expired(message: str) -> ApiError:
    """410: the history no longer reaches back that far."""
    return ApiError(410, "Expired", message)


def too_old(asked: int, oldest: int) -> ApiError:
    """410 for a watch or list that starts before the kept history."""
    return expired(f"too old resource version: {asked} ({oldest})")


def too_large_resource_version(asked: int, current: int, *, retry: bool = True) -> ApiError:
    """504: the revision asked for has not been reached."""
    cause = Cause("ResourceVersionTooLarge", "Too large resource version")
    details = {"causes": [cause.document()]} | ({"retryAfterSeconds": 1} if retry else {})
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, "Timeout", message, details)


def too_many_requests(message: str, cause: Cause, retry_seconds: int = 0) -> ApiError:
    """429: not now."""
    wait = {"retryAfterSeconds": retry_seconds} if retry_seconds else {}
    return ApiError(429, "TooManyRequests", message, {"causes": [cause.document()]} | wait)


def unauthorized() -> ApiError:
    """401: who asks cannot say who he is."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def internal(message: str) -> ApiError:
    """500: our own fault."""
    text = f"Internal error occurred: {message}"
    return ApiError(500, "InternalError", text, {"causes": [{"message": message}]})
