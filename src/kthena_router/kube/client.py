"""What the house asks of a Kubernetes API, and how its refusals are named."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class NoCluster(Exception):
    """No cluster could be found; the text names the ways to name one."""


class KubeError(Exception):
    """The API refused or could not be reached. *status* is 0 where there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Unauthorized(KubeError):
    """401: the credentials have been read again; try once more."""


class Forbidden(KubeError):
    """403: RBAC does not allow it."""


class Missing(KubeError):
    """404: no such object, or no such kind."""


class Conflict(KubeError):
    """409: another writer was faster, or the object exists already."""


class Gone(KubeError):
    """410: the resourceVersion or the continue token has expired."""


class Unavailable(KubeError):
    """No answer, a time-out, 429 or 5xx."""


_BY_STATUS = {401: Unauthorized, 403: Forbidden, 404: Missing, 409: Conflict, 410: Gone}


def error_for(status: int, message: str) -> KubeError:
    """Return the error that stands for an HTTP *status*."""
    if status in _BY_STATUS:
        return _BY_STATUS[status](status, message)
    return (
        Unavailable(status, message)
        if status >= 500 or status == 429
        else KubeError(status, message)
    )


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
    ) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Open a watch and hand out its lines; *silence* seconds without a byte end it with Unavailable."""
        ...
