"""What a request asks for, as far as routing needs to know; the body itself stays as it came."""

from collections.abc import Mapping, Sequence

import msgspec

from kthena_router.errors import InvalidRequest, ModelMissing
from kthena_router.wire.body import Edit, Span, TooComplex, edited, members, value_spans
from kthena_router.wire.multipart import boundary_of, field_spans
from kthena_router.wire.stream_options import usage_edits

MAX_MODEL_NAME = 1_024  # characters; the CRD of ModelRoute has the same limit

_MISSING = "model not found: the request must name a model in the field `model`"
_BLANK = "model not found: the field `model` must not be blank"
_NO_STRING = "model not found: the field `model` must be a string"
_NO_UTF8 = "model not found: the field `model` must be UTF-8"


class Edits(msgspec.Struct, frozen=True):
    """What an engine gets in place of the client's *body*. *asks_for_usage*: also of the usage, which the client did not."""

    body: bytes
    edits: Sequence[Edit]
    asks_for_usage: bool

    def made(self) -> bytes:
        """Return the body with the edits made."""
        return edited(self.body, self.edits) if self.edits else self.body


class ModelRequest(msgspec.Struct, frozen=True):
    """A request for *model*. *body*: as received; *values*: its members, undecoded; *spans*: where a form has the model."""

    body: bytes
    model: str
    values: Mapping[str, msgspec.Raw]
    spans: tuple[Span, ...] = ()

    def edits_for(self, model: str, *, usage: bool) -> Edits:
        """Return the edits that make *model* the model, and with *usage* those that ask for the usage of a stream.

        Every other byte stays the client's. Raises InvalidRequest.
        """
        try:
            renamed = self._model_edits(model) if model != self.model else []
            asking = usage_edits(self.body, self.values) if usage and not self.spans else []
        except TooComplex as error:
            raise InvalidRequest(f"invalid request body: {error}") from None
        return Edits(self.body, renamed + asking, asks_for_usage=bool(asking))

    def _model_edits(self, model: str) -> list[Edit]:
        if self.spans:
            return [(*span, model.encode()) for span in self.spans]
        value = msgspec.json.encode(model)
        return [(*span, value) for span in value_spans(self.body, self.values, "model")]


def parse_request(body: bytes, content_type: str) -> ModelRequest:
    """Return what *body* asks for. Raises InvalidRequest, ModelMissing.

    Whatever does not say that it is a form is read as JSON: `curl -d` says `application/x-www-form-urlencoded`.
    """
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
    except UnicodeDecodeError:
        raise InvalidRequest("invalid request body: it must be UTF-8") from None
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            f"invalid request body: it is not JSON: {error}; send a JSON object, or multipart/form-data"
        ) from None
    except RecursionError:
        raise InvalidRequest("invalid request body: it is nested too deeply") from None
    except TooComplex as error:
        raise InvalidRequest(f"invalid request body: {error}") from None
    return ModelRequest(body, _text(values.get("model")), values)


def _text(raw: msgspec.Raw | None) -> str:
    if raw is None:
        raise ModelMissing(_MISSING)
    try:
        return _checked(msgspec.json.decode(raw, type=str))
    except msgspec.ValidationError:
        raise ModelMissing(_NO_STRING) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ModelMissing(_NO_UTF8) from None


def _parse_form(body: bytes, content_type: str) -> ModelRequest:
    boundary = boundary_of(content_type)
    if boundary is None:
        raise InvalidRequest(
            "invalid request body: the multipart content type must name a valid boundary"
        )
    try:
        spans = field_spans(body, boundary, "model")
    except TooComplex as error:
        raise InvalidRequest(f"invalid request body: {error}") from None
    if not spans:
        raise ModelMissing(_MISSING)
    start, end = spans[-1]
    try:
        model = body[start:end].decode()
    except UnicodeDecodeError:
        raise ModelMissing(_NO_UTF8) from None
    return ModelRequest(body, _checked(model.strip()), {}, tuple(spans))


def _checked(model: str) -> str:
    if not model.strip():
        raise ModelMissing(_BLANK)
    if len(model) > MAX_MODEL_NAME:
        raise InvalidRequest(
            f"model not found: a name has at most {MAX_MODEL_NAME} characters, this one {len(model)}"
        )
    return model
