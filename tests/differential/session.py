"""One server that is asked, and what it said last of each object."""

import base64
import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.differential.generator import Request
from tests.differential.objects import KINDS

_REFERENCE = re.compile(r"@(rv|uid):([^@]+)@")
_RESOURCES = {(one.api_version, one.kind): one.resource for one in KINDS}


@dataclass(frozen=True)
class Reply:
    """Status code, decoded body (text where it is no JSON) and the warnings."""

    status: int
    body: Any
    warnings: tuple[str, ...]
    media: str = ""  # type of the body


class Session:
    """Asks one server, and knows revision and uid of what it has seen there."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._seen: dict[str, dict[str, str]] = {}

    def ask(self, request: Request) -> Reply:
        """Send *request* with what is known filled in."""
        body = request.raw if request.body is None else json.dumps(request.body)
        answer = self._client.request(
            request.method,
            request.path,
            params={name: self._filled(value) for name, value in request.query.items()},
            headers=request.headers,
            content=None if body is None else self._filled(body),
        )
        reply = Reply(
            answer.status_code,
            _decoded(answer),
            tuple(answer.headers.get_list("warning")),
            answer.headers.get("content-type", ""),
        )
        self._note(reply.body)
        return reply

    def forget(self) -> None:
        """Know no object any more."""
        self._seen.clear()

    def chunks(self, collection: str, query: dict[str, str]) -> list[Any]:
        """Return a list's pages, each of which leads to the next."""
        pages: list[Any] = []
        while not pages or (pages[-1].get("metadata") or {}).get("continue"):
            token = {"continue": pages[-1]["metadata"]["continue"]} if pages else {}
            pages.append(self._client.get(collection, params=query | token).json())
        return pages

    def names(self, collection: str) -> list[str]:
        """Return the names of the objects there."""
        items = self._client.get(collection).json().get("items") or []
        return [one["metadata"]["name"] for one in items]

    def revision(self, collection: str) -> str:
        """Return the revision that the server is at."""
        metadata = self._client.get(collection, params={"limit": 1}).json()["metadata"]
        return str(metadata["resourceVersion"])

    def events(self, collection: str, query: dict[str, str]) -> list[Any]:
        """Return what a watch tells until its time is up."""
        given = {"watch": "1", "timeoutSeconds": "1", **query}
        answer = self._client.get(collection, params=given)
        return [json.loads(line) for line in answer.text.splitlines()]

    def _filled(self, text: str) -> str:
        def fill(found: re.Match[str]) -> str:
            seen = self._seen.get(found[2], {})
            return seen.get(found[1], "1" if found[1] == "rv" else "unseen")

        return _REFERENCE.sub(fill, text)

    def _note(self, body: Any) -> None:
        if not isinstance(body, dict):
            return
        metadata = body.get("metadata") or {}
        if "uid" in metadata and "resourceVersion" in metadata:  # not of a dry run
            self._seen[_place(body)] = {"rv": metadata["resourceVersion"], "uid": metadata["uid"]}


def _place(body: dict[str, Any]) -> str:
    """Return the path of an object, as `Kind.path` has it."""
    metadata, version = body["metadata"], body["apiVersion"]
    resource = _RESOURCES.get((version, body["kind"]), body["kind"].lower() + "s")
    group = "/api" if "/" not in version else "/apis"
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{group}/{version}{place}/{resource}/{metadata['name']}"


def _decoded(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        pass
    if "yaml" in answer.headers.get("content-type", ""):
        return yaml.safe_load(answer.text)
    try:  # what a watch tells
        events = [json.loads(line) for line in answer.text.splitlines()]
    except ValueError:
        return answer.text
    return sorted((one for one in events if not _is_beat(one)), key=about) or answer.text


def about(event: Any) -> str:
    """Events about one object keep their order; those of a list or a deletion of many come in a server's own."""
    told = event.get("object") or {} if isinstance(event, dict) else {}
    told = (told.get("rows") or [{}])[0].get("object", told)
    return str((told.get("metadata") or {}).get("name", "~"))


def _is_beat(event: Any) -> bool:
    """Whether it is a bookmark that says no more than that time has passed."""
    if not isinstance(event, dict) or event.get("type") != "BOOKMARK":
        return False
    return "annotations" not in (event["object"].get("metadata") or {})


@contextmanager
def session(kubeconfig: Path) -> Iterator[Session]:
    """Open a session with the cluster of a kubeconfig's current context; it must have a token or no user's secret at all."""
    document = yaml.safe_load(kubeconfig.read_text())
    context = next(
        c["context"] for c in document["contexts"] if c["name"] == document["current-context"]
    )
    cluster = next(c["cluster"] for c in document["clusters"] if c["name"] == context["cluster"])
    user = next(u["user"] for u in document["users"] if u["name"] == context["user"]) or {}
    headers = {"accept": "application/json"}
    if "token" in user:
        headers["authorization"] = f"Bearer {user['token']}"
    with httpx.Client(
        base_url=cluster["server"],
        verify=_trust(cluster),
        headers=headers,
        timeout=30.0,
        trust_env=False,
    ) as client:
        yield Session(client)


def _trust(cluster: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if "certificate-authority-data" in cluster:
        context.load_verify_locations(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
