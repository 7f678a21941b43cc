"""What Kubernetes says of its built-in types and their fields, as its OpenAPI documents do and `kubectl explain` shows.

The texts are those in the docstrings of the package lightkube-models, which are made from Kubernetes' OpenAPI document.
Its files are read as text: to import them would take their dependencies and more memory. The lines there are broken at 78
letters and not indented. `descriptions.json` tells where that leaves more than one way to put them together again, and which values
a field may have, which the package does not know. What a value means, and what types are that are a single value, is not told.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from kthena_sandbox.schema.notation import PREFIXES

Document = dict[str, Any]
Layout = Mapping[int, str]
_WIDTH = 78
_TYPE = re.compile(r'^class (\w+)\(DictMixin\):\n    r"""(.*?)"""', re.MULTILINE | re.DOTALL)
_PARAMETERS = "      **parameters**\n"
_FIELD = re.compile(
    r"^      \* \*\*(\w+)\*\* ``[^`]*``(?: - (.*?))?(?=^      \* \*\*|\Z)", re.MULTILINE | re.DOTALL
)
_ITEM = re.compile(r"[-*] ")
SPACE = re.compile(r"(\s+)")
_SPECIAL = {"d_ref": "$ref", "d_schema": "$schema"}


@dataclass(frozen=True, slots=True)
class Description:
    """Of one type: what it is, and its fields by their names in JSON."""

    text: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


_NOTHING = Description()


class Untold(msgspec.Struct, frozen=True):
    """`descriptions.json`: white space by the number of the word that it follows, and values, by type and field."""

    layouts: dict[str, dict[int, str]]
    values: dict[str, dict[str, list[str]]]


class Descriptions:
    """Reads the files when they are asked for, and keeps what it has read."""

    def __init__(self) -> None:
        self._modules: dict[str, dict[str, str]] = {}
        self._known: dict[str, Description] = {}
        file = resources.files("kthena_sandbox.schema") / "descriptions.json"
        self._untold = msgspec.json.decode(file.read_bytes(), type=Untold)

    def described(self, name: str, schema: Document) -> Document:
        """The schema of the built-in type *name* with descriptions, and with the values that its fields may have."""
        module = module_of(name)
        if module is None:
            return schema
        own = f"{module}.{name.rpartition('.')[2]}"
        if own not in self._known:
            self._known[own] = self._description(module, own)
        found = self._known[own]
        values = self._untold.values.get(own, {})
        properties = {
            key: _told(entry, found.fields.get(key, ""), values.get(key))
            for key, entry in schema.get("properties", {}).items()
        }
        text = {"description": found.text} if found.text else {}
        return schema | text | ({"properties": properties} if properties else {})

    def _description(self, module: str, own: str) -> Description:
        if module not in self._modules:
            self._modules[module] = docstrings(module)
        docstring = self._modules[module].get(own.rpartition(".")[2])
        if docstring is None:
            return _NOTHING
        text, fields = read_docstring(docstring)
        layouts = self._untold.layouts
        return Description(
            laid_out(text, layouts.get(own, {})),
            {
                key: laid_out(entry, layouts.get(f"{own}.{key}", {}))
                for key, entry in fields.items()
            },
        )


def module_of(name: str) -> str | None:
    """The module of lightkube-models that has a type: `io.k8s.api.apps.v1.Deployment` is in apps_v1."""
    package = name.rpartition(".")[0]
    if found := re.fullmatch(r"io\.k8s\.api\.(\w+)\.(\w+)", package):
        return f"{found[1]}_{found[2]}"
    return next((f"{group}_v1" for group, known in PREFIXES.items() if package == known), None)


def docstrings(module: str) -> dict[str, str]:
    """Those of a module of lightkube-models, by type; none where there is no such module."""
    file = Path(str(distribution("lightkube-models").locate_file(f"lightkube/models/{module}.py")))
    return dict(_TYPE.findall(file.read_text("utf-8"))) if file.is_file() else {}


def read_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of the type and of its fields."""
    head, _, rest = docstring.partition(_PARAMETERS)
    fields = {_json_name(name): unwrapped(text) for name, text in _FIELD.findall(rest)}
    return unwrapped(head), fields


def _json_name(name: str) -> str:
    """The name in JSON of what had to be an identifier in Python: `from_`, `x_kubernetes_map_type`, `d_ref`."""
    name = _SPECIAL.get(name, name).removesuffix("_")
    return name.replace("_", "-") if name.startswith("x_kubernetes_") else name


def unwrapped(text: str) -> str:
    """The text in paragraphs: a line ends where the next word did not fit, or else with a paragraph or an item of a list."""
    lines = [line.strip() for line in text.strip().split("\n")]
    joined = lines[0]
    for before, line in pairwise(lines):
        joined += _between(before, line) + line
    return joined


def _between(before: str, line: str) -> str:
    if not before or not line:
        return "\n"
    if len(before) + 1 + len(line.partition(" ")[0]) > _WIDTH:
        return " "
    return "\n" if _ITEM.match(line) else "\n\n"


def laid_out(text: str, layout: Layout) -> str:
    """The text with other white space after the words that *layout* counts."""
    if not layout:
        return text
    parts = SPACE.split(text)
    for word, space in layout.items():
        parts[2 * word + 1] = space
    return "".join(parts)


def _told(schema: Document, text: str, values: Sequence[str] | None) -> Document:
    """A field with its description, which names the values, as kube-apiserver writes them; it publishes no others."""
    published = {key: entry for key, entry in schema.items() if key != "enum"}
    if values is not None:
        below = next((key for key in ("items", "additionalProperties") if key in schema), None)
        if below is not None:
            published[below] = dict(schema[below]) | {"enum": list(values)}
        else:
            published["enum"] = list(values)
            listed = "".join(f'\n - `"{value}"`' for value in values)
            text = f"{text}\n\nPossible enum values:{listed}"
    return published | {"description": text} if text else published
