"""Two Kubernetes APIs for tests on virtual time: one follows a script, the other keeps objects."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
import trio

from kthena_router.kube.client import Conflict, KubeError, Missing

Answer: TypeAlias = Mapping[str, Any] | bytes | Exception
# A line, a pause in seconds (infinite: until cancelled), or how the watch breaks.
Step: TypeAlias = Mapping[str, Any] | bytes | float | Exception
FOR_EVER = float("inf")


@dataclass(frozen=True)
class Asked:
    """One request, with the seconds on trio's clock when it came."""

    at: float
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = ""


def page(
    items: Iterable[Mapping[str, Any]] = (), version: str = "1", more: str = ""
) -> dict[str, Any]:
    """Return a list; *more* is the token of the next page."""
    return {"metadata": {"resourceVersion": version, "continue": more}, "items": list(items)}


def item(name: str, version: str = "", **fields: Any) -> dict[str, Any]:
    """Return an object in namespace default."""
    meta = {"name": name, "namespace": "default", "resourceVersion": version}
    return {"metadata": meta, **fields}


def event(kind: str, name: str = "", version: str = "", **fields: Any) -> dict[str, Any]:
    """Return a watch event about an object in namespace default."""
    return {"type": kind, "object": item(name, version, **fields)}


def expired() -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}


class ScriptedKubeApi:
    """Gives the answers it was told to give; the last one stays. What is not in the script is Missing."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self._watches: dict[str, list[tuple[Step, ...]]] = {}

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[method, path] = list(answers)

    def on_watch(self, path: str, *watches: tuple[Step, ...]) -> None:
        """Set what each watch in turn does; it ends cleanly after its last step."""
        self._watches[path] = list(watches)

    def said(self, method: str) -> list[Asked]:
        return [one for one in self.asked if one.method == method]

    def times(self, method: str) -> list[float]:
        return [one.at for one in self.said(method)]

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> bytes:
        await trio.lowlevel.checkpoint()
        self.asked.append(Asked(trio.current_time(), method, path, dict(params or {}), body))
        answers = self._answers.get((method, path), [])
        answer = _next(answers, Missing(404, f"{method} {path}: 404"))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else msgspec.json.encode(answer)

    def open_watch(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        self.asked.append(Asked(trio.current_time(), "WATCH", path, dict(params), silence))
        return _opened(_next(self._watches.get(path, []), (FOR_EVER,)))


def _next(queue: list[Any], default: Any) -> Any:
    if not queue:
        return default
    return queue.pop(0) if len(queue) > 1 else queue[0]


@asynccontextmanager
async def _opened(steps: tuple[Step, ...]) -> AsyncIterator[AsyncIterator[bytes]]:
    await trio.lowlevel.checkpoint()
    if steps and isinstance(steps[0], Exception):
        raise steps[0]
    async with aclosing(_played(steps)) as lines:
        yield lines


async def _played(steps: tuple[Step, ...]) -> AsyncGenerator[bytes, None]:
    for step in steps:
        await trio.lowlevel.checkpoint()
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            await trio.sleep(step)
        else:
            yield step if isinstance(step, bytes) else msgspec.json.encode(step)


class StoringKubeApi:
    """Keeps objects by path, with versions and optimistic locking. *prune* is what a schema does to a status."""

    def __init__(self, prune: Callable[[dict[str, Any]], dict[str, Any]] = lambda x: x) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.asked: list[Asked] = []
        self.refusals: dict[tuple[str, str], KubeError] = {}  # by method and path; "" for any path
        self.lost: KubeError | None = None  # raised after a write was carried out
        self.delay = 0.0
        self.on_change: Callable[[str, dict[str, Any]], None] = lambda path, body: None
        self.prune = prune
        self._version = 100

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Store an object as a new version; unchanged it keeps the old one."""
        plain = msgspec.json.decode(msgspec.json.encode(body), type=dict[str, Any])
        before = self.objects.get(path)
        plain["metadata"] = {
            **plain.get("metadata", {}),
            "resourceVersion": before["metadata"]["resourceVersion"] if before else "",
        }
        if plain != before:
            self._version += 1
            plain["metadata"]["resourceVersion"] = str(self._version)
            self.objects[path] = plain
            self.on_change(path, plain)
        return plain

    def count(self, method: str) -> int:
        return sum(one.method == method for one in self.asked)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> bytes:
        await trio.sleep(self.delay)
        plain = msgspec.json.decode(msgspec.json.encode(body))
        now = trio.current_time()
        self.asked.append(Asked(now, method, path, dict(params or {}), plain, content_type))
        refusal = self.refusals.get((method, path)) or self.refusals.get((method, ""))
        if refusal is not None:
            raise refusal
        answer = msgspec.json.encode(self._carry_out(method, path, plain))
        if self.lost is not None and method != "GET":
            raise self.lost
        return answer

    def open_watch(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return _opened((FOR_EVER,))

    def _carry_out(self, method: str, path: str, body: Any) -> dict[str, Any]:
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                raise Conflict(409, f"{path} exists")
            return self.put(path, body)
        place = path.removesuffix("/status")
        if place not in self.objects:
            raise Missing(404, f"{path}: not found")
        current = self.objects[place]
        if method == "GET":
            return current
        if body["metadata"]["resourceVersion"] != current["metadata"]["resourceVersion"]:
            raise Conflict(409, f"{path}: the object has been modified")
        if method == "PATCH":
            merged = {**(current.get("status") or {}), **body["status"]}
            return self.put(place, {**current, "status": self.prune(merged)})
        return self.put(place, body)
