"""What a URL path of the API names: a group version, a collection, an object or a subresource."""

from dataclasses import dataclass
from functools import lru_cache

_OF_NAMESPACE = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True)
class Target:
    """The addressed thing; `resource` is "" for the group version itself, `name` for a collection.

    `namespace` is "" for cluster-wide requests. `rest` is what follows a subresource.
    """

    group: str
    version: str
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: tuple[str, ...] = ()
    watch: bool = False


@lru_cache(maxsize=4096)
def parse_target(path: str) -> Target | None:
    """Read `/api/<version>/…` and `/apis/<group>/<version>/…`; None for any other path.

    The long deprecated `/watch/` prefix is understood as `?watch=true`.
    """
    segments = [segment for segment in path.split("/") if segment]
    if len(segments) >= 2 and segments[0] == "api":
        return _resource("", segments[1], segments[2:])
    if len(segments) >= 3 and segments[0] == "apis":
        return _resource(segments[1], segments[2], segments[3:])
    return None


def _resource(group: str, version: str, segments: list[str]) -> Target:
    watch = segments[:1] == ["watch"]
    if watch:
        segments = segments[1:]
    namespace = ""
    if segments[:1] == ["namespaces"] and len(segments) >= 3 and not _is_of_namespace(segments):
        namespace, segments = segments[1], segments[2:]
    padded = [*segments[:3], "", "", ""]
    return Target(
        group, version, padded[0], namespace, padded[1], padded[2], tuple(segments[3:]), watch
    )


def _is_of_namespace(segments: list[str]) -> bool:
    return len(segments) == 3 and segments[2] in _OF_NAMESPACE
