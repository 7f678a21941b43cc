"""The query parameters of lists and watches: where they begin, how much they tell, and where a chunk goes on."""

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from kthena_sandbox.apiserver.errors import ApiError, Cause, bad_request, invalid_request
from kthena_sandbox.apiserver.options import forbidden_cause, integer, unsupported
from kthena_sandbox.apiserver.web import Request
from kthena_sandbox.schema.gotypes import json_word

_ENCODED_VERSION = "meta.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a chunked list goes on: after `start`, in the state of `revision` (-1: the present one)."""

    revision: int
    start: tuple[str, str]

    def token(self) -> str:
        """The opaque form for `metadata.continue`."""
        document = {"v": _ENCODED_VERSION, "rv": self.revision, "start": list(self.start)}
        return base64.urlsafe_b64encode(msgspec.json.encode(document)).decode().rstrip("=")


def parse_continuation(token: str) -> Continuation:
    """Read a token. Raises ApiError 400."""
    try:
        document = _decoded_token(token)
        namespace, name = document["start"]
        return Continuation(int(document["rv"]), (str(namespace), str(name)))
    except (KeyError, TypeError, ValueError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error


def _decoded_token(token: str) -> dict[str, Any]:
    """Raises ValueError in the words of Go's decoders."""
    try:
        padded = token + "=" * (-len(token) % 4)
        data = base64.b64decode(padded, b"-_", validate=True)
    except binascii.Error:
        raise ValueError("illegal base64 data at input byte 0") from None
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError(_undecodable(data)) from None
    if why := _unrecognized(document):
        raise ValueError(why)
    known: dict[str, Any] = document
    return known


def _unrecognized(document: object) -> str:
    if not isinstance(document, dict):
        what = json_word(document)
        return f"json: cannot unmarshal {what} into Go value of type storage.continueToken"
    if document.get("v") != _ENCODED_VERSION:
        return f"server does not recognize this encoded version {document.get('v', '')}"
    return "" if document.get("start") else f"encoded start key empty (version {_ENCODED_VERSION})"


def _undecodable(data: bytes) -> str:
    """Go names the first byte that cannot begin a value, as a character of Latin-1."""
    first = data.decode("latin-1")[:1]
    shown = first if first.isprintable() else f"\\u{ord(first):04x}"
    return f"invalid character '{shown}' looking for beginning of value"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How to list or watch. `version` and `token` are as they came; `settled` reads them."""

    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""
    bookmarks: bool = False
    initial_events: bool | None = None
    timeout_seconds: float | None = None
    continuation: Continuation | None = None
    resource_version: int | None = None


def list_options(request: Request) -> ListOptions:
    """Read them from the query. Raises ApiError 400 for what is no number."""
    query = request.query
    timeout = query.get("timeoutSeconds")
    return ListOptions(
        max(0, integer(query.get("limit", 0))),
        query.get("continue", ""),
        query.get("resourceVersion", ""),
        query.get("resourceVersionMatch", ""),
        request.flag("allowWatchBookmarks"),
        request.flag("sendInitialEvents") if "sendInitialEvents" in query else None,
        None if timeout is None else float(integer(timeout)),
    )


def check_list_options(options: ListOptions, *, watch: bool) -> None:
    """Raises ApiError 422 for options that do not go together."""
    causes = _watch_causes(options) if watch else _list_causes(options)
    if causes:
        raise invalid_request(causes, "ListOptions")


def settled(options: ListOptions, *, watch: bool) -> ListOptions:
    """The options with their revision and their token read. Raises ApiError 400, or 500 for a watch."""
    if options.token and not watch:
        continuation = parse_continuation(options.token)
        if options.version not in {"", "0"}:
            raise bad_request("specifying resource version is not allowed when using continue")
        return replace(options, continuation=continuation)
    if not options.version:
        return options
    version = _version(options.version, watch=watch)
    limit = (
        options.limit if version else 0
    )  # what may be of any age comes whole, from the watch cache
    return replace(options, limit=limit, resource_version=version)


def _version(text: str, *, watch: bool) -> int:
    if text.isdecimal() and int(text) < 2**64:
        return int(text)
    why = "value out of range" if text.isdecimal() else "invalid syntax"
    said = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": {why}'
    if watch:
        raise ApiError(500, "", said)
    raise bad_request(f"invalid resource version: {said}")


def _list_causes(options: ListOptions) -> list[Cause]:
    """In the order of `ValidateListOptions` of apimachinery."""
    match, field = options.match, "resourceVersionMatch"
    causes = []
    if match and not options.version:
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        causes.append(forbidden_cause(field, why))
    if match and options.token:
        why = "resourceVersionMatch is forbidden when continue is provided"
        causes.append(forbidden_cause(field, why))
    if match not in {"", "Exact", "NotOlderThan"}:
        causes.append(unsupported(field, match, ("Exact", "NotOlderThan", "")))
    if match == "Exact" and options.version == "0":
        why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        causes.append(forbidden_cause(field, why))
    if options.initial_events is not None:
        causes.append(
            forbidden_cause("sendInitialEvents", "sendInitialEvents is forbidden for list")
        )
    return causes


def _watch_causes(options: ListOptions) -> list[Cause]:
    match, field = options.match, "resourceVersionMatch"
    causes = []
    if options.initial_events is not None and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes.append(forbidden_cause(field, why))
    if match and options.initial_events is None:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        causes.append(forbidden_cause(field, why))
    if match not in {"", "NotOlderThan"}:
        causes.append(unsupported(field, match, ("NotOlderThan",)))
    if match and options.token:
        why = "resourceVersionMatch is forbidden when continue is provided"
        causes.append(forbidden_cause(field, why))
    return causes
