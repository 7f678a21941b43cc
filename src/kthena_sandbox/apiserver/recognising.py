"""Of which kind a body says that it is, and the words for one that is of no kind or of another (apimachinery's serializers)."""

from typing import Any

from kthena_sandbox.apiserver.errors import ApiError, Cause, bad_request, details_of
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.golang import quoted
from kthena_sandbox.schema.gotypes import json_word

Document = dict[str, Any]
_HEADER = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string '
    '"json:\\"kind,omitempty\\"" }'
)
_SHOWN = 30
_NEEDS_EXPONENT = 1e21
SCHEME = '"pkg/runtime/scheme.go:110"'


def check_kind(
    resource: ResourceType, document: object, raw: bytes = b"", *, lenient: bool = False
) -> Document:
    """The body as an object of the kind that the URL names; *raw*: as it came. Raises ApiError 400 or 422.

    *lenient*: without field validation, by a decoder that words it otherwise.
    """
    if document is None and not resource.custom:
        document = {}
    if not isinstance(document, dict):
        given = json_word(document)
        raise _unreadable(
            resource, f"json: cannot unmarshal {given} into Go value of type {_HEADER}", raw
        )
    for name in ("apiVersion", "kind"):
        if not isinstance(document.get(name) or "", str):
            given = json_word(document[name])
            why = f"json: cannot unmarshal {given} into Go struct field .{name} of type string"
            raise _unreadable(resource, why, raw)
    if resource.custom:
        return _custom(resource, document, raw, lenient=lenient)
    usual = {"apiVersion": resource.api_version, "kind": resource.kind}
    document = document | {name: document.get(name) or usual[name] for name in usual}
    if {name: document[name] for name in usual} != usual:
        raise _other(resource, document["apiVersion"], document["kind"])
    return document


def _custom(resource: ResourceType, document: Document, raw: bytes, *, lenient: bool) -> Document:
    if not document.get("kind"):
        why = f"Object 'Kind' is missing in '{raw.decode(errors='replace')}'"
        if lenient:
            raise bad_request(_unhandled(resource, resource.version, resource.kind, why))
        raise _unrecognised(resource, why, raw)
    if "apiVersion" in document and document["apiVersion"] is None:
        why = ".apiVersion accessor error: <nil> is of the type <nil>, expected string"
        raise bad_request(_unhandled(resource, "", document["kind"], why))
    if document.get("apiVersion") != resource.api_version:
        text = f"the API version in the data ({document.get('apiVersion', '')})"
        expected = f"the expected API version ({resource.api_version})"
        raise bad_request(f"{text} does not match {expected}")
    if document["kind"] != resource.kind:
        raise _no_such_kind(resource, document)
    return {name: _go_number(value) for name, value in document.items()}


def _go_number(value: Any) -> Any:
    """Go writes a number without a fraction as a whole one, as long as it needs no exponent."""
    if isinstance(value, dict):
        return {name: _go_number(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_go_number(entry) for entry in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _NEEDS_EXPONENT
    return int(value) if whole else value


def _no_such_kind(resource: ResourceType, document: Document) -> ApiError:
    kind = document["kind"]
    metadata = document.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    cause = Cause(
        "FieldValueInvalid", f"Invalid value: {quoted(kind)}: must be {resource.kind}", "kind"
    )
    details = details_of(resource.group, kind, name) | {"causes": [cause.document()]}
    message = f'{kind}.{resource.group} "{name}" is invalid: {cause}'
    return ApiError(422, "Invalid", message, details)


def _other(resource: ResourceType, version: str, kind: str) -> ApiError:
    short = version.rpartition("/")[2]
    if any((known.api_version, known.kind) == (version, kind) for known in BUILTIN):
        package = resource.group.partition(".")[0] or "core"
        why = f"converting ({short}.{kind}) to ({package}.{resource.kind}): unknown conversion"
    else:
        why = f'no kind "{kind}" is registered for version "{version}" in scheme {SCHEME}'
    return bad_request(_unhandled(resource, short, kind, why))


def _unhandled(resource: ResourceType, version: str, kind: str, why: str) -> str:
    return f'{kind} in version "{version}" cannot be handled as a {resource.kind}: {why}'


def _unreadable(resource: ResourceType, why: str, raw: bytes) -> ApiError:
    return _unrecognised(resource, f"couldn't get version/kind; json parse error: {why}", raw)


def _unrecognised(resource: ResourceType, why: str, raw: bytes) -> ApiError:
    shown = f"{raw[:_SHOWN].hex()} ..." if len(raw) > _SHOWN else raw.hex()
    if raw.lstrip().startswith(b"{"):
        text = raw.decode(errors="replace")
        shown = f"{text[:_SHOWN]} ..." if len(text) > _SHOWN else text
    return bad_request(
        f"the object provided is unrecognized (must be of type {resource.kind}): {why} ({shown})"
    )
