"""The admission plugins that are built in, one after the other."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kthena_sandbox.apiserver.admission import accounts, storage
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.gates import Attempt

Document = dict[str, Any]
_COMPLETE: tuple[Callable[[Cluster, Attempt], Document], ...] = (
    accounts.completed,
    storage.completed,
)


def completed(cluster: Cluster, attempt: Attempt) -> Document:
    """The object with what they add. Raises ApiError 403."""
    for complete in _COMPLETE:
        if attempt.new is not None:
            attempt = replace(attempt, new=complete(cluster, attempt))
    return attempt.subject


def check(cluster: Cluster, attempt: Attempt) -> None:
    """Raises ApiError 403 for what they do not allow."""
    storage.check(cluster, attempt)
