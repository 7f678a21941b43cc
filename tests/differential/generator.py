"""A sequence of requests from a seed: all verbs, good and bad; it knows nothing of what the servers answer."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.differential.objects import KINDS, NAMESPACE, Document, Kind

NAMES = ("one", "two", "three", "four")
BAD_NAMES = ("Upper", "under_score", "-dash", "a" * 254, "dot.", "")
OWN_NAMES = (*NAMES, *BAD_NAMES, "another", "renamed")  # all that objects come to be named
MANAGERS = ("anna", "bert", "carl")
JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
LABELS: tuple[dict[str, str], ...] = ({"team": "a"}, {"team": "b", "tier": "x"}, {})
SELECTORS = (
    "team=a", "team!=a", "team in (a,b)", "team notin (b)", "tier", "!tier", "team==b,tier=x", "a b", "team in (", "=x",
)  # fmt: skip
# Of objects outside of namespaces servers have their own, which these leave out.
OWN_SELECTORS = ("team=a", "team in (a,b)", "tier", "team==b,tier=x", "a b", "team in (", "=x")
FIELDS = (
    "metadata.name=one",
    "metadata.name!=one",
    f"metadata.namespace={NAMESPACE}",
    "spec.nothing=1",
    "status.phase=Pending",
)


@dataclass(frozen=True)
class Request:
    """One request. In *path*, *query* and *body*, `@rv:PATH@` and `@uid:PATH@` stand for what a server last said of PATH."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    raw: str | None = None  # a body that is sent as it is

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        body = "" if self.body is None else " " + json.dumps(self.body)
        said = {name: value for name, value in self.headers.items() if name != "content-type"}
        kind = self.headers.get("content-type", "") + (f" {said}" if said else "")
        return (
            f"{self.method} {self.path}{'?' if query else ''}{query} {kind}{body}{self.raw or ''}"
        )


def requests(seed: int, count: int) -> Iterator[Request]:
    """Yield *count* requests, the same for the same seed."""
    maker = _Maker(random.Random(seed))
    for _ in range(count):
        yield maker.next()


def merged(document: Document, patch: Document) -> Document:
    """Return *document* with a JSON merge patch applied (RFC 7386)."""
    result = copy.deepcopy(document)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = copy.deepcopy(value)
    return result


class _Maker:
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._makers: tuple[tuple[Callable[[Kind, str], Request], int], ...] = (
            (self._create, 22),
            (self._spoilt, 14),
            (self._get, 8),
            (self._list, 8),
            (self._replace, 10),
            (self._merge, 12),
            (self._strategic, 8),
            (self._json_patch, 8),
            (self._apply, 20),
            (self._delete, 12),
            (self._delete_all, 2),
            (self._status, 6),
            (self._scale, 3),
            (self._odd, 6),
            (self._finalize, 2),
            (self._discovery, 2),
        )

    def next(self) -> Request:
        makers, weights = zip(*self._makers, strict=True)
        make: Callable[[Kind, str], Request] = self._dice.choices(makers, weights)[0]
        return make(self._dice.choice(KINDS), self._dice.choice(NAMES))

    def _chance(self, share: float) -> bool:
        return self._dice.random() < share

    def _options(self) -> dict[str, str]:
        """Return the options of a write, mostly none."""
        options: dict[str, str] = {}
        if self._chance(0.1):
            options["dryRun"] = "All" if self._chance(0.9) else "Some"
        if self._chance(0.4):
            options["fieldManager"] = self._dice.choice(MANAGERS)
        if self._chance(0.25):
            options["fieldValidation"] = self._dice.choice(("Strict", "Warn", "Ignore", "Odd"))
        return options

    def _good(self, kind: Kind, name: str) -> Document:
        metadata: Document = {}
        if labels := self._dice.choice(LABELS):
            metadata["labels"] = dict(labels)
        if self._chance(0.2):
            metadata["annotations"] = {"note": self._dice.choice("xyz")}
        if self._chance(0.06):
            metadata["finalizers"] = ["example.com/hold"]
        document = kind.good(name, **metadata)
        if self._chance(0.4) and kind.patches:
            document = merged(document, self._dice.choice(kind.patches))
        return document

    def _create(self, kind: Kind, name: str) -> Request:
        return Request(
            "POST", kind.collection, self._options(), {"content-type": JSON}, self._good(kind, name)
        )

    def _spoilt(self, kind: Kind, name: str) -> Request:
        document = merged(self._good(kind, name), self._dice.choice(kind.spoilt))
        if self._chance(0.2):
            document = self._good(kind, self._dice.choice(BAD_NAMES))
        elif self._chance(0.1):
            key = self._dice.choice(("kind", "apiVersion", "metadata"))
            document[key] = self._dice.choice(("Other", None, 3))
        if self._chance(0.5):
            return Request(
                "POST", kind.collection, self._options(), {"content-type": JSON}, document
            )
        return Request("PUT", kind.path(name), self._options(), {"content-type": JSON}, document)

    def _get(self, kind: Kind, name: str) -> Request:
        suffix = self._dice.choice(("", "", "", "/status", "/scale", "/nothing"))
        return Request("GET", kind.path(name) + suffix)

    def _list(self, kind: Kind, name: str) -> Request:
        query: dict[str, str] = {}
        if not kind.namespaced:
            query["labelSelector"] = self._dice.choice(OWN_SELECTORS)
        elif self._chance(0.4):
            query["labelSelector"] = self._dice.choice(SELECTORS)
        if self._chance(0.3):
            query["fieldSelector"] = self._dice.choice(FIELDS)
        if self._chance(0.3):
            query["limit"] = self._dice.choice(("1", "2", "-1", "x"))
        if self._chance(0.1):
            query["resourceVersion"] = self._dice.choice(("0", "x"))
        if self._chance(0.1):
            query["resourceVersionMatch"] = self._dice.choice(("Exact", "NotOlderThan", "Odd"))
        if self._chance(0.05):
            query["continue"] = "none"
        return Request("GET", kind.collection, query)

    def _replace(self, kind: Kind, name: str) -> Request:
        document = self._good(kind, name)
        path = kind.path(name)
        if self._chance(0.6):
            document["metadata"]["resourceVersion"] = f"@rv:{path}@"
        elif self._chance(0.3):
            document["metadata"]["resourceVersion"] = "1"
        if self._chance(0.15):
            document["metadata"]["uid"] = self._dice.choice((f"@uid:{path}@", "other"))
        if self._chance(0.05):
            document["metadata"]["name"] = "another"
        return Request("PUT", path, self._options(), {"content-type": JSON}, document)

    def _patch(self, kind: Kind) -> Document:
        metadata: tuple[Document, ...] = (
            {"metadata": {"labels": {"team": self._dice.choice("abc")}}},
            {"metadata": {"annotations": {"note": None}}},
            {"metadata": {"finalizers": None}},
            {"metadata": {"labels": {"bad label": "x"}}},
            {"metadata": {"name": "renamed"}},
            {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": "u"}]}},
        )  # fmt: skip
        return copy.deepcopy(
            self._dice.choice((*kind.patches, *kind.patches, *metadata, *kind.spoilt))
        )

    def _merge(self, kind: Kind, name: str) -> Request:
        return Request(
            "PATCH", kind.path(name), self._options(), {"content-type": MERGE}, self._patch(kind)
        )

    def _strategic(self, kind: Kind, name: str) -> Request:
        patch = self._patch(kind)
        if self._chance(0.2):
            patch["metadata"] = {"labels": {"$patch": "replace", "team": "z"}}
        if kind.resource == "deployments" and self._chance(0.5):
            containers: list[Document] = self._dice.choice(
                (
                    [{"name": "side", "image": "busybox"}],
                    [{"name": "main", "$patch": "delete"}, {"name": "side", "image": "busybox"}],
                    [{"name": "main", "ports": [{"containerPort": 80}, {"containerPort": 81}]}],
                    [{"image": "nameless"}],
                )
            )
            patch = {"spec": {"template": {"spec": {"containers": containers}}}}
        return Request(
            "PATCH", kind.path(name), self._options(), {"content-type": STRATEGIC}, patch
        )

    def _json_patch(self, kind: Kind, name: str) -> Request:
        operations: list[Document] = [
            {"op": "add", "path": "/metadata/labels", "value": {"team": "j"}},
            {"op": "replace", "path": "/metadata/labels/team", "value": "k"},
            {"op": "remove", "path": "/metadata/annotations"},
            {"op": "test", "path": "/metadata/name", "value": name},
            {"op": "test", "path": "/metadata/name", "value": "nobody"},
            {"op": "remove", "path": "/metadata/finalizers/0"},
            {"op": "copy", "from": "/metadata/name", "path": "/metadata/labels/copied"},
            {"op": "move", "from": "/metadata/labels/team", "path": "/metadata/labels/moved"},
            {"op": "odd", "path": "/metadata"},
            {"op": "add", "path": "no-slash", "value": 1},
        ]  # fmt: skip
        chosen = self._dice.sample(operations, self._dice.choice((1, 1, 2)))
        return Request(
            "PATCH", kind.path(name), self._options(), {"content-type": JSON_PATCH}, chosen
        )

    def _apply(self, kind: Kind, name: str) -> Request:
        query = {"fieldManager": self._dice.choice(MANAGERS)}
        if self._chance(0.3):
            query["force"] = self._dice.choice(("true", "false"))
        if self._chance(0.05):
            query.pop("fieldManager")
        if self._chance(0.08):
            query["dryRun"] = "All"
        document = self._good(kind, name)
        if self._chance(0.35):  # of what is there, a part
            document = merged(
                {key: document[key] for key in ("apiVersion", "kind", "metadata")},
                self._patch(kind),
            )
        if self._chance(0.1):
            document = merged(document, self._dice.choice(kind.spoilt))
        if self._chance(0.1):
            document["metadata"]["resourceVersion"] = f"@rv:{kind.path(name)}@"
        return Request("PATCH", kind.path(name), query, {"content-type": APPLY}, document)

    def _delete(self, kind: Kind, name: str) -> Request:
        path = kind.path(name)
        body: Document = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if self._chance(0.3):
            body["propagationPolicy"] = self._dice.choice(
                ("Background", "Foreground", "Orphan", "Odd")
            )
        if self._chance(0.2):
            body["preconditions"] = {"uid": self._dice.choice((f"@uid:{path}@", "other"))}
        if self._chance(0.1):
            body["preconditions"] = {"resourceVersion": self._dice.choice((f"@rv:{path}@", "1"))}
        if self._chance(0.3):
            body["gracePeriodSeconds"] = self._dice.choice((0, 0, 5, -1))
        if self._chance(0.1):
            body["dryRun"] = ["All"]
        sends = self._chance(0.7)
        return Request(
            "DELETE", path, {}, {"content-type": JSON} if sends else {}, body if sends else None
        )

    def _delete_all(self, kind: Kind, name: str) -> Request:
        query = {"labelSelector": self._dice.choice(("team=a", "tier", "a b"))}
        return Request("DELETE", kind.collection, query)

    def _status(self, kind: Kind, name: str) -> Request:
        condition = {
            "type": "Ready",
            "status": "True",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "reason": "R",
            "message": "",
        }
        patch = {"status": {"conditions": [condition]}, "spec": {"replicas": 7}}
        return Request(
            "PATCH", kind.path(name) + "/status", self._options(), {"content-type": MERGE}, patch
        )

    def _scale(self, kind: Kind, name: str) -> Request:
        patch = {"spec": {"replicas": self._dice.choice((0, 1, 5, -2, "x"))}}
        return Request("PATCH", kind.path(name) + "/scale", {}, {"content-type": MERGE}, patch)

    def _finalize(self, _: Kind, name: str) -> Request:
        """Return what lets a namespace go that is being deleted, as a namespace controller does."""
        finalizers = self._dice.choice(([], [], ["kubernetes"], ["example.com/own"], ["odd"]))
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": finalizers}}  # fmt: skip
        path = f"/api/v1/namespaces/{name}/finalize"
        return Request("PUT", path, self._options(), {"content-type": JSON}, body)

    def _discovery(self, kind: Kind, _: str) -> Request:
        """Return a request for a document about kinds; of whole lists of them servers have their own."""
        group = "" if "/" not in kind.api_version else kind.api_version.partition("/")[0]
        paths = ["/api", "/version"] if not group else [f"/apis/{group}"] * 2
        if kind.custom:
            paths.append(f"/apis/{kind.api_version}")
        return Request("GET", self._dice.choice(paths))

    def _odd(self, kind: Kind, name: str) -> Request:
        good = self._good(kind, name)
        own = {} if kind.namespaced else {"labelSelector": "team=a"}
        return self._dice.choice(
            (
                Request("POST", kind.path(name), {}, {"content-type": JSON}, good),
                Request("PUT", kind.collection, {}, {"content-type": JSON}, good),
                Request("PATCH", kind.path(name), {}, {"content-type": JSON}, good),
                Request("POST", kind.collection, {}, {"content-type": "text/plain"}, good),
                Request("POST", kind.collection, {}, {"content-type": JSON}, [good]),
                Request("POST", kind.collection, {}, {"content-type": JSON}, "text"),
                Request("GET", kind.collection.replace(kind.resource, "nothings")),
                Request("GET", kind.collection.replace("v1", "v9")),
                Request("GET", f"/apis/nowhere.example.com/v1/{kind.resource}"),
                Request("POST", kind.collection.replace(NAMESPACE, "absent"), {}, {"content-type": JSON}, good),
                # not kept, since its name would come somewhere among the others
                Request("POST", kind.collection, {"dryRun": "All"}, {"content-type": JSON}, merged(good, {"metadata": {"name": None, "generateName": "made-"}})),
                Request("POST", kind.collection, {}, {"content-type": JSON}, merged(good, {"metadata": {"name": None}})),
                Request("GET", kind.path(name), {}, {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}),
                Request("GET", kind.collection, own, {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}),
            )
        )  # fmt: skip
