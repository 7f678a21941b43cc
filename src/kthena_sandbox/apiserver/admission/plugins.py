"""The admission plugins that a kube-apiserver has built in, in its order: what they complete, and what they refuse."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kthena_sandbox.apiserver.admission import (
    accounts,
    ingressclasses,
    limitranges,
    priorities,
    quotas,
    runtimeclasses,
    storage,
    tolerations,
)
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.gates import Attempt

Document = dict[str, Any]
_COMPLETING: tuple[Callable[[Cluster, Attempt], Document], ...] = (
    limitranges.completed,
    accounts.completed,
    priorities.completed,
    tolerations.completed,
    storage.completed,
    runtimeclasses.completed,
    ingressclasses.completed,
)
_REFUSING: tuple[Callable[[Cluster, Attempt], None], ...] = (
    limitranges.check,
    priorities.check_default,
    storage.check,
)


def completed(cluster: Cluster, attempt: Attempt) -> Document:
    """The new object as all of them make it; of a deletion what is to go. Raises ApiError."""
    for complete in _COMPLETING:
        if attempt.new is not None:
            made = complete(cluster, attempt)
            attempt = attempt if made is attempt.new else replace(attempt, new=made)
    return attempt.subject


def check(cluster: Cluster, attempt: Attempt) -> None:
    """Raises ApiError for what one of them refuses."""
    for refuse in _REFUSING:
        refuse(cluster, attempt)


def check_last(cluster: Cluster, attempt: Attempt) -> None:
    """Raises ApiError 403 for what is too much, once nobody else objects."""
    quotas.check(cluster, attempt)
