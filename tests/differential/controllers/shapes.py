"""What two clusters that behave alike may differ in, taken out of their objects: names that are made, times, addresses. Pure."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

Document = dict[str, Any]
_OWN_FIELDS = frozenset(
    {
        "uid",
        "resourceVersion",
        "managedFields",
        "creationTimestamp",
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "generateName",
        "token",
    }
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MINUTE = re.compile(r"(?<=-)\d{8}(?!\d)")  # in the names of Jobs that a CronJob has started
_ADDRESS = re.compile(r"10\.1\.0\.\d+")  # what pods get, in the order in which they are started
_RIVALS = re.compile(r"(?<=multiple HPAs: \[)[^\]]*")  # in the order of a Go map, which is none
_ANY_NODE = re.compile(r"\(namespace\)-any-[a-z]")  # those that are alike, in whatever order
_SUFFIX = re.compile(r"(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}(?![0-9a-z-])")


def shape(objects: Mapping[str, list[Document]], names: dict[str, str]) -> Document:
    """Return all objects by kind, each kind in an order of its own.

    *names* keeps what each hash of a template tells, also when its object has gone.
    """
    names |= _hashes(objects)
    leaving = {
        item["metadata"]["uid"] for items in objects.values() for item in items
        if "deletionTimestamp" in item["metadata"]
    }  # fmt: skip
    found: Document = {}
    for kind, listed in objects.items():
        kept = (item for item in listed if not _comes_and_goes(item, leaving))
        items = _joined(_timeless(item) for item in kept if not _is_outdated(item))
        shown = [_event(item) if kind == "events" else item for item in items]
        texts = sorted(json.dumps(_plain(item, names), sort_keys=True) for item in shown)
        found[kind] = [
            json.loads(text) for text in (sorted(set(texts)) if kind == "events" else texts)
        ]
    return found


def _comes_and_goes(item: Document, leaving: Collection[str]) -> bool:
    """The history of an owner that is leaving is deleted and made anew in turns."""
    owners = item["metadata"].get("ownerReferences") or []
    return item["kind"] == "ControllerRevision" and any(one["uid"] in leaving for one in owners)


def _is_outdated(item: Document) -> bool:
    """A real controller may look before it has seen what it did itself, and tells so."""
    message = item.get("message", "")
    return (item.get("reason") == "FailedDelete" and message.endswith("not found")) or (
        item.get("reason") == "FailedUpdate" and message.endswith("and try again")
    )


def _timeless(item: Document) -> Document:
    """How many changes of a slice are written at once, and which was the last, is a matter of timing."""
    metadata = item["metadata"]
    filled = item.get({"EndpointSlice": "endpoints", "Endpoints": "subsets"}.get(item["kind"], ""))
    again = item["kind"] == "EndpointSlice" and metadata.get("generation", 0) > 1
    if not filled and not again:
        return item
    kept = {name: value for name, value in metadata.items() if name != "annotations"}
    return item | {"metadata": kept | {"generation": "(generation)"}}


def _joined(items: Iterable[Document]) -> list[Document]:
    """Which endpoint is in which slice of a Service depends on which came first: slices alike become one."""
    found: dict[str, Document] = {}
    for item in items:
        metadata = item["metadata"]
        of = (item["kind"], metadata.get("labels"), item.get("ports"))
        joins = item["kind"] == "EndpointSlice" and item.get("endpoints")
        key = json.dumps(of, sort_keys=True) if joins else metadata["uid"]
        listed = found.get(key, {}).get("endpoints") or []
        slices = found.get(key, {}).get("slices", 0) + 1
        more = {"endpoints": listed + item["endpoints"], "slices": slices} if joins else {}
        found[key] = item | more
    return list(found.values())


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
    elif isinstance(ours, list) and isinstance(theirs, list):
        yield from _of_lists(ours, theirs, path)
    elif ours != theirs:
        yield f"{path} is {json.dumps(ours)[:200]}, it should be {json.dumps(theirs)[:200]}"


def _of_lists(ours: list[Any], theirs: list[Any], path: str) -> Iterator[str]:
    """Compare those that have no equal in the other list, in their order."""
    more, fewer = list(ours), list(theirs)
    for one in ours:
        if one in fewer:
            fewer.remove(one)
            more.remove(one)
    if len(ours) != len(theirs):
        yield from (f"{path}[] lacks {json.dumps(one)[:600]}" for one in fewer)
        yield from (f"{path}[] has {json.dumps(one)[:600]}" for one in more)
        yield f"{path} has {len(ours)} items, not {len(theirs)}"
    elif more:
        for one, other in zip(more, fewer, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs:
        yield f"{path} is in another order: {json.dumps(ours)[:200]}, it should be {json.dumps(theirs)[:200]}"


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
    if name in _OWN_FIELDS or name in {"ca.crt", "token"}:
        return f"({name})"
    if isinstance(value, dict):
        return {_text(key, hashes): _plain(one, hashes, key) for key, one in value.items()}
    if isinstance(value, list):
        plain = [_plain(one, hashes) for one in value]
        return (
            sorted(plain, key=lambda one: json.dumps(one, sort_keys=True))
            if name
            in {"endpoints", "addresses", "notReadyAddresses", "conditions", "subsets", "ports"}
            else plain
        )
    return _text(value, hashes) if isinstance(value, str) else value


def _text(text: str, hashes: Mapping[str, str]) -> str:
    text = _ADDRESS.sub("(address)", _UID.sub("(uid)", _TIME.sub("(time)", text)))
    for value, told in hashes.items():
        text = text.replace(value, told)
    text = _ANY_NODE.sub("(node)", text)
    text = _RIVALS.sub(lambda found: " ".join(sorted(found[0].split())), text)
    return _SUFFIX.sub("(suffix)", _MINUTE.sub("(minute)", text))
