"""What two clusters that behave alike may differ in, taken out of their objects: names that are made, times, addresses. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]
_HASH = re.compile(r"[0-9a-z]{6,10}")
_OWN_FIELDS = frozenset(
    {
        "uid",
        "resourceVersion",
        "managedFields",
        "creationTimestamp",
        "clusterIP",
        "clusterIPs",
        "generateName",
    }
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MINUTE = re.compile(r"(?<=-)\d{8}(?!\d)")  # in the names of Jobs that a CronJob has started
_SUFFIX = re.compile(r"(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}(?![0-9a-z-])")


def shape(objects: Mapping[str, list[Document]]) -> Document:
    """Return all objects by kind, each kind in an order of its own."""
    names = _hashes(objects)
    found: Document = {}
    for kind, items in objects.items():
        shown = [_event(item) if kind == "events" else item for item in items]
        texts = sorted(json.dumps(_plain(item, names), sort_keys=True) for item in shown)
        found[kind] = [
            json.loads(text) for text in (sorted(set(texts)) if kind == "events" else texts)
        ]
    return found


def differences(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """Yield where two shapes differ, and how."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            if key not in ours:
                yield f"{path}.{key} is missing, it should be {json.dumps(theirs[key])[:200]}"
            elif key not in theirs:
                yield f"{path}.{key} should not be there, it is {json.dumps(ours[key])[:200]}"
            else:
                yield from differences(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif isinstance(ours, list) and isinstance(theirs, list):
        yield from (f"{path}[] lacks {json.dumps(one)[:600]}" for one in theirs if one not in ours)
        yield from (f"{path}[] has {json.dumps(one)[:600]}" for one in ours if one not in theirs)
        yield f"{path} has {len(ours)} items, not {len(theirs)}"
    elif ours != theirs:
        yield f"{path} is {json.dumps(ours)[:200]}, it should be {json.dumps(theirs)[:200]}"


def _hashes(objects: Mapping[str, list[Document]]) -> dict[str, str]:
    """Return each hash of a template with a name that tells its content."""
    found = {}
    for item in objects.get("replicasets.apps", []):
        if value := item["metadata"].get("labels", {}).get("pod-template-hash"):
            images = [one["image"] for one in item["spec"]["template"]["spec"]["containers"]]
            found[value] = f"(hash of {','.join(images)})"
    for item in objects.get("controllerrevisions.apps", []):
        containers = item["data"]["spec"]["template"]["spec"]["containers"]
        name = item["metadata"]["name"].rpartition("-")[2]
        found[name] = f"(hash of {','.join(one['image'] for one in containers)})"
    return found


def _event(item: Document) -> Document:
    """Return what an event tells; how often is a matter of timing."""
    involved = item["involvedObject"]
    return {
        "type": item["type"], "reason": item["reason"], "message": item["message"],
        "kind": involved["kind"], "name": involved["name"], "source": item["source"].get("component"),
        "reporting": item.get("reportingComponent"),
    }  # fmt: skip


def _plain(value: Any, hashes: Mapping[str, str], name: str = "") -> Any:
    if name in _OWN_FIELDS or name == "ca.crt":
        return f"({name})"
    if isinstance(value, dict):
        return {_text(key, hashes): _plain(one, hashes, key) for key, one in value.items()}
    if isinstance(value, list):
        plain = [_plain(one, hashes) for one in value]
        return (
            sorted(plain, key=lambda one: json.dumps(one, sort_keys=True))
            if name in {"endpoints", "addresses", "notReadyAddresses", "conditions"}
            else plain
        )
    return _text(value, hashes) if isinstance(value, str) else value


def _text(text: str, hashes: Mapping[str, str]) -> str:
    text = _UID.sub("(uid)", _TIME.sub("(time)", text))
    for value, told in hashes.items():
        text = text.replace(value, told)
    return _SUFFIX.sub("(suffix)", _MINUTE.sub("(minute)", text))
