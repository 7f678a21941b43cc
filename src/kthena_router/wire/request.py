"""What a request asks for, as far as routing needs to know; the body itself stays as it came."""

from dataclasses import dataclass

import msgspec

from kthena_router.errors import InvalidRequest, ModelMissing
from kthena_router.wire.body import Span, members, splice, value_spans
from kthena_router.wire.multipart import boundary_of, field_spans

MISSING = "model not found: the request must name a model in the field `model`"


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request for *model*. *body*: as received. *stream*: the client asked for events."""

    body: bytes
    model: str
    stream: bool
    spans: tuple[Span, ...]  # where the model stands in the body
    as_json: bool = True

    def body_for(self, model: str) -> bytes:
        """Return the body with *model* as its model; every other byte is the client's."""
        if model == self.model:
            return self.body
        value = msgspec.json.encode(model) if self.as_json else model.encode()
        return splice(self.body, list(self.spans), value)


def parse_request(body: bytes, content_type: str) -> ModelRequest:
    """Return what *body* asks for. Raises InvalidRequest, ModelMissing."""
    if content_type.lower().startswith("multipart/form-data"):
        return _parse_form(body, content_type)
    return _parse_json(body)


def _parse_json(body: bytes) -> ModelRequest:
    if not body.strip():
        raise InvalidRequest("invalid request body: it is empty, and must be a JSON object")
    try:
        values = members(body)
    except msgspec.ValidationError:
        raise InvalidRequest("invalid request body: it must be a JSON object") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"invalid request body: it is not JSON: {error}") from error
    model = _text(values.get("model"))
    stream = bytes(values.get("stream", b"")) == b"true"
    return ModelRequest(body, model, stream, tuple(value_spans(body, values, "model")))


def _text(raw: msgspec.Raw | None) -> str:
    if raw is None:
        raise ModelMissing(MISSING)
    try:
        text = msgspec.json.decode(raw, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ModelMissing("model not found: the field `model` must be a string") from None
    if not text.strip():
        raise ModelMissing("model not found: the field `model` must not be blank")
    return text


def _parse_form(body: bytes, content_type: str) -> ModelRequest:
    boundary = boundary_of(content_type)
    if boundary is None:
        raise InvalidRequest("invalid request body: the multipart content type names no boundary")
    spans = field_spans(body, boundary, "model")
    if not spans:
        raise ModelMissing(MISSING)
    start, end = spans[-1]
    try:
        model = body[start:end].decode().strip()
    except UnicodeDecodeError:
        raise ModelMissing("model not found: the field `model` must be UTF-8") from None
    if not model:
        raise ModelMissing("model not found: the field `model` must not be blank")
    return ModelRequest(body, model, stream=False, spans=tuple(spans), as_json=False)
