"""The query parameters and bodies that say how to write, delete or list, checked as Kubernetes does."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec

from kthena_sandbox.apiserver.duplicates import complaints
from kthena_sandbox.apiserver.errors import Cause, bad_request, invalid_request
from kthena_sandbox.apiserver.gates import OPEN, Gate
from kthena_sandbox.apiserver.negotiation import APPLY_PATCH, media_type_of
from kthena_sandbox.apiserver.schemas import FieldValidation
from kthena_sandbox.apiserver.web import Request
from kthena_sandbox.schema.golang import quoted

_VALIDATIONS = ("Ignore", "Warn", "Strict")
_MANAGER_LIMIT = 128
_POLICIES = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to create, update or patch, who does it, and through which subresource.

    `duplicates` is what to complain of about keys that the body has twice; `force` is for server-side apply.
    What is not `tracked` leaves the field managers as they are.
    """

    dry_run: bool = False
    validation: FieldValidation = "Warn"
    duplicates: tuple[str, ...] = ()
    manager: str = ""
    subresource: str = ""
    force: bool = False
    tracked: bool = True
    gate: Gate = OPEN


def _unsupported(field: str, value: str, supported: tuple[str, ...]) -> Cause:
    listed = ", ".join(f'"{entry}"' for entry in supported)
    text = f'Unsupported value: "{value}": supported values: {listed}'
    return Cause("FieldValueNotSupported", text, field)


def write_options(request: Request, kind: str, subresource: str = "") -> WriteOptions:
    """Read them from the query; *kind* is CreateOptions, UpdateOptions or PatchOptions.

    Raises ApiError 422 for values that Kubernetes does not know.
    """
    manager = request.query.get("fieldManager", "")
    dry_run = request.query.get("dryRun", "")
    validation = request.query.get("fieldValidation", "") or "Warn"
    causes = _patch_causes(request, manager) if kind == "PatchOptions" else []
    causes += _manager_causes(manager)
    if dry_run not in {"", "All"}:
        causes.append(_unsupported("dryRun", dry_run, ("All",)))
    if validation not in _VALIDATIONS:
        causes.append(_unsupported("fieldValidation", validation, _VALIDATIONS))
    if causes:
        raise invalid_request(causes, kind)
    wanted = cast("FieldValidation", validation)
    media_type = media_type_of(request.headers.get("content-type", ""))
    duplicates = () if wanted == "Ignore" else tuple(complaints(request.body, media_type))
    manager = manager or _from_user_agent(request.headers.get("user-agent", ""))
    return WriteOptions(
        bool(dry_run), wanted, duplicates, manager, subresource, request.flag("force"),
        gate=request.gate,
    )  # fmt: skip


def _patch_causes(request: Request, manager: str) -> list[Cause]:
    if media_type_of(request.headers.get("content-type", "")) == APPLY_PATCH:
        text = "Required value: is required for apply patch"
        return [] if manager else [Cause("FieldValueRequired", text, "fieldManager")]
    if "force" in request.query:
        return [_forbidden("force", "may not be specified for non-apply patch")]
    return []


def _manager_causes(manager: str) -> list[Cause]:
    if len(manager.encode()) > _MANAGER_LIMIT:
        text = f"Too long: may not be more than {_MANAGER_LIMIT} bytes"
        return [Cause("FieldValueTooLong", text, "fieldManager")]
    if not manager.isprintable():
        text = f"Invalid value: {quoted(manager)}: should only contain printable characters"
        return [Cause("FieldValueInvalid", text, "fieldManager")]
    return []


def _from_user_agent(agent: str) -> str:
    """The program's name, which stands in where no field manager is given."""
    name = "".join(filter(str.isprintable, agent.partition("/")[0]))
    return name.encode()[:_MANAGER_LIMIT].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete; `propagation` is "" where the client left it to the kind."""

    dry_run: bool = False
    grace_seconds: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    gate: Gate = OPEN


def delete_options(request: Request, body: Mapping[str, Any]) -> DeleteOptions:
    """Read them from the query and the body, which wins. Raises ApiError 400 or 422."""
    given: dict[str, Any] = dict(request.query) | dict(body)
    grace = given.get("gracePeriodSeconds")
    policy = given.get("propagationPolicy") or ""
    dry_run = given.get("dryRun") or []
    dry_run = [dry_run] if isinstance(dry_run, str) else dry_run
    if policy not in {"", *_POLICIES}:
        cause = _unsupported("propagationPolicy", policy, (*_POLICIES, "nil"))
        raise invalid_request([cause], "DeleteOptions")
    if dry_run not in ([], ["All"]):
        cause = _unsupported("dryRun", str(dry_run[0]), ("All",))
        raise invalid_request([cause], "DeleteOptions")
    preconditions = given.get("preconditions") or {}
    return DeleteOptions(
        bool(dry_run),
        None if grace is None else max(0, _integer("gracePeriodSeconds", grace)),
        policy or _orphans(given.get("orphanDependents")),
        preconditions.get("uid") or "",
        preconditions.get("resourceVersion") or "",
        request.gate,
    )


def _orphans(flag: object) -> str:
    if flag is None:
        return ""
    return "Orphan" if flag in {True, "true", "1"} else "Background"


def _integer(name: str, value: object) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise bad_request(f'{name}: strconv.ParseInt: parsing "{value}": invalid syntax') from error


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a chunked list goes on: after `start`, in the state of `revision` (-1: the present one)."""

    revision: int
    start: tuple[str, str]

    def token(self) -> str:
        """The opaque form for `metadata.continue`."""
        document = {"v": "meta.k8s.io/v1", "rv": self.revision, "start": list(self.start)}
        return base64.urlsafe_b64encode(msgspec.json.encode(document)).decode().rstrip("=")


def parse_continuation(token: str) -> Continuation:
    """Read a token. Raises ApiError 400."""
    try:
        padded = token + "=" * (-len(token) % 4)
        document = msgspec.json.decode(base64.urlsafe_b64decode(padded))
        namespace, name = document["start"]
        return Continuation(int(document["rv"]), (str(namespace), str(name)))
    except (binascii.Error, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How to list or watch; `resource_version` is None where the client named none."""

    limit: int = 0
    continuation: Continuation | None = None
    resource_version: int | None = None
    match: str = ""
    bookmarks: bool = False
    initial_events: bool | None = None
    timeout_seconds: float | None = None


def list_options(request: Request, *, watch: bool) -> ListOptions:
    """Read them from the query. Raises ApiError 400 or 422."""
    query = request.query
    version = query.get("resourceVersion", "")
    token = query.get("continue", "")
    initial = request.flag("sendInitialEvents") if "sendInitialEvents" in query else None
    timeout = query.get("timeoutSeconds", "")
    options = ListOptions(
        max(0, _integer("limit", query.get("limit") or 0)),
        parse_continuation(token) if token else None,
        _version(version, watch=watch) if version else None,
        query.get("resourceVersionMatch", ""),
        request.flag("allowWatchBookmarks"),
        initial,
        float(_integer("timeoutSeconds", timeout)) if timeout else None,
    )
    causes = _watch_causes(options) if watch else _list_causes(options)
    if causes:
        raise invalid_request(causes, "ListOptions")
    if options.continuation and options.resource_version:
        raise bad_request("specifying resource version is not allowed when using continue")
    if options.resource_version == 0 and not options.continuation:
        return replace(options, limit=0)  # such a list comes whole, from the watch cache
    return options


def _version(text: str, *, watch: bool) -> int:
    if text.isdecimal():
        return int(text)
    why = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
    if not watch:
        raise bad_request(f"invalid resource version: resourceVersion: {why}")
    raise invalid_request([Cause("FieldValueInvalid", why, "resourceVersion")], "ListOptions")


def _forbidden(field: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def _list_causes(options: ListOptions) -> list[Cause]:
    """In the order of `ValidateListOptions` of apimachinery."""
    match, field = options.match, "resourceVersionMatch"
    causes = []
    if match and options.resource_version is None:
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        causes.append(_forbidden(field, why))
    if match and options.continuation:
        why = "resourceVersionMatch is forbidden when continue is provided"
        causes.append(_forbidden(field, why))
    if match not in {"", "Exact", "NotOlderThan"}:
        causes.append(_unsupported(field, match, ("Exact", "NotOlderThan", "")))
    if match == "Exact" and options.resource_version == 0:
        why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        causes.append(_forbidden(field, why))
    if options.initial_events is not None:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def _watch_causes(options: ListOptions) -> list[Cause]:
    match, field = options.match, "resourceVersionMatch"
    causes = []
    if options.initial_events is not None and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes.append(_forbidden(field, why))
    if match and options.initial_events is None:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        causes.append(_forbidden(field, why))
    if match not in {"", "NotOlderThan"}:
        causes.append(_unsupported(field, match, ("NotOlderThan",)))
    if match and options.continuation:
        why = "resourceVersionMatch is forbidden when continue is provided"
        causes.append(_forbidden(field, why))
    return causes
