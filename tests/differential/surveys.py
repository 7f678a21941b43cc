"""What is compared once all requests are answered: what watches tell, lists in chunks, tables, and discovery as one document."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.differential.generator import Request
from tests.differential.normalising import difference, normalised
from tests.differential.objects import KINDS, Document, Kind
from tests.differential.session import Session, about

_WATCHES = 20  # at a time, since each takes a second
_SELECTED: tuple[dict[str, str], ...] = (
    {}, {"labelSelector": "team=a"}, {"labelSelector": "tier"}, {"fieldSelector": "metadata.name=one"},
)  # fmt: skip
_TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
_WHOLE = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}


def watched(
    ours: Session, theirs: Session, since: Sequence[Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield of each collection how a watch of all that happened *since* differs, with its query."""
    asked = [(kind, query) for kind in KINDS if kind.namespaced for query in _SELECTED]

    def told(place: tuple[Kind, dict[str, str]]) -> tuple[str, str]:
        kind, query = place
        one, other = (
            normalised(sorted(side.events(kind.collection, query | {"resourceVersion": start[kind.collection]}), key=about))
            for side, start in zip((ours, theirs), since, strict=True)
        )  # fmt: skip
        return f"WATCH {kind.collection}?{query}", difference(one, other)

    with ThreadPoolExecutor(_WATCHES) as pool:
        yield from pool.map(told, asked)


def revisions(one: Session) -> dict[str, str]:
    """Return where watches of all that is to come begin, by collection."""
    return {kind.collection: one.revision(kind.collection) for kind in KINDS}


def surveyed(ours: Session, theirs: Session) -> Iterator[tuple[str, str]]:
    """Yield how chunks, tables and discovery differ, each with what was asked."""
    for kind in KINDS:
        own = {} if kind.namespaced else {"labelSelector": "team=a"}
        chunks = (
            normalised(one.chunks(kind.collection, own | {"limit": "2"})) for one in (ours, theirs)
        )
        yield f"CHUNKS {kind.collection}", difference(*chunks)
        for include in ("None", "Object"):
            request = Request("GET", kind.collection, own | {"includeObject": include}, _TABLE)
            yield (
                str(request),
                difference(*(normalised(one.ask(request).body) for one in (ours, theirs))),
            )
    for path in ("/api", "/apis"):
        request = Request("GET", path, {}, _WHOLE)
        one, other = (_known(side.ask(request).body) for side in (ours, theirs))
        yield (
            str(request),
            difference(
                one, [_as_far(mine, entry) for mine, entry in zip(one, other, strict=False)]
            ),
        )


def _known(document: Document) -> Any:
    """Discovery of the kinds that are asked for; others, and groups that a cluster has besides, are its own."""
    known = {(kind.api_version, kind.resource) for kind in KINDS}
    found = []
    for group in document["items"]:
        prefix = f"{group['metadata']['name']}/" if "name" in group["metadata"] else ""
        for version in group["versions"]:
            found += [
                (prefix + version["version"], one["resource"], normalised(one))
                for one in version["resources"]
                if (prefix + version["version"], one["resource"]) in known
            ]
    return [list(one) for one in sorted(found, key=lambda one: one[:2])]


def _as_far(ours: Any, theirs: Any) -> Any:
    """Their entry without the subresources that are not served here, which the table of what is supported tells."""
    named = {one["subresource"] for one in ours[2].get("subresources", [])}
    kept = [one for one in theirs[2].get("subresources", []) if one["subresource"] in named]
    return [*theirs[:2], theirs[2] | ({"subresources": kept} if kept else {})]
