"""Schemas that are compiled once: a mapping to read, and a tree of nodes to prune, default and validate by."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import re2

from kthena_sandbox.schema.cel.rules import Rule, rule_or_refusal
from kthena_sandbox.schema.cel.schematypes import is_typed
from kthena_sandbox.schema.fielderrors import FieldError

Document = dict[str, Any]
MISSING: Any = object()
REF = "#/definitions/"
PUBLISHED_ONLY = "x-published-only"  # required in OpenAPI, not enforced
PUBLISHED_AS = "x-published-as"  # another schema in OpenAPI
GATED = "x-gated"
ENFORCED_ONLY = "x-enforced-only"  # the other way round
# What a field says beside the reference to its type.
_OF_A_FIELD = {"default": "default", "x-kubernetes-map-type": "map_type", GATED: "gated"}
# Times that are no pointers in Go are written as null where they are not set, and so is all that Go never leaves out.
_NULLS = {
    "ContainerStateRunning": ("startedAt",),
    "ContainerStateTerminated": ("finishedAt", "startedAt"),
    "CustomResourceDefinitionCondition": ("lastTransitionTime",),
    "DaemonSetCondition": ("lastTransitionTime",),
    "DeploymentCondition": ("lastTransitionTime", "lastUpdateTime"),
    "JobCondition": ("lastProbeTime", "lastTransitionTime"),
    "Event": (
        "deprecatedFirstTimestamp",
        "deprecatedLastTimestamp",
        "eventTime",
        "firstTimestamp",
        "lastTimestamp",
    ),
    "HorizontalPodAutoscalerCondition": ("lastTransitionTime",),
    "HorizontalPodAutoscalerStatus": ("currentMetrics",),
    "LimitRangeSpec": ("limits",),
    "NamespaceCondition": ("lastTransitionTime",),
    "NodeCondition": ("lastHeartbeatTime", "lastTransitionTime"),
    "PersistentVolumeClaimCondition": ("lastProbeTime", "lastTransitionTime"),
    "PodCondition": ("lastProbeTime", "lastTransitionTime"),
    "ReplicaSetCondition": ("lastTransitionTime",),
    "StatefulSetCondition": ("lastTransitionTime",),
    "ReplicationControllerCondition": ("lastTransitionTime",),
    "TypedLocalObjectReference": ("apiGroup",),
    "TypedObjectReference": ("apiGroup",),
}
_LIMITS = (
    "maximum", "minimum", "multipleOf", "maxLength", "minLength", "pattern", "maxItems", "minItems",
    "uniqueItems", "maxProperties", "minProperties", "enum", "format",
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Node:
    """One schema in the tree. `limits` holds the value validations that are present.

    `written` are the fields that Go writes also when they are empty, and `nulls` those it then writes as null.
    `name` is that of the Go struct, "" for what has none, and `version` that of the package it is in. What is `gated`
    belongs to a feature that is off: it is dropped. A list without a list type of its own takes the one that
    its patch strategy implies.
    """

    name: str = ""
    version: str = ""
    types: frozenset[str] = frozenset()
    type_name: str = ""
    nullable: bool = False
    preserve: bool = False
    embedded: bool = False
    native: bool = False
    quantity: bool = False
    properties: dict[str, "Node"] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()
    additional: "Node | None" = None
    has_additional: bool = False
    closed: bool = False
    items: "Node | None" = None
    default: Any = MISSING
    defaulted: tuple[tuple[str, "Node"], ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    pattern: Any = None
    any_of: tuple["Node", ...] = ()
    one_of: tuple["Node", ...] = ()
    all_of: tuple["Node", ...] = ()
    negated: "Node | None" = None
    map_type: str = ""
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    typed: Mapping[str, Any] | None = None  # the schema by which values are read for the rules
    has_rules: bool = False
    gated: bool = False


class Definitions(Mapping[str, Mapping[str, Any]]):
    """Named schemas that refer to each other as `#/definitions/<name>`; each is compiled once.

    Objects of these schemas are decoded as Go structs are: null is the same as absent, unknown fields
    and empty collections vanish, quantities may be numbers.
    """

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self._documents = documents
        self._nodes: dict[str, Node] = {}
        for name in documents:
            self.node(name)

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        return self._documents[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def node(self, name: str) -> Node:
        """The compiled schema of that name."""
        if name not in self._nodes:
            # entered first, since types may contain themselves
            self._nodes[name] = node = Node(name=_struct_name(name, self._documents[name]))
            node.version = name.rpartition(".")[0].rpartition(".")[2]
            _fill(node, self._documents[name], self)
            nulls = _NULLS.get(node.name, ())
            node.nulls = tuple(field for field in nulls if field in node.properties)
        return self._nodes[name]


def _struct_name(name: str, document: Mapping[str, Any]) -> str:
    return name.rpartition(".")[2] if "properties" in document else ""


class Schema(Mapping[str, Any]):
    """The schema of a whole object, together with its compiled form.

    `name` and `definitions` belong to built-in kinds: the mapping then refers to other definitions, and
    *defaulters* and *rules* are what a kube-apiserver does in Go for that kind. Equal to another schema of the same
    content.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        name: str = "",
        definitions: Definitions | None = None,
        defaulters: tuple[Callable[[Document], Document], ...] = (),
        rules: tuple[Callable[[Document], list[FieldError]], ...] = (),
    ) -> None:
        self.document = document
        self.name = name
        self.definitions = definitions
        self.defaulters = defaulters
        self.rules = rules

    def __getitem__(self, key: str) -> Any:
        return self.document[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.document)

    def __len__(self) -> int:
        return len(self.document)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.document == other.document

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"Schema({self.document!r})"

    @cached_property
    def node(self) -> Node:
        """The tree to work by."""
        if self.definitions is not None and self.name:
            return self.definitions.node(self.name)
        return _compiled(self.document, self.definitions)


def as_schema(schema: Mapping[str, Any]) -> Schema:
    """The schema with its compiled form; hold on to it where speed matters."""
    return schema if isinstance(schema, Schema) else Schema(schema)


def _compiled(document: Mapping[str, Any], definitions: Definitions | None) -> Node:
    if definitions is not None and "$ref" in document:
        found = definitions.node(document["$ref"].removeprefix(REF))
        own = {name: document[word] for word, name in _OF_A_FIELD.items() if word in document}
        return _with(found, own) if own else found
    node = Node()
    _fill(node, document, definitions)
    return node


def _with(node: Node, own: dict[str, Any]) -> Node:
    return Node(**{name: getattr(node, name) for name in Node.__slots__} | own)


def _fill(node: Node, document: Mapping[str, Any], definitions: Definitions | None) -> None:
    node.native = definitions is not None
    _fill_type(node, document)
    node.limits = {name: document[name] for name in _LIMITS if name in document}
    for bound in ("Maximum", "Minimum"):
        if document.get(f"exclusive{bound}"):
            node.limits |= {f"exclusive{bound}": True}
    if "pattern" in document:
        node.pattern = re2.compile(document["pattern"])
    node.default = document.get("default", MISSING)
    if node.default is None:
        node.default = MISSING
    _fill_merging(node, document)
    _fill_children(node, document, definitions)
    _fill_alternatives(node, document, definitions)
    rules = document.get("x-kubernetes-validations") or ()
    node.rules = tuple(rule_or_refusal(entry) for entry in rules)
    node.typed = document if rules and is_typed(document) else None
    below = (*node.properties.values(), node.items, node.additional)
    node.has_rules = bool(rules) or any(child is not None and child.has_rules for child in below)


def _fill_type(node: Node, document: Mapping[str, Any]) -> None:
    wanted = document.get("type") or ()
    listed = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    if document.get("x-kubernetes-int-or-string") or document.get("format") == "int-or-string":
        listed = ("integer", "string")
    node.types, node.type_name = frozenset(listed), ",".join(listed)
    node.nullable = bool(document.get("nullable"))
    node.gated = bool(document.get(GATED))
    node.preserve = bool(document.get("x-kubernetes-preserve-unknown-fields"))
    node.embedded = bool(document.get("x-kubernetes-embedded-resource"))
    node.quantity = node.native and document.get("format") == "quantity"


def _fill_merging(node: Node, document: Mapping[str, Any]) -> None:
    node.map_type = document.get("x-kubernetes-map-type", "")
    node.list_type = document.get("x-kubernetes-list-type", "")
    node.list_keys = tuple(document.get("x-kubernetes-list-map-keys", ()))
    if not node.list_type and "merge" in document.get("x-kubernetes-patch-strategy", ""):
        key = document.get("x-kubernetes-patch-merge-key", "")
        node.list_type, node.list_keys = ("map", (key,)) if key else ("set", ())


def _fill_children(
    node: Node, document: Mapping[str, Any], definitions: Definitions | None
) -> None:
    published_only = document.get(PUBLISHED_ONLY, ())
    node.required = tuple(
        name for name in document.get("required", ()) if name not in published_only
    )
    node.written = frozenset(document.get("required", ()))
    node.properties = {
        name: _compiled(entry, definitions)
        for name, entry in document.get("properties", {}).items()
    }
    node.defaulted = tuple(
        (name, child) for name, child in node.properties.items() if child.default is not MISSING
    )
    additional = document.get("additionalProperties")
    node.has_additional = additional is not None and additional is not False
    node.closed = additional is False
    if isinstance(additional, Mapping):
        node.additional = _compiled(additional, definitions)
    if isinstance(document.get("items"), Mapping):
        node.items = _compiled(document["items"], definitions)


def _fill_alternatives(
    node: Node, document: Mapping[str, Any], definitions: Definitions | None
) -> None:
    node.any_of, node.one_of, node.all_of = (
        tuple(_compiled(entry, definitions) for entry in document.get(word, ()))
        for word in ("anyOf", "oneOf", "allOf")
    )
    if isinstance(document.get("not"), Mapping):
        node.negated = _compiled(document["not"], definitions)
