"""Which form an answer takes (`Accept`) and which form a body has (`Content-Type`)."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import yaml

from kthena_sandbox.apiserver.errors import (
    ApiError,
    bad_request,
    not_acceptable,
    unsupported_media_type,
)
from kthena_sandbox.apiserver.protobuf import decode_protobuf
from kthena_sandbox.nesting import check_nesting

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
APPLY_PATCH = "application/apply-patch+yaml"
WRITTEN = (JSON, YAML)
_ANY = frozenset({"*/*", "application/*", ""})
_TABLE = "Table"
_SHAPES = frozenset({_TABLE, "PartialObjectMetadata", "PartialObjectMetadataList"})


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One entry of an Accept header."""

    type: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def quality(self) -> float:
        """The weight, 1 where it is missing or unreadable."""
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 1.0


@dataclass(frozen=True, slots=True)
class Form:
    """How to write an answer: media type, and the `as=` shape ("" is the object itself)."""

    media_type: str = JSON
    shape: str = ""
    version: str = "v1"

    @property
    def content_type(self) -> str:
        """The Content-Type of an answer in this form."""
        return self.media_type


def media_ranges(accept: str) -> list[MediaRange]:
    """Split an Accept header, the most wanted first (RFC 9110, 12.5.1)."""
    ranges = []
    for entry in accept.split(","):
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        ranges.append(MediaRange(media_type.lower(), {key: value for key, _, value in pairs}))
    return sorted(ranges, key=lambda entry: -entry.quality)


@lru_cache(maxsize=256)
def negotiate(accept: str, *, tables: bool = True) -> Form:
    """The first wanted form that can be written; answers to reviews are no *tables*. Raises ApiError 406 if there is none."""
    for entry in media_ranges(accept):
        form = _form(entry)
        if form is not None and (tables or form.shape != _TABLE):
            return form
    raise not_acceptable(WRITTEN)


def check_routed(accept: str, *, streams: bool = False) -> None:
    """What paths of built-in kinds ask of an Accept header before anybody looks at the request. Raises ApiError 406."""
    written = {*WRITTEN, "*/*", ""}
    if any(entry.type in written for entry in media_ranges(accept)):
        return
    told = ", ".join((*WRITTEN, f"{JSON};stream=watch") if streams else WRITTEN)
    message = f"406: Not Acceptable\n\nAvailable representations: {told}"
    raise ApiError(406, "NotAcceptable", message, {})


def _form(entry: MediaRange) -> Form | None:
    media_type = JSON if entry.type in _ANY else entry.type
    if media_type not in WRITTEN:
        return None
    shape = entry.parameters.get("as", "")
    if not shape:
        return Form(media_type)
    known = shape in _SHAPES and entry.parameters.get("g") == "meta.k8s.io"
    version = entry.parameters.get("v", "v1")
    return Form(media_type, shape, version) if known and version in {"v1", "v1beta1"} else None


def encode(document: Any, form: Form) -> bytes:
    """Write a document as JSON or YAML."""
    if form.media_type == YAML:
        return yaml.safe_dump(document, sort_keys=True, allow_unicode=True).encode()
    return msgspec.json.encode(document) + b"\n"


def media_type_of(content_type: str) -> str:
    """The media type of a Content-Type header, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def check_body_type(media_type: str) -> None:
    """Raises ApiError 415 for a body that `decode` does not read; one that says nothing is JSON."""
    if media_type not in {"", JSON, YAML, "text/yaml", PROTOBUF}:
        raise unsupported_media_type((*WRITTEN, PROTOBUF))


def decode(body: bytes, content_type: str) -> Any:
    """Read a JSON, YAML or protobuf body. Raises ApiError 400 for a bad one, 415 for other media types."""
    media_type = media_type_of(content_type) or JSON
    check_body_type(media_type)
    if media_type == PROTOBUF:
        return decode_protobuf(body)
    if media_type != JSON:
        return decode_yaml(body)
    return decode_json(body)


def decode_json(body: bytes) -> Any:
    """Read JSON. Raises ApiError 400."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(str(error)) from error
    except RecursionError as error:
        raise _unreadable("exceeded max depth") from error


def decode_patch(body: bytes) -> Any:
    """Read a patch. Raises ValueError with the words of Go's decoder, as far as a body is cut off."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        truncated = str(error) == "Input data was truncated"
        raise ValueError("unexpected end of JSON input" if truncated else str(error)) from error
    except RecursionError as error:
        raise ValueError("exceeded max depth") from error


def decode_yaml(body: bytes) -> Any:
    """Read one YAML document. Raises ApiError 400."""
    try:
        return load_yaml(body)
    except yaml.YAMLError as error:
        raise _unreadable(f"error converting YAML to JSON: {yaml_error(error)}") from error


def load_yaml(body: bytes) -> Any:
    """The value of one YAML document. Raises yaml.YAMLError."""
    check_nesting(body)
    return yaml.load(body, Loader=JsonLoader)  # noqa: S506  derived from SafeLoader


def yaml_error(error: yaml.YAMLError) -> str:
    """An error in YAML as yaml.v2 words it, whose parser counts lines from 0 and its scanner from 1."""
    mark = getattr(error, "problem_mark", None)
    line = 0 if mark is None else mark.line + isinstance(error, yaml.scanner.ScannerError)
    place = f"line {line}: " if line else ""
    return f"yaml: {place}{getattr(error, 'problem', None) or error}"


def _unreadable(why: str) -> ApiError:
    return bad_request(f"couldn't get version/kind; json parse error: {why}")


_FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml reads CRDs ten times faster


class JsonLoader(_FastLoader):  # type: ignore[misc,valid-type]
    """YAML without dates, so that times stay the strings that JSON would have."""


JsonLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
