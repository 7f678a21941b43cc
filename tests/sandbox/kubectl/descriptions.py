"""`python -m tests.sandbox.kubectl.descriptions --reference KUBECONFIG` writes `schema/descriptions.json` anew.

To be done when lightkube-models is locked in another version: the reference is a cluster of the same version of Kubernetes, whose OpenAPI
documents say what the texts look like and which values of a field are published.
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.differential.generator import Request
from tests.differential.session import Session, session

from kthena_sandbox.schema.descriptions import SPACE, docstrings, module_of, read_docstring

_TARGET = Path(__file__).parents[3] / "src/kthena_sandbox/schema/descriptions.json"
_VALUES = re.compile(r"\n\nPossible enum values:\n.*", re.DOTALL)
_OURS = ("io.k8s.api.", "io.k8s.apiextensions", "io.k8s.apimachinery")
Document = dict[str, Any]


def _schemas(reference: Session) -> Document:
    found: Document = {}
    index = reference.ask(Request("GET", "/openapi/v3")).body["paths"]
    for name in sorted(index):
        path = index[name]["serverRelativeURL"].partition("?")[0]
        body = reference.ask(Request("GET", path)).body
        if isinstance(body, dict):
            found = body.get("components", {}).get("schemas", {}) | found
    return dict(sorted(found.items()))


def layout(wanted: str, text: str) -> dict[int, str]:
    """Return the white space of *wanted* where that of *text* differs; raises ValueError for other words."""
    parts, ours = SPACE.split(wanted), SPACE.split(text)
    if parts[::2] != ours[::2]:
        raise ValueError(f"{text!r} is not {wanted!r}")
    pairs = zip(parts[1::2], ours[1::2], strict=True)
    return {word: space for word, (space, present) in enumerate(pairs) if space != present}


def _texts(schema: Document, docstring: str) -> Iterator[tuple[str, str, str]]:
    text, fields = read_docstring(docstring)
    yield "", schema.get("description", ""), text
    for name, entry in schema.get("properties", {}).items():
        wanted = _VALUES.sub("", entry.get("description", "")).rstrip()
        yield f".{name}", wanted, fields.get(name, "")


def _values(schema: Document) -> list[str]:
    nested = (schema.get("items"), schema.get("additionalProperties"))
    below = next((entry for entry in nested if isinstance(entry, Mapping)), {})
    return list(schema.get("enum") or below.get("enum", ()))


def untold(schemas: Mapping[str, Document]) -> dict[str, Document]:
    """Return what the file has to tell, for the published schemas of built-in types."""
    layouts: Document = {}
    values: Document = {}
    for name, schema in schemas.items():
        module, kind = module_of(name) or "", name.rpartition(".")[2]
        if not name.startswith(_OURS):
            continue
        own = f"{module}.{kind}"
        docstring = docstrings(module).get(kind)
        if docstring is None:
            continue
        for place, wanted, text in _texts(schema, docstring):
            if found := layout(wanted, text):
                layouts[f"{own}{place}"] = found
        listed = {key: _values(entry) for key, entry in schema.get("properties", {}).items()}
        if fields := {key: entry for key, entry in listed.items() if entry}:
            values[own] = fields
    return {"layouts": layouts, "values": values}


def written(told: Mapping[str, Document]) -> str:
    """Return the file, with a line for each type or field."""
    parts = []
    for part, entries in told.items():
        lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
        parts.append(f'"{part}": {{\n' + ",\n".join(lines) + "\n}")
    return "{" + ",\n".join(parts) + "}\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sandbox.kubectl.descriptions", description=__doc__
    )
    parser.add_argument("--reference", type=Path, required=True, help="kubeconfig of a cluster")
    with session(parser.parse_args().reference) as reference:
        _TARGET.write_text(written(untold(_schemas(reference))), "utf-8")


if __name__ == "__main__":
    main()
