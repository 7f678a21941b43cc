"""What the house asks of a Kubernetes API, and how its refusals are named."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

import msgspec

T = TypeVar("T")


class NoCluster(Exception):
    """No cluster could be found; the text names the ways to name one."""


class KubeError(Exception):
    """The API refused or could not be reached. *status* is 0 where there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Forbidden(KubeError):
    """403: RBAC does not allow it."""


class Missing(KubeError):
    """404: no such object, or no such kind."""


class Conflict(KubeError):
    """409: another writer was faster, or the object exists already."""


class Gone(KubeError):
    """410: the resourceVersion or the continue token has expired."""


class Unreadable(KubeError):
    """Something answered that is not the API, or not as the API does; *status* is 0."""


class Unavailable(KubeError):
    """No answer, too many requests, or a server that is starting or overloaded: reported once for the whole API."""


class Unauthorized(Unavailable):
    """401, also with credentials that were read again: an outage until somebody mends them."""


_BY_STATUS = {
    401: Unauthorized,
    403: Forbidden,
    404: Missing,
    409: Conflict,
    410: Gone,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_for(status: int, message: str) -> KubeError:
    """Return the error that stands for an HTTP *status*."""
    return _BY_STATUS.get(status, KubeError)(status, message)


def decoded(content: bytes, form: type[T], what: str) -> T:
    """Return *content* as *form*. Raises Unreadable, for instance at the HTML of something in between."""
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable(0, f"{what}: an answer that cannot be read: {error}") from error


class KubeApi(Protocol):
    """Both raise KubeError."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> bytes:
        """Return the body of a successful answer; *body* is encoded as JSON."""
        ...

    def open_watch(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a watch and hand out its lines; *silence* seconds without a byte end it with Unavailable."""
        ...
