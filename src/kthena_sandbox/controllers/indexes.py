"""Completion indexes of an indexed Job, as numbers and as text. Pure."""

from collections.abc import Iterable

from kthena_sandbox.controllers.ownership import labels_of
from kthena_sandbox.kinds import Document

INDEX = "batch.kubernetes.io/job-completion-index"


def index_of(pod: Document) -> int | None:
    """The completion index of a pod of an indexed Job."""
    text = labels_of(pod).get(INDEX, "")
    return int(text) if text.isdecimal() else None


def read_indexes(text: str) -> frozenset[int]:
    """`0-2,5` as numbers."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def write_indexes(indexes: Iterable[int]) -> str:
    """Numbers as `0-2,5`; runs of two are no runs."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(
        f"{first}-{last}" if last > first + 1 else ",".join(map(str, range(first, last + 1)))
        for first, last in runs
    )
