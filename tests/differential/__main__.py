"""`python -m tests.differential --reference KUBECONFIG`: the same requests to the sandbox's API server and to a real one.

The reference is a cluster that may be spoilt, of which only the API server is needed: controllers that change what
was asked for would be seen as differences, and without them no namespace has a service account, so that both run
without the admission plugin ServiceAccount (`--disable-admission-plugins`). The CRDs of this repository are applied to both first.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

import yaml
from tests.differential.generator import MERGE, OWN_NAMES, Request, requests
from tests.differential.normalising import difference, normalised
from tests.differential.objects import KINDS, NAMESPACE, Document, Kind
from tests.differential.session import Reply, Session, session
from tests.differential.surveys import revisions, surveyed, watched
from tests.differential.wide.definitions import DEFINITIONS, PATH
from tests.differential.wide.generator import wide_requests
from tests.differential.wide.schemas import collection

_ROOT = Path(__file__).parents[2]
_CRDS = (_ROOT / "deploy" / "crds", _ROOT / "src" / "kthena_sandbox" / "crds")
_READY_SECONDS = 30.0
ODD = tuple(collection(plural) for plural in ("widgets", "gadgets", "globes"))


def compare(ours: Reply, theirs: Reply) -> str:
    """Return how our answer differs, "" where it does not."""
    if ours.status != theirs.status:
        return f"status {ours.status}, not {theirs.status}: {_message(ours)!r}, not {_message(theirs)!r}"
    if found := difference(normalised(ours.body), normalised(theirs.body)):
        return found
    if ours.media != theirs.media:
        return f"content-type {ours.media!r}, not {theirs.media!r}"
    return difference(_warnings(ours), _warnings(theirs), "warnings")


def _warnings(reply: Reply) -> object:
    """Return the warnings without those of a sandbox about what it does not do, of which a real server says nothing."""
    return normalised([text for text in reply.warnings if "this sandbox" not in text])


def _message(reply: Reply) -> str:
    return str(reply.body.get("message", "") if isinstance(reply.body, dict) else reply.body)[:300]


def prepare(one: Session) -> None:
    """Make the namespace and the CRDs, wait until these are served, and remove what earlier runs left."""
    one.ask(
        Request(
            "POST", "/api/v1/namespaces", body=_named("v1", "Namespace", NAMESPACE), headers=_JSON
        )
    )
    files = sorted(file for folder in _CRDS for file in folder.glob("*.yaml"))
    bundled = [document for file in files for document in yaml.safe_load_all(file.read_text())]
    for document in (*bundled, *DEFINITIONS):
        one.ask(Request("POST", PATH, body=document, headers=_JSON))
    deadline = time.monotonic() + _READY_SECONDS
    known = [*(kind.collection for kind in KINDS), *ODD]
    while any(one.ask(Request("GET", path)).status != 200 for path in known):
        if time.monotonic() > deadline:
            raise SystemExit("the CRDs are not served")
        time.sleep(0.1)
    for kind in KINDS:
        for name in one.names(kind.collection):
            if kind.namespaced or name in OWN_NAMES or name.startswith("made-"):
                _remove(one, kind, name)
    for path in ODD:
        for name in one.names(path):
            merge = {"content-type": MERGE}
            freed = {"metadata": {"finalizers": None}}
            one.ask(Request("DELETE", f"{path}/{name}"))
            one.ask(Request("PATCH", f"{path}/{name}", headers=merge, body=freed))
    one.forget()


def _remove(one: Session, kind: Kind, name: str) -> None:
    """Remove what an earlier run left, also where something holds it."""
    freed = {"metadata": {"finalizers": None}}
    merge = {"content-type": "application/merge-patch+json"}
    now = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
    one.ask(Request("PATCH", kind.path(name), headers=merge, body=freed))
    if kind.kind == "Namespace":
        one.ask(Request("DELETE", kind.path(name)))
        one.ask(Request("PUT", f"{kind.path(name)}/finalize", body=_named("v1", "Namespace", name)))
    one.ask(Request("DELETE", kind.path(name), headers=_JSON, body=now))


_JSON = {"content-type": "application/json"}


def _named(api_version: str, kind: str, name: str) -> Document:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}


@contextmanager
def sandbox() -> Iterator[Path]:
    """Run the sandbox's API server alone, and yield its kubeconfig."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        command = [
            sys.executable,
            "-m",
            "kthena_sandbox.apiserver",
            "--disable-admission-plugins",
            "ServiceAccount",
            "--port",
            "0",
            "--kubeconfig",
            str(kubeconfig),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + _READY_SECONDS
            while not kubeconfig.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            yield kubeconfig
        finally:
            process.terminate()
            process.wait()


def run(
    ours: Session, theirs: Session, asked: Iterable[Request]
) -> Iterator[tuple[int, Request, str]]:
    """Ask both, which are prepared, the same; yield each request with its number and how the answers differ, "" where they do not."""
    for number, request in enumerate(asked):
        yield number, request, compare(ours.ask(request), theirs.ask(request))


def main() -> int:
    """Ask, tell what differs, and return 1 where something does."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument(
        "--reference", type=Path, required=True, help="kubeconfig of a cluster that may be spoilt"
    )
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=40, help="differences to print")
    parser.add_argument("--wide", action="store_true", help="ask what a program may ask besides")
    given = parser.parse_args()
    asked = (wide_requests if given.wide else requests)(given.seed, given.requests)
    statuses: Counter[str] = Counter()
    shown = 0
    with ExitStack() as stack:
        ours = stack.enter_context(session(stack.enter_context(sandbox())))
        theirs = stack.enter_context(session(given.reference))
        for one in (ours, theirs):
            prepare(one)
        since = [revisions(one) for one in (ours, theirs)]
        for number, request, found in run(ours, theirs, asked):
            statuses["different" if found else "equal"] += 1
            if found and shown < given.show:
                shown += 1
                print(f"{number}: {str(request)[:600]}\n    {found}", flush=True)
        told = chain(watched(ours, theirs, since), surveyed(ours, theirs))
        differing = [(what, found) for what, found in told if found]
        for what, found in differing[: given.show]:
            print(f"{what}\n    {found}")
    print(f"watches and surveys: {len(differing)} different")
    print(f"{statuses['equal']} equal, {statuses['different']} different")
    return int(statuses["different"] > 0 or bool(differing))


if __name__ == "__main__":
    sys.exit(main())
