"""The query parameters and bodies that say how to write, delete or list, checked as Kubernetes does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from kthena_sandbox.apiserver.duplicates import complaints
from kthena_sandbox.apiserver.errors import Cause, bad_request, invalid_request
from kthena_sandbox.apiserver.gates import OPEN, Gate
from kthena_sandbox.apiserver.negotiation import APPLY_PATCH, media_type_of
from kthena_sandbox.apiserver.paths import Target
from kthena_sandbox.apiserver.schemas import FieldValidation
from kthena_sandbox.apiserver.web import Request
from kthena_sandbox.schema.cel.kinds import CelError
from kthena_sandbox.schema.cel.times import duration
from kthena_sandbox.schema.golang import quoted

_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_MANAGER_LIMIT = 128
_LASTING = frozenset({"attach", "exec", "log", "portforward", "proxy"})
_POLICIES = ("Foreground", "Background", "Orphan")


def check_timeout(request: Request, target: Target | None) -> None:
    """Raises ApiError 400 for a `timeout` that is no duration, where the request does not last as long as it likes."""
    given = request.query.get("timeout")
    lasting = target is not None and target.subresource in _LASTING
    if not given or lasting or request.flag("watch"):
        return
    try:
        duration(given)
    except CelError as error:
        why = f'time: missing unit in duration "{given}"' if given.isdecimal() else str(error)
        raise bad_request(f"invalid timeout specified in the request URL - {why}") from error


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to create, update or patch, who does it, and through which subresource.

    `duplicates` is what to complain of about keys that the `body` has twice; `force` is for server-side apply.
    What is not `tracked` leaves the field managers as they are. `given` are the options as the client gives them.
    """

    dry_run: bool = False
    validation: FieldValidation = "Warn"
    duplicates: tuple[str, ...] = ()
    manager: str = ""
    subresource: str = ""
    force: bool = False
    tracked: bool = True
    gate: Gate = OPEN
    body: bytes = b""
    given: Mapping[str, Any] = field(default_factory=dict)


def integer(value: object) -> int:
    """A whole number as Go reads it. Raises ApiError 400."""
    text = str(value)
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if not -(2**63) <= int(text) < 2**63:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def forbidden_cause(field: str, why: str) -> Cause:
    """What may not be given here."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def unsupported(field: str, value: object, supported: tuple[str, ...]) -> Cause:
    """A value that is none of those that are known."""
    listed = ", ".join(f'"{entry}"' for entry in supported)
    shown = msgspec.json.encode(value).decode()
    text = f"Unsupported value: {shown}: supported values: {listed}"
    return Cause("FieldValueNotSupported", text, field)


def write_options(request: Request, kind: str, subresource: str = "") -> WriteOptions:
    """Read them from the query; *kind* is CreateOptions, UpdateOptions or PatchOptions.

    Raises ApiError 422 for values that Kubernetes does not know.
    """
    manager = request.query.get("fieldManager", "")
    dry_run = [request.query["dryRun"]] if "dryRun" in request.query else []
    validation = request.query.get("fieldValidation", "")
    causes = _patch_causes(request, manager) if kind == "PatchOptions" else []
    causes += _manager_causes(manager)
    causes += _dry_run_causes(dry_run)
    if validation not in _VALIDATIONS:
        causes.append(unsupported("fieldValidation", validation, _VALIDATIONS))
    if causes:
        raise invalid_request(causes, kind)
    wanted = cast("FieldValidation", validation or "Warn")
    media_type = media_type_of(request.headers.get("content-type", ""))
    duplicates = () if wanted == "Ignore" else tuple(complaints(request.body, media_type))
    manager = manager or _from_user_agent(request.headers.get("user-agent", ""))
    return WriteOptions(
        bool(dry_run), wanted, duplicates, manager, subresource, request.flag("force"),
        gate=request.gate, body=request.body, given=_given(request.query, dry_run),
    )  # fmt: skip


def _given(query: Mapping[str, str], dry_run: list[str]) -> dict[str, Any]:
    named = {name: query[name] for name in ("fieldManager", "fieldValidation") if query.get(name)}
    return named | ({"dryRun": dry_run} if dry_run else {})


def _patch_causes(request: Request, manager: str) -> list[Cause]:
    if media_type_of(request.headers.get("content-type", "")) == APPLY_PATCH:
        text = "Required value: is required for apply patch"
        return [] if manager else [Cause("FieldValueRequired", text, "fieldManager")]
    if "force" in request.query:
        return [forbidden_cause("force", "may not be specified for non-apply patch")]
    return []


def _manager_causes(manager: str) -> list[Cause]:
    causes = []
    if len(manager.encode()) > _MANAGER_LIMIT:
        text = f"Too long: may not be more than {_MANAGER_LIMIT} bytes"
        causes.append(Cause("FieldValueTooLong", text, "fieldManager"))
    for index, mark in enumerate(manager):
        if not mark.isprintable():
            place = (
                f"invalid character U+{ord(mark):04X} (at position {len(manager[:index].encode())})"
            )
            text = f"Invalid value: {quoted(manager)}: {place}"
            causes.append(Cause("FieldValueInvalid", text, "fieldManager"))
    return causes


def _dry_run_causes(given: list[str]) -> list[Cause]:
    return [] if set(given) <= {"All"} else [unsupported("dryRun", given, ("All",))]


def _from_user_agent(agent: str) -> str:
    """The program's name, which stands in where no field manager is given."""
    name = "".join(filter(str.isprintable, agent.partition("/")[0]))
    return name.encode()[:_MANAGER_LIMIT].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete; `propagation` is "" where the client left it to the kind.

    `one_of_all`: as one of a collection that is deleted. `given` are the options as the client gives them.
    """

    dry_run: bool = False
    grace_seconds: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    gate: Gate = OPEN
    given: Mapping[str, Any] = field(default_factory=dict)
    one_of_all: bool = False


def delete_options(request: Request, body: Mapping[str, Any] | None) -> DeleteOptions:
    """Read them from the body, and from the query where there is none. Raises ApiError 400, 422 or 500."""
    given: Mapping[str, Any] = request.query if body is None else body
    grace = given.get("gracePeriodSeconds")
    policy = given.get("propagationPolicy") or ""
    orphans = given.get("orphanDependents")
    dry_run = given.get("dryRun", [])
    dry_run = [dry_run] if isinstance(dry_run, str) else dry_run
    causes = _propagation_causes(policy, orphans) + _dry_run_causes(dry_run)
    if causes:
        raise invalid_request(causes, "DeleteOptions")
    preconditions = given.get("preconditions") or {}
    return DeleteOptions(
        bool(dry_run),
        None if grace is None else integer(grace),
        policy or _orphans(orphans),
        preconditions.get("uid") or "",
        preconditions.get("resourceVersion") or "",
        request.gate,
        _given_for_deletion(given, grace, dry_run),
    )


def _given_for_deletion(given: Mapping[str, Any], grace: object, dry_run: object) -> dict[str, Any]:
    named = ("preconditions", "orphanDependents", "propagationPolicy")
    shown = {name: given[name] for name in named if given.get(name) is not None}
    shown |= {} if grace is None else {"gracePeriodSeconds": integer(grace)}
    return shown | ({"dryRun": dry_run} if dry_run else {})


def _propagation_causes(policy: str, orphans: object) -> list[Cause]:
    if policy and orphans is not None:
        text = f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set'
        return [Cause("FieldValueInvalid", text, "propagationPolicy")]
    if policy in {"", *_POLICIES}:
        return []
    return [unsupported("propagationPolicy", policy, (*_POLICIES, "nil"))]


def _orphans(flag: object) -> str:
    if flag is None:
        return ""
    return "Orphan" if flag in {True, "true", "1"} else "Background"
