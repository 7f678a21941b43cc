"""Rules and defaults of LimitRanges.

Rules are asked only about objects whose fields have the types of the schema; defaults about objects of any shape.
"""

from decimal import Decimal
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names, resourcenames
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.quantities import parse_quantity
from kthena_sandbox.schema.reading import maps

Document = dict[str, Any]
_TYPES = frozenset({"Container", "PersistentVolumeClaim", "Pod"})
_TABLES = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_NO_SIZE = "either minimum or maximum storage value is required, but neither was provided"


def limit_range_defaults(document: Document) -> Document:
    """A LimitRange: of containers, what may be had at most is had, and what is had is asked for."""
    spec = document.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("limits"), list):
        return document
    return document | {"spec": spec | {"limits": [_with_defaults(item) for item in spec["limits"]]}}


def _with_defaults(item: Any) -> Any:
    if not isinstance(item, dict) or item.get("type") != "Container":
        return item
    most, least, usual, asked = (
        item[name] if isinstance(item.get(name), dict) else {}
        for name in ("max", "min", "default", "defaultRequest")
    )
    usual = most | usual
    asked = least | usual | asked
    filled = {"default": usual, "defaultRequest": asked}
    return item | {name: table for name, table in filled.items() if table}


def limit_range_rules(document: Document) -> list[FieldError]:
    """A LimitRange."""
    found, seen = [], set()
    for index, item in enumerate(maps(document, "spec.limits")):
        path, kind = f"spec.limits[{index}]", item.get("type", "")
        found += _type(kind, f"{path}.type")
        if kind in seen:
            found.append(errors.duplicate(f"{path}.type", kind))
        seen.add(kind)
        found += _item(item, kind, path)
    return found


def _type(kind: str, path: str) -> list[FieldError]:
    problems = names.qualified_problems(kind)
    if problems:
        return [errors.invalid(path, kind, why) for why in problems]
    if "/" in kind or kind in _TYPES:
        return []
    return [errors.invalid(path, kind, "must be a standard limit type or fully qualified")]


def _item(item: Document, kind: str, path: str) -> list[FieldError]:
    found = _names(item, ("max", "min"), kind, path)
    if kind == "Pod":
        detail = "may not be specified when `type` is 'Pod'"
        found += [
            errors.forbidden(f"{path}.{name}", detail)
            for name in ("default", "defaultRequest")
            if item.get(name)
        ]
    else:
        found += _names(item, ("default", "defaultRequest"), kind, path)
    sized = any("storage" in (item.get(name) or {}) for name in ("max", "min"))
    if kind == "PersistentVolumeClaim" and not sized:
        found.append(errors.required(f"{path}.limits", _NO_SIZE))
    found += _names(item, ("maxLimitRequestRatio",), kind, path)
    every = {name for table in _TABLES for name in item.get(table) or {}}
    for name in sorted(every):
        found += _Limits(item, name, path).rules()
    return found


def _names(item: Document, tables: tuple[str, ...], kind: str, path: str) -> list[FieldError]:
    rules = (
        resourcenames.container_name_rules
        if kind in {"Container", "Pod"}
        else resourcenames.name_rules
    )
    return [
        error
        for table in tables
        for name in sorted(item.get(table) or {})
        for error in rules(name, f"{path}.{table}[{name}]")
    ]


class _Limits:
    """All that one item says about one resource."""

    def __init__(self, item: Document, name: str, path: str) -> None:
        self._name, self._path = name, path
        unread = {"default", "defaultRequest"} if item.get("type") == "Pod" else set()
        self._texts = {
            table: None if table in unread else (item.get(table) or {}).get(name)
            for table in _TABLES
        }

    def _value(self, table: str) -> Decimal | None:
        text = self._texts[table]
        return None if text is None else parse_quantity(str(text))

    def _above(self, table: str, other: str) -> bool:
        one, two = self._value(table), self._value(other)
        return one is not None and two is not None and one > two

    def _error(self, table: str, shown: str, detail: str) -> FieldError:
        text = self._texts[shown]
        return errors.invalid(f"{self._path}.{table}[{self._name}]", text, detail)

    def rules(self) -> list[FieldError]:
        """What contradicts the rest."""
        most, least, usual, asked, _ = (self._texts[table] for table in _TABLES)
        found = []
        if self._above("min", "max"):
            said = f"min value {least} is greater than max value {most}"
            found.append(self._error("min", "min", said))
        if self._above("min", "defaultRequest"):
            said = f"min value {least} is greater than default request value {asked}"
            found.append(self._error("defaultRequest", "defaultRequest", said))
        for other, word in (("max", "max value"), ("default", "default limit value")):
            if self._above("defaultRequest", other):
                said = f"default request value {asked} is greater than {word} {self._texts[other]}"
                found.append(self._error("defaultRequest", "defaultRequest", said))
        if self._above("min", "default"):
            said = f"min value {least} is greater than default value {usual}"
            found.append(self._error("default", "min", said))
        if self._above("default", "max"):
            said = f"default value {usual} is greater than max value {most}"
            found.append(self._error("default", "max", said))
        return found + self._ratio() + self._overcommitted()

    def _ratio(self) -> list[FieldError]:
        text, ratio = self._texts["maxLimitRequestRatio"], self._value("maxLimitRequestRatio")
        if ratio is None:
            return []
        found = []
        if ratio < 1:
            said = f"ratio {text} is less than 1"
            found.append(self._error("maxLimitRequestRatio", "maxLimitRequestRatio", said))
        most, least = self._value("max"), self._value("min")
        if most is not None and least and ratio > most / least:
            said = f"ratio {text} is greater than max/min = {float(most / least):f}"
            found.append(self._error("maxLimitRequestRatio", "maxLimitRequestRatio", said))
        return found

    def _overcommitted(self) -> list[FieldError]:
        """Of devices and huge pages nobody has more than he asks for."""
        usual, asked = self._value("default"), self._value("defaultRequest")
        strict = resourcenames.is_extended(self._name) or resourcenames.is_pages(self._name)
        if not strict or None in (usual, asked) or usual == asked:
            return []
        said = (
            f"default value {self._texts['default']} must equal to defaultRequest value "
            f"{self._texts['defaultRequest']} in {self._name}"
        )
        return [self._error("defaultRequest", "defaultRequest", said)]
