"""What may differ between two servers that behave alike is made the same: times, identities, addresses, revisions."""

import json
import re
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_MADE = re.compile(r"\bmade-[a-z0-9]{5}\b")
_REVISION = re.compile(r"(ResourceVersion in (?:precondition|object meta): )\d+")
_RECORD = re.compile(r"(the ResourceVersion in (?:the precondition|record) )\(\d+\)")
# What a sandbox does not write, and does not claim to.
_PROTOBUF = re.compile(r", application/vnd\.kubernetes\.protobuf(?:;stream=watch)?")
_TOO_LARGE = re.compile(r"(Too large resource version: \d+, current: )\d+")
_AGE = re.compile(r"(?:\d+[ydhms])+")  # as a cell of a table
_NODE_PORT = re.compile(r"(?<=:)3\d{4}(?=/(?:TCP|UDP|SCTP))")  # in a table
_ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?:/\d+)?\b")
# How Go prints the difference of two of its structs, line by line.
_PATCHED = re.compile(r"(was previously negative\))(?:\n[@ +-].*)+\n?")
# An object in a refusal of a patch: the order of its keys is that of Go's structs.
_OBJECT = re.compile(
    r'(?<=patch: Invalid value: )"\{(?:[^"\\]|\\.)*"|(?<=^Invalid value: )"\{(?:[^"\\]|\\.)*"'
)
# A Go struct of the server's own types, with fields that no API shows.
_STRUCT = re.compile(r"(Invalid value: )\{.*?\}(: field is immutable)")
# What does not fit a schema is told in the order of a Go map, which is none.
_UNTYPED = re.compile(r"(?<=: errors:\n)  .*", re.DOTALL)
# By name of the field: its value says nothing.
_OWN = frozenset(
    {
        *(
            "resourceVersion",
            "uid",
            "continue",
            "clusterIP",
            "nodePort",
            "healthCheckNodePort",
            "age",
        ),
        *(
            "token",
            "serverAddress",
            "gitVersion",
            "gitCommit",
            "gitTreeState",
            "buildDate",
            "goVersion",
        ),
    }
)
_OF_BUILD = frozenset({"gitCommit", "gitTreeState", "goVersion"})  # which may be empty
_OWN_LISTS = frozenset({"clusterIPs"})
_SHARED = 100  # characters shown before two texts part
_COLUMN = frozenset({"name", "type", "format", "description", "priority"})


def normalised(value: Any, name: str = "") -> Any:
    """Return *value*, an answer or a part of it, without what is a server's own. *name*: the field it stands in."""
    if isinstance(value, dict):
        return {key: normalised(one, key) for key, one in _settled(value).items()}
    if name in _OWN and (value not in {"", None, "None"} or name in _OF_BUILD):
        return f"({name})"
    if name == "managedFields" and isinstance(value, list):
        # They stand in the order of their times, which are whole seconds.
        value = sorted(value, key=_manager)
    if name == "cells" and isinstance(value, list):
        value = ["(age)" if isinstance(one, str) and _AGE.fullmatch(one) else one for one in value]
    if isinstance(value, list):
        return (
            [f"({name})"]
            if name in _OWN_LISTS and value != ["None"]
            else [normalised(one) for one in value]
        )
    return _text(value) if isinstance(value, str) else value


def _settled(value: dict[str, Any]) -> dict[str, Any]:
    """An object with its lists in one order, and what is said in a server's own words left out."""
    if "causes" in value:
        value = value | {"causes": _in_order(value["causes"])}
    details = value.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    if causes and len(causes) > 1 and _are_amounts(causes):  # then a message has no order either
        value = value | {"message": "(in the order of a Go map)"}
    for one in ("items", "rows"):
        if value.get(one, ...) is None:  # of a list that did not come from the watch cache
            value = value | {one: []}
    if value.get("kind") == "APIResourceList":  # which lists CRDs in the order of a Go map
        value = value | {"resources": sorted(value["resources"], key=lambda one: one["name"])}
    if value.keys() == _COLUMN:  # of a Table, described in each one's own words
        value = value | {"description": "(description)"}
    return value


def _manager(entry: Any) -> tuple[str, ...]:
    names = ("manager", "operation", "subresource", "apiVersion")
    return tuple(str(entry.get(one, "")) for one in names)


def _text(text: str) -> str:
    text = _OBJECT.sub(_sorted, _PATCHED.sub(r"\1", text))
    text = _STRUCT.sub(r"\1(struct)\2", text)
    text = _UNTYPED.sub(lambda found: "\n".join(sorted(found[0].split("\n"))), text)
    text = _UUID.sub("(uid)", _PROTOBUF.sub("", text))
    text = _TOO_LARGE.sub(r"\1(revision)", text)
    text = _TIME.sub("(time)", text)
    text = _MADE.sub("made-(suffix)", text)
    text = _REVISION.sub(r"\1(revision)", text)
    text = _RECORD.sub(r"\1(revision)", text)
    return _NODE_PORT.sub("(nodePort)", _ADDRESS.sub("(address)", text))


def _in_order(causes: list[Any]) -> list[Any]:
    """Conflicts of an apply and the amounts of a quota come in the order of a Go map, which is none."""
    if not _are_amounts(causes) and any(
        cause.get("reason") != "FieldManagerConflict" for cause in causes
    ):
        return causes
    return sorted(causes, key=lambda cause: (cause["message"], cause["field"]))


def _are_amounts(causes: list[Any]) -> bool:
    return all(cause.get("field", "").startswith("spec.hard[") for cause in causes)


def _sorted(found: re.Match[str]) -> str:
    try:
        value = json.loads(json.loads(found[0]))
    except ValueError:
        return found[0]
    return json.dumps(normalised(value), sort_keys=True)


def difference(ours: Any, theirs: Any, path: str = "") -> str:
    """Return where two answers differ first, and how; "" where they are equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            if key not in ours:
                return f"{path}.{key} is missing, it should be {_short(theirs[key])}"
            if key not in theirs:
                return f"{path}.{key} should not be there, it is {_short(ours[key])}"
            if found := difference(ours[key], theirs[key], f"{path}.{key}"):
                return found
        return ""
    if isinstance(ours, list) and isinstance(theirs, list):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if found := difference(one, other, f"{path}[{index}]"):
                return found
        return (
            "" if len(ours) == len(theirs) else f"{path} has {len(ours)} items, not {len(theirs)}"
        )
    same = ours == theirs and type(ours) is type(theirs)
    if not same and isinstance(ours, str) and isinstance(theirs, str):
        ours, theirs = _from_difference(ours, theirs), _from_difference(theirs, ours)
    return "" if same else f"{path} is {_short(ours)}, it should be {_short(theirs)}"


def _from_difference(text: str, other: str) -> str:
    """Return a long *text* from shortly before where it leaves *other*."""
    pairs = enumerate(zip(text, other, strict=False))
    shared = next((place for place, (a, b) in pairs if a != b), min(len(text), len(other)))
    return text if shared <= _SHARED else "…" + text[shared - _SHARED :]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "…"
