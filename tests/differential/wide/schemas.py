"""Objects of the odd definitions: fields with values that fit and such that do not."""

import random
from typing import Any

import yaml
from tests.differential.generator import (
    APPLY,
    JSON,
    JSON_PATCH,
    MANAGERS,
    MERGE,
    NAMES,
    STRATEGIC,
    Request,
)
from tests.differential.objects import NAMESPACE, Document
from tests.differential.wide.definitions import GROUP

_POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
_GOOD: dict[str, tuple[Any, ...]] = {
    "size": (0, 10, 4), "ratio": (4, 2, 1e2), "flag": (False, None), "note": ("ab", None, ""), "kind": ("a", "b"), "port": (80, "web"),
    "free": ({"x": [1, {"y": None}]}, {"known": 8}, {}), "raw": (1, "x", [1], {"z": {"q": 1}}, None), "embedded": (_POD, _POD | {"spec": {"q": 1}}),
    "tags": (["x"], ["y", "x"], []), "ports": ([{"name": "p"}], [{"name": "p", "number": 3}, {"name": "p", "protocol": "UDP"}], [{"name": "q", "note": None}]),
    "plain": ([3], [1, 2]), "unique": (["a", "a"], []), "limits": ({"a": 1}, {"a": 2, "b": 3}), "point": ({"x": 1}, {"y": 5}, {}),
    "choice": ({"a": "1"}, {"b": "2"}), "any": (1, 8), "when": ("2026-01-01T00:00:00Z",), "data": ("eHg=",), "address": ("10.1.2.3",),
    "wait": ("3s", "1h2m"), "uuid": ("0a1b2c3d-0000-4000-8000-1234567890ab",), "deep": ({"must": "go"}, {"must": "x", "inner": {}}),
    "least": (1, 5), "most": (4, 9), "fixed": ("f",), "growing": (1, 2, 3), "first": (1, 2),
}  # fmt: skip
_BAD: dict[str, tuple[Any, ...]] = {
    "size": (11, -1, "x", 1.5, None, 1e30), "ratio": (0, 3, "x", True), "flag": ("yes", 1), "note": ("toolong", "AB", 3), "kind": ("c", None, 1),
    "port": (1.5, True, None), "free": ("x", {"known": "y"}), "embedded": ({"x": 1}, {"apiVersion": "v1"}, {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": 1}}, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "UPPER"}}),
    "tags": (["x", "x"], ["a", "b", "c", "d"], "x", [1], ["bad"]), "ports": ([{"name": "p"}, {"name": "p"}], [{}], [{"name": "p", "number": 0}], [{"name": "p", "number": 13}], {"name": "p"}, [None]),
    "plain": ([], ["a"], [None], None), "unique": ([""], [None]), "limits": ({"a": "x"}, {"a": 1, "b": 2, "c": 3}, {"a": None}, []), "point": ({"x": "1"}, 3),
    "choice": ({}, {"a": "1", "b": "2"}, {"a": 1}), "any": (5, 9), "when": ("noon", 3), "data": ("%",), "address": ("x", "::1"), "wait": ("soon",),
    "uuid": ("u",), "deep": ({}, {"must": None}, {"inner": {"level": "x"}}), "least": (50, 5000000000), "fixed": ("g",), "growing": (0,), "unknown": (1, {"a": 1}),
}  # fmt: skip


def collection(plural: str = "widgets", version: str = "v1") -> str:
    """Return the path of all objects of a definition."""
    place = "" if plural == "globes" else f"/namespaces/{NAMESPACE}"
    return f"/apis/{GROUP}/{version}{place}/{plural}"


def _spec(dice: random.Random, bad: float) -> Document:
    names = dice.sample(sorted(_GOOD), dice.choice((1, 2, 3)))
    spec = {name: dice.choice(_GOOD[name]) for name in names}
    if dice.random() < bad:
        for name in dice.sample(sorted(_BAD), dice.choice((1, 1, 2))):
            spec[name] = dice.choice(_BAD[name])
    return spec


def _options(dice: random.Random) -> dict[str, str]:
    options: dict[str, str] = {}
    if dice.random() < 0.3:
        options["fieldManager"] = dice.choice(MANAGERS)
    if dice.random() < 0.4:
        options["fieldValidation"] = dice.choice(("Strict", "Warn", "Ignore"))
    if dice.random() < 0.1:
        options["dryRun"] = "All"
    return options


def custom(dice: random.Random) -> Request:
    """Return a request about one object of an odd definition."""
    plural = dice.choice(("widgets", "widgets", "widgets", "gadgets", "globes"))
    version = (
        dice.choice(("v1", "v1", "v1", "v1beta1", "v1alpha1", "v0"))
        if plural == "widgets"
        else "v1"
    )
    kind = {"widgets": "Widget", "gadgets": "Gadget", "globes": "Globe"}[plural]
    name, place = dice.choice(NAMES), collection(plural, version)
    path = f"{place}/{name}"
    document: Document = {
        "apiVersion": f"{GROUP}/{version}",
        "kind": kind,
        "metadata": {"name": name},
    }
    if dice.random() < 0.3:
        document["metadata"]["labels"] = {"team": dice.choice("ab")}
    document["spec"] = _spec(dice, 0.45)
    if dice.random() < 0.1:
        document["status"] = {"replicas": 1, "phase": "On"}
    makers = (
        _create,
        _put,
        _merge,
        _json_patch,
        _apply,
        _apply,
        _apply,
        _status,
        _scale,
        _read,
        _delete,
        _strategic,
    )
    return dice.choice(makers)(dice, place, path, document)


def _create(dice: random.Random, place: str, _: str, document: Document) -> Request:
    if dice.random() < 0.3:
        return Request(
            "POST",
            place,
            _options(dice),
            {"content-type": "application/yaml"},
            raw=yaml.safe_dump(document),
        )
    return Request("POST", place, _options(dice), {"content-type": JSON}, document)


def _put(dice: random.Random, _: str, path: str, document: Document) -> Request:
    if dice.random() < 0.9:
        document["metadata"]["resourceVersion"] = f"@rv:{path}@"
    return Request("PUT", path, _options(dice), {"content-type": JSON}, document)


def _merge(dice: random.Random, _: str, path: str, document: Document) -> Request:
    spec = document["spec"] | {dice.choice(sorted(_GOOD)): None}
    return Request("PATCH", path, _options(dice), {"content-type": MERGE}, {"spec": spec})


def _strategic(dice: random.Random, _: str, path: str, document: Document) -> Request:
    return Request(
        "PATCH", path, _options(dice), {"content-type": STRATEGIC}, {"spec": document["spec"]}
    )


def _json_patch(dice: random.Random, _: str, path: str, document: Document) -> Request:
    field, value = dice.choice(sorted(document["spec"].items(), key=str))
    operations: tuple[list[Document], ...] = (
        [{"op": "add", "path": f"/spec/{field}", "value": value}],
        [{"op": "replace", "path": f"/spec/{field}", "value": value}],
        [{"op": "remove", "path": f"/spec/{field}"}],
        [
            {"op": "test", "path": "/spec/size", "value": 3},
            {"op": "replace", "path": "/spec/size", "value": 4},
        ],
        [{"op": "add", "path": "/spec/tags/-", "value": "new"}],
        [
            {"op": "add", "path": "/spec/plain/0", "value": 9},
            {"op": "remove", "path": "/spec/plain/1"},
        ],
        [
            {"op": "copy", "from": "/spec/size", "path": "/spec/most"},
            {"op": "move", "from": "/spec/most", "path": "/spec/least"},
        ],
        [{"op": "remove", "path": "/spec/ports/7"}],
        [{"op": "replace", "path": "", "value": document}],
        [],
    )
    return Request(
        "PATCH", path, _options(dice), {"content-type": JSON_PATCH}, dice.choice(operations)
    )


def _apply(dice: random.Random, _: str, path: str, document: Document) -> Request:
    query = _options(dice) | {"fieldManager": dice.choice(MANAGERS)}
    if dice.random() < 0.4:
        query["force"] = "true"
    suffix = dice.choice(("", "", "", "", "/status"))
    return Request("PATCH", path + suffix, query, {"content-type": APPLY}, document)


def _status(dice: random.Random, _: str, path: str, document: Document) -> Request:
    status = {"replicas": dice.choice((1, 2, "x")), "phase": dice.choice(("On", "Off", "Odd"))}
    if dice.random() < 0.5:
        return Request(
            "PATCH",
            f"{path}/status",
            _options(dice),
            {"content-type": MERGE},
            {"status": status, "spec": document["spec"]},
        )
    document["metadata"]["resourceVersion"] = f"@rv:{path}@"
    return Request(
        "PUT",
        f"{path}/status",
        _options(dice),
        {"content-type": JSON},
        document | {"status": status},
    )


def _scale(dice: random.Random, _: str, path: str, document: Document) -> Request:
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": document["metadata"]["name"]},
        "spec": {"replicas": dice.choice((0, 2, 11, -1))},
    }
    return dice.choice((
        Request("GET", f"{path}/scale"),
        Request("PUT", f"{path}/scale", _options(dice), {"content-type": JSON}, scale),
        Request("PATCH", f"{path}/scale", _options(dice), {"content-type": MERGE}, {"spec": scale["spec"]}),
        Request("PATCH", f"{path}/scale", {"fieldManager": dice.choice(MANAGERS), "force": "true"}, {"content-type": APPLY}, scale),
    ))  # fmt: skip


def _read(dice: random.Random, place: str, path: str, _: Document) -> Request:
    table = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    return dice.choice((
        Request("GET", path), Request("GET", path, {}, table), Request("GET", place, {}, table), Request("GET", place),
        Request("GET", place, {"fieldSelector": dice.choice(("spec.size=3", "spec.kind=a", "spec.note=x", "metadata.name=one,spec.size!=3"))}),
        Request("GET", place, {"limit": "1"}), Request("GET", f"{path}/status"),
    ))  # fmt: skip


def _delete(dice: random.Random, place: str, path: str, _: Document) -> Request:
    if dice.random() < 0.15:
        return Request("DELETE", place, {"labelSelector": "team=a", "dryRun": "All"})
    return Request(
        "DELETE",
        path,
        dice.choice(
            (
                {},
                {"dryRun": "All"},
                {"propagationPolicy": "Foreground"},
                {"gracePeriodSeconds": "x"},
            )
        ),
    )
