"""One request for a served kind: what it asks for, and its answer in the form that the client wants."""

from dataclasses import dataclass
from typing import Any

from kthena_sandbox.apiserver.auth.access import Access
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.mutations import Outcome
from kthena_sandbox.apiserver.negotiation import (
    JSON,
    Form,
    check_body_type,
    decode,
    encode,
    media_type_of,
    negotiate,
)
from kthena_sandbox.apiserver.options import WriteOptions, write_options
from kthena_sandbox.apiserver.patching import check_patch_type
from kthena_sandbox.apiserver.paths import Target
from kthena_sandbox.apiserver.presenting import Presentation, include_option, shaped_object
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.strategies import as_shown
from kthena_sandbox.apiserver.web import Request, Response, Streaming, Takeover, warning
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
Answer = Response | Streaming | Takeover


@dataclass(frozen=True)
class Call:
    """One request for a served kind."""

    cluster: Cluster
    resource: ResourceType
    target: Target
    request: Request
    bookmark_seconds: float
    access: Access

    @property
    def key(self) -> Key:
        """The place of the addressed object."""
        return Key(self.target.namespace, self.target.name)

    def body(self) -> Any:
        """The decoded body. Raises ApiError 400 or 415."""
        return decode(self.request.body, self.request.headers.get("content-type", ""))

    def options(self, kind: str, subresource: str = "") -> WriteOptions:
        """How to write. Raises ApiError 415 for a form of body that is not read here, 422 for options that are not known."""
        media_type = media_type_of(self.request.headers.get("content-type", ""))
        if kind == "PatchOptions":
            check_patch_type(self.resource, media_type)
        else:
            check_body_type(media_type)
        return write_options(self.request, kind, subresource)

    def presentation(self) -> Presentation:
        """The form that the client wants. Raises ApiError 400 or 406."""
        form = negotiate(self.request.headers.get("accept", ""))
        return Presentation(form, include_option(self.request.query), self.cluster.clock())

    def shown(self, document: Document, code: int = 200) -> Response:
        """An object in that form."""
        return self.encoded(self._shaped(document), code)

    def _shaped(self, document: Document) -> Document:
        marked = self.request.method == "DELETE" and "deletionTimestamp" in document["metadata"]
        if not self.target.subresource and not marked:
            document = as_shown(self.resource, document)
        return shaped_object(self.resource, document, self.presentation())

    def review_form(self) -> Form:
        """The form of the answer to a review. Raises ApiError 406."""
        return negotiate(self.request.headers.get("accept", ""), tables=False)

    def reviewed(self, answer: Document, form: Form) -> Response:
        """The answer to a review, which nobody keeps."""
        shown = shaped_object(
            self.resource, answer, Presentation(form, "None", self.cluster.clock())
        )
        return Response(201, encode(shown, form), form.content_type)

    def encoded(self, document: Document, code: int = 200) -> Response:
        """A document as it is."""
        form = negotiate(self.request.headers.get("accept", ""))
        return Response(code, encode(document, form), form.content_type)

    def written(self, outcome: Outcome) -> Response:
        """What a write leads to, with its warnings."""
        shown = self._shaped(outcome.document)
        form = negotiate(self.request.headers.get("accept", ""))
        said = (*outcome.warnings, *self.request.gate.warnings())
        warnings = tuple(map(warning, said))
        return Response(outcome.code, encode(shown, form), form.content_type, warnings)


def plain(document: Document, code: int = 200) -> Response:
    """A document in JSON, whatever the client would like."""
    return Response(code, encode(document, Form(JSON)))
