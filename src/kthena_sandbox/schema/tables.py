"""Objects as rows of a `meta.k8s.io/v1` Table, which is what `kubectl get` prints."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, Literal

from kthena_sandbox.resources import PrinterColumn, ResourceType
from kthena_sandbox.schema.ages import age, parse_time
from kthena_sandbox.schema.columns import Column, Row, columns_of
from kthena_sandbox.schema.golang import plain
from kthena_sandbox.schema.jsonpath import JsonPathError, compile_path
from kthena_sandbox.schema.nativedefaults import TEMPLATE_COUNT

Document = dict[str, Any]
Include = Literal["Metadata", "Object", "None"]
_DEFAULT = (PrinterColumn("Age", "date", ".metadata.creationTimestamp"),)
_NAME = Column("Name", "string", "name", description="Name of the object")


def table(
    resource: ResourceType, objects: list[Document], now: datetime, include: Include
) -> Document:
    """The Table of some objects of one kind; its list metadata is left to the caller."""
    columns, row = _layout(resource)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [column.document() for column in columns],
        "rows": [_row(row(entry, now), entry, include) for entry in objects],
    }


def partial_object(document: Document, version: str) -> Document:
    """Only the metadata, without an annotation that stands for a field of DaemonSets and is none for a server."""
    metadata = document.get("metadata", {})
    annotations = metadata.get("annotations", {})
    if TEMPLATE_COUNT in annotations:
        kept = {name: value for name, value in annotations.items() if name != TEMPLATE_COUNT}
        others = {name: value for name, value in metadata.items() if name != "annotations"}
        metadata = others | ({"annotations": kept} if kept else {})
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": metadata,
    }


def _layout(resource: ResourceType) -> tuple[Sequence[Column], Row]:
    found = None if resource.custom else columns_of(resource.group, resource.kind)
    if found is not None:
        return found
    return _custom(resource.printer_columns or _DEFAULT)


def _row(built: tuple[list[Any], list[Document]], entry: Document, include: Include) -> Document:
    cells, conditions = built
    row: Document = {"cells": cells}
    if conditions:
        row["conditions"] = conditions
    if include == "Object":
        return row | {"object": entry}
    if include == "Metadata":
        return row | {"object": partial_object(entry, "v1")}
    return row | {"object": None}


def _custom(columns: Sequence[PrinterColumn]) -> tuple[Sequence[Column], Row]:
    shown = [
        Column(column.name, column.type, column.format, column.priority, _described(column))
        for column in columns
    ]
    finders = [(_finder(column.json_path), column.type) for column in columns]

    def row(entry: Document, now: datetime) -> tuple[list[Any], list[Document]]:
        name = entry.get("metadata", {}).get("name", "")
        return [name, *(_cell(find(entry), kind, now) for find, kind in finders)], []

    return [_NAME, *shown], row


def _described(column: PrinterColumn) -> str:
    default = f"Custom resource definition column (in JSONPath format): {column.json_path}"
    return column.description or default


def _finder(path: str) -> Callable[[Any], list[Any]]:
    try:
        return compile_path(path)
    except JsonPathError:
        return lambda _: []


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _cell(found: list[Any], kind: str, now: datetime) -> Any:
    """One cell; null, which kubectl shows as `<none>`, where there is no value of the column's type."""
    if not found or found[0] is None:
        return None
    value = found[0]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    match kind:
        case "string":
            return _compact(value) if isinstance(value, dict | list) else plain(value)
        case "integer":
            return int(value) if is_number else None
        case "number":
            return value if is_number else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date" if isinstance(value, str):
            return age(value, now) if parse_time(value) else "<invalid>"
        case _:
            return None
