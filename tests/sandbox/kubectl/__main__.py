"""`python -m tests.sandbox.kubectl --reference KUBECONFIG`: the commands of the transcripts against the sandbox and a real API server.

Tells where they print something else; with `--write` the transcripts take what the real one says, which is how they are made: write
down the commands, and let it answer. `--explain` asks for the descriptions of all kinds that both serve instead. The reference is a cluster without controllers that may be spoilt: what is in the namespaces
and names that begin with `t` goes.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml
from tests.differential.generator import Request
from tests.differential.session import Session, session
from tests.sandbox.kubectl.support import (
    TRANSCRIPTS,
    VERSIONS,
    Terminal,
    api_server,
    installed,
)
from tests.sandbox.kubectl.transcript import Step, read_steps, written

Document = dict[str, Any]
_NOW = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
_JSON = {"content-type": "application/json"}
_MERGE = {"content-type": "application/merge-patch+json"}


def tidy(reference: Session) -> None:
    """Remove what a transcript has left there, as no controller does."""
    kinds = list(_kinds(reference))
    for name in _ours(reference, "/api/v1/namespaces"):
        for path, namespaced in kinds:
            if namespaced:
                folder, _, plural = path.rpartition("/")
                _clear(reference, f"{folder}/namespaces/{name}/{plural}", every=True)
        reference.ask(Request("DELETE", f"/api/v1/namespaces/{name}"))
        body: Document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        reference.ask(
            Request("PUT", f"/api/v1/namespaces/{name}/finalize", body=body, headers=_JSON)
        )
    for path, namespaced in kinds:
        if not namespaced and not path.endswith("/namespaces"):
            _clear(reference, path, every=False)


def _kinds(reference: Session) -> Iterator[tuple[str, bool]]:
    groups = reference.ask(Request("GET", "/apis")).body["groups"]
    roots = ["/api/v1"] + [
        f"/apis/{version['groupVersion']}" for group in groups for version in group["versions"]
    ]
    for root in roots:
        for kind in reference.ask(Request("GET", root)).body.get("resources", ()):
            if "deletecollection" in kind["verbs"] or kind["name"] == "services":
                yield f"{root}/{kind['name']}", kind["namespaced"]


def _ours(reference: Session, collection: str) -> list[str]:
    names = reference.names(collection)
    return [name for name in names if name == "t" or name.startswith("t-")]


def _clear(reference: Session, collection: str, *, every: bool) -> None:
    names = reference.names(collection) if every else _ours(reference, collection)
    if collection.endswith("/customresourcedefinitions"):
        names = [name for name in reference.names(collection) if name.endswith(".example.com")]
    for name in names:
        path = f"{collection}/{name}"
        freed = {"metadata": {"finalizers": None}}
        reference.ask(Request("PATCH", path, headers=_MERGE, body=freed))
        reference.ask(Request("DELETE", path, headers=_JSON, body=_NOW))


def _renamed(kubeconfig: Path, target: Path) -> Path:
    """A copy whose context has the name that the sandbox's has."""
    document = yaml.safe_load(kubeconfig.read_text())
    context = next(
        entry for entry in document["contexts"] if entry["name"] == document["current-context"]
    )
    cluster, user = context["context"]["cluster"], context["context"]["user"]
    context["context"] = {"cluster": "sandbox", "user": "sandbox"}
    for entry in (context, *document["clusters"], *document["users"]):
        if entry["name"] in {cluster, user, context["name"]}:
            entry["name"] = "sandbox"
    document["current-context"] = "sandbox"
    target.write_text(json.dumps(document))
    return target


@contextmanager
def _homes(reference: Path) -> Iterator[tuple[Path, Path]]:
    """A home for the sandbox and one for the reference, with their kubeconfigs."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours"), Path(folder, "theirs")
        ours.mkdir()
        theirs.mkdir()
        _renamed(reference, theirs / "kubeconfig")
        with api_server(ours / "kubeconfig"), session(reference) as tidied:
            tidy(tidied)
            yield ours, theirs
            tidy(tidied)


def answers(kubectl: Path, commands: list[str], reference: Path) -> Iterator[tuple[Step, Step]]:
    """What the sandbox and the reference have each command print."""
    with _homes(reference) as (ours, theirs):
        one = Terminal(kubectl, ours / "kubeconfig", ours)
        other = Terminal(kubectl, theirs / "kubeconfig", theirs)
        for command in commands:
            yield one.run(command), other.run(command)


def explanations(kubectl: Path, reference: Path) -> list[str]:
    """Return the commands that explain all kinds which both serve."""
    listing = "api-resources --verbs=create -o name"
    ((one, other),) = answers(kubectl, [listing], reference)
    shared = sorted(set(one.printed.split()) & set(other.printed.split()))
    return [f"explain {kind}{what}" for kind in shared for what in ("", ".spec", " --recursive")]


def _told(one: Step, other: Step) -> str:
    lines = unified_diff(
        f"{other.printed}(exit {other.code})".splitlines(),
        f"{one.printed}(exit {one.code})".splitlines(),
        "real", "sandbox", lineterm="", n=1,
    )  # fmt: skip
    return "\n".join(list(lines)[2:])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.kubectl", description=__doc__)
    parser.add_argument("--reference", type=Path, required=True, help="kubeconfig of a cluster")
    parser.add_argument("--write", action="store_true", help="write the transcripts anew")
    parser.add_argument("--explain", action="store_true", help="compare descriptions instead")
    parser.add_argument("--only", default="", help="the transcript of that name")
    parser.add_argument("--version", nargs="*", default=VERSIONS, help="of kubectl")
    given = parser.parse_args()
    found = {path.name.removeprefix("kubectl."): path for path in installed()}
    chosen = [path for path in TRANSCRIPTS if given.only in {"", path.stem}]
    counted: Counter[bool] = Counter()

    def compared(title: str, version: str, commands: list[str]) -> Iterator[Step]:
        for one, other in answers(found[version], commands, given.reference):
            counted[one == other] += 1
            if one != other:
                print(f"{title} {version} $ kubectl {one.command}")
                print(_told(one, other), flush=True)
            yield other

    if given.explain:
        chosen = []
        for version in given.version:
            list(compared("explain", version, explanations(found[version], given.reference)))
    for transcript in chosen:
        text = transcript.read_text("utf-8")
        asked = {version: read_steps(text, version) for version in given.version}
        by_version = {
            version: list(compared(transcript.stem, version, [step.command for step in steps]))
            for version, steps in asked.items()
        }
        if given.write:
            transcript.write_text(written(by_version), "utf-8")
    print(f"{counted[True]} equal, {counted[False]} different")
    return int(counted[False] > 0)


if __name__ == "__main__":
    sys.exit(main())
