"""What follows from the catalogue alone, made once for each: discovery and OpenAPI, with entity tags."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kthena_sandbox.apiserver import discovery
from kthena_sandbox.apiserver.catalogue import Catalogue
from kthena_sandbox.apiserver.negotiation import JSON, media_ranges
from kthena_sandbox.apiserver.web import Request, Response

if TYPE_CHECKING:
    from kthena_sandbox.schema.descriptions import Descriptions

# What is asked for has an "@", which Go's mime parser refuses in an answer; kube-openapi writes a dot.
_V2_ASKED = frozenset(
    f"application/com.github.proto-openapi.spec.v2{mark}v1.0+protobuf" for mark in "@."
)
_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_FOR_EVER = ("cache-control", "public, max-age=31536000, immutable")


@dataclass(frozen=True, slots=True)
class Page:
    """One encoded document."""

    body: bytes
    content_type: str = JSON


class Documents:
    """The documents of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._pages: dict[str, Page] = {}

    def _page(self, name: str, make: Callable[[], Any], content_type: str = JSON) -> Page:
        if name not in self._pages:
            made = make()
            body = made if isinstance(made, bytes) else discovery.encoded(made)
            self._pages[name] = Page(body, content_type)
        return self._pages[name]

    def roots(self, request: Request, *, legacy: bool) -> Response:
        """`/api` or `/apis`, aggregated when the client wants that."""
        version = discovery.aggregated_form(request.headers.get("accept", ""))
        if version is None:
            if legacy:
                address = request.headers.get("host", "")
                return _answer(request, Page(discovery.encoded(discovery.legacy_versions(address))))
            return _answer(request, self._page("roots", self._group_list))
        content_type = f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
        page = self._page(
            f"aggregated {version} {legacy}",
            lambda: discovery.aggregated(self.catalogue, version, legacy=legacy),
            content_type,
        )
        return _answer(request, page)

    def _group_list(self) -> Any:
        return discovery.group_list(self.catalogue)

    def group(self, request: Request, group: str) -> Response | None:
        """`/apis/<group>`."""
        found = discovery.api_group(self.catalogue, group)
        return None if found is None else _answer(request, Page(discovery.encoded(found)))

    def resources(self, request: Request, group: str, version: str) -> Response | None:
        """`/api/v1` or `/apis/<group>/<version>`."""
        found = discovery.resource_list(self.catalogue, group, version)
        return None if found is None else _answer(request, Page(discovery.encoded(found)))

    def openapi_v2(self, request: Request) -> Response:
        """`/openapi/v2`, as protobuf when the client wants that."""
        ranges = [entry.type for entry in media_ranges(request.headers.get("accept", ""))]
        page = self._page("openapi v2", self._v2)
        if not _V2_ASKED.intersection(ranges[:1]):
            return _answer(request, page)
        protobuf = self._page("openapi v2 protobuf", self._protobuf, _V2_PROTOBUF)
        return _answer(request, protobuf)

    def _v2(self) -> Any:
        from kthena_sandbox.schema.openapi import openapi_v2  # most servers are never asked for it

        return openapi_v2(self.catalogue.types)

    def _protobuf(self) -> bytes:
        from kthena_sandbox.schema.openapi import openapi_v2_protobuf

        return openapi_v2_protobuf(self._v2())

    def openapi_v3(self, request: Request) -> Response | None:
        """`/openapi/v3` and what it points to; the hash in the addresses lets clients keep a document."""
        name = request.path.removeprefix("/openapi/v3").strip("/")
        if not name:
            return _answer(request, self._page("openapi v3", self._index))
        group, version = _group_version(name)
        types = self.catalogue.of_version(group, version)
        if not types:
            return None
        page = self._v3_page(group, version)
        wanted, present = request.query.get("hash"), _hash(page)
        if wanted == present:
            return _answer(request, page, _FOR_EVER)
        if wanted is None:
            return _answer(request, page)
        address = f"/openapi/v3/{name}?hash={present}"
        return Response(301, b"", headers=(("location", address),))

    def _index(self) -> Any:
        from kthena_sandbox.schema.descriptions import Descriptions

        paths, descriptions = {}, Descriptions()
        for group, versions in sorted(self.catalogue.groups.items()):
            for version in versions:
                name = f"apis/{group}/{version}" if group else f"api/{version}"
                address = (
                    f"/openapi/v3/{name}?hash={_hash(self._v3_page(group, version, descriptions))}"
                )
                paths[name] = {"serverRelativeURL": address}
        return {"paths": paths}

    def _v3_page(
        self, group: str, version: str, descriptions: "Descriptions | None" = None
    ) -> Page:
        from kthena_sandbox.schema.openapi import openapi_v3

        types = self.catalogue.of_version(group, version)
        return self._page(
            f"openapi v3 {group}/{version}",
            lambda: openapi_v3(types[0].api_version, types, descriptions),
        )


def _hash(page: Page) -> str:
    """Of the document itself, since clients keep it for ever under that."""
    return hashlib.sha256(page.body).hexdigest().upper()


def _group_version(name: str) -> tuple[str, str]:
    parts = name.split("/")
    return (
        ("", parts[1])
        if parts[0] == "api" and len(parts) == 2
        else (parts[1] if len(parts) == 3 else "?", parts[-1])
    )


def _answer(request: Request, page: Page, *headers: tuple[str, str]) -> Response:
    tag = discovery.etag(page.body)
    tagged = (("etag", tag), ("vary", "Accept"), *headers)
    if request.headers.get("if-none-match") == tag:
        return Response(304, b"", page.content_type, tagged)
    return Response(200, page.body, page.content_type, tagged)
