"""The garbage collector: deletes what no living owner owns, and finishes foreground and orphan deletions."""

from collections.abc import Callable

import trio

from kthena_sandbox.client import ApiAway, ApiError, Client
from kthena_sandbox.controllers import graph
from kthena_sandbox.controllers.catalogue import discover
from kthena_sandbox.controllers.graph import FOREGROUND, ORPHAN, Graph, Node
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.kinds import EVENTS, Document, Key, Kind, is_leaving, uid_of
from kthena_sandbox.mirror import Listener, Mirror

_IGNORED = {(EVENTS.group, EVENTS.plural), ("events.k8s.io", "events")}
_DISCOVERY_SECONDS = 30.0
_SETTLE_SECONDS = 0.1
Follower = Callable[[Kind, Document | None, Document | None], None]


class GarbageCollector:
    """Follows the metadata of every kind that the API serves."""

    def __init__(self, client: Client, definitions: Mirror) -> None:
        self._client = client
        self._graph = Graph()
        self._followed: dict[Kind, tuple[Mirror, trio.CancelScope]] = {}
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._definitions_changed = trio.Event()
        self._followers: list[Follower] = []
        self.loop: Reconciler[str] = Reconciler("garbage", self._collect)
        definitions.subscribe(lambda before, after: self._definitions_changed.set())

    def follow(self, follower: Follower) -> None:
        """Tell *follower* of each change of an object of any kind, of which it sees the metadata."""
        self._followers.append(follower)

    def serves(self, place: tuple[str, str]) -> bool:
        """Whether there is such a kind, by group and plural, as far as that is known."""
        return not self._kinds or self._mirror_of(place) is not None

    def count(self, place: tuple[str, str], namespace: str) -> int | None:
        """How many objects of a kind there are in a namespace; None where that is not known."""
        mirror = self._mirror_of(place)
        if mirror is None or not mirror.synced.is_set():
            return None
        return sum(key.namespace == namespace for key in mirror.objects)

    def _mirror_of(self, place: tuple[str, str]) -> Mirror | None:
        found = (
            mirror
            for kind, (mirror, _) in self._followed.items()
            if (kind.group, kind.plural) == place
        )
        return next(found, None)

    async def run(self) -> None:
        """Collect until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.loop.run)
            while True:
                try:
                    self._follow(nursery, await discover(self._client))
                except (ApiError, ApiAway):
                    await trio.sleep(1)
                    continue
                with trio.move_on_after(_DISCOVERY_SECONDS):
                    await self._definitions_changed.wait()
                    await trio.sleep(_SETTLE_SECONDS)
                self._definitions_changed = trio.Event()

    def _follow(self, nursery: trio.Nursery, kinds: tuple[Kind, ...]) -> None:
        wanted = {kind for kind in kinds if (kind.group, kind.plural) not in _IGNORED}
        for kind in set(self._followed) - wanted:
            mirror, scope = self._followed.pop(kind)
            scope.cancel()
            for document in list(mirror.objects.values()):
                self._gone(uid_of(document))
        for kind in wanted - set(self._followed):
            mirror = Mirror(self._client, kind, metadata_only=True)
            mirror.subscribe(self._listener(kind))
            self._followed[kind] = (mirror, trio.CancelScope())
            nursery.start_soon(self._run_mirror, *self._followed[kind])
        self._kinds = {(kind.api_version, kind.name): kind for kind in kinds}

    async def _run_mirror(self, mirror: Mirror, scope: trio.CancelScope) -> None:
        with scope:
            await mirror.run()

    def _listener(self, kind: Kind) -> Listener:
        def changed(before: Document | None, after: Document | None) -> None:
            for follower in self._followers:
                follower(kind, before, after)
            if after is None:
                self._gone(uid_of(before or {}))
                return
            node, known = Node(kind, after), self._graph.nodes.get(uid_of(after))
            self._graph.set(node)
            self.loop.add(node.uid)
            for owner in [*node.owners, *(known.owners if known is not None else [])]:
                self.loop.add(owner["uid"])

        return changed

    def _gone(self, uid: str) -> None:
        node = self._graph.nodes.get(uid)
        self._graph.remove(uid)
        for dependent in self._graph.dependents(uid):
            self.loop.add(dependent.uid)
        for owner in node.owners if node is not None else []:
            self.loop.add(owner["uid"])

    async def _collect(self, uid: str) -> float | None:
        node = self._graph.nodes.get(uid)
        if node is None:
            return None
        if node.waits_for(ORPHAN):
            await self._orphan(node)
        elif node.waits_for(FOREGROUND):
            await self._delete_dependents(node)
        elif node.owners and not is_leaving(node.document):
            await self._check_owners(node)
        return None

    async def _orphan(self, node: Node) -> None:
        for dependent in self._graph.dependents(node.uid):
            change = graph.without_owners(dependent, {node.uid})
            await self._ignoring_absence("PATCH", dependent, change)
        await self._ignoring_absence("PATCH", node, graph.without_finalizer(node, ORPHAN))

    async def _delete_dependents(self, node: Node) -> None:
        dependents = self._graph.dependents(node.uid)
        for dependent in dependents:
            if self._has_other_owner(dependent, node.uid):
                change = graph.without_owners(dependent, {node.uid})
                await self._ignoring_absence("PATCH", dependent, change)
            elif not is_leaving(dependent.document):
                await self._delete_below(dependent, node.uid)
        if not any(graph.blocks(dependent, node.uid) for dependent in dependents):
            await self._ignoring_absence("PATCH", node, graph.without_finalizer(node, FOREGROUND))

    async def _delete_below(self, dependent: Node, owner_uid: str) -> None:
        """Delete a dependent; where owners form a circle it must not hold up the owner that waits for it."""
        below = self._graph.dependents(dependent.uid)
        if any(entry.waits_for(FOREGROUND) for entry in below):
            await self._ignoring_absence("PATCH", dependent, graph.unblocked(dependent))
        policy = "Foreground" if graph.blocks(dependent, owner_uid) else "Background"
        await self._delete(dependent, policy)

    def _has_other_owner(self, dependent: Node, uid: str) -> bool:
        """Whether somebody holds a dependent who is not going to take it along."""
        others = (self._graph.nodes.get(entry["uid"]) for entry in dependent.owners)
        return any(
            owner is not None and owner.uid != uid and not owner.waits_for(FOREGROUND)
            for owner in others
        )

    async def _check_owners(self, node: Node) -> None:
        suspects = [owner for owner in node.owners if not self._is_known(node, owner)]
        gone = {owner["uid"] for owner in suspects if await self._is_absent(node, owner)}
        alive = [owner for owner in node.owners if owner["uid"] not in gone]
        if not gone:
            return
        if alive:
            await self._ignoring_absence("PATCH", node, graph.without_owners(node, gone))
        else:
            await self._delete(node, graph.propagation_of(node))

    def _is_known(self, node: Node, owner: Document) -> bool:
        """Whether an owner is there; one in another namespace, of another kind or name counts for none."""
        found = self._graph.nodes.get(owner["uid"])
        if found is None or found.key.namespace not in {"", node.key.namespace}:
            return False
        group = owner["apiVersion"].rpartition("/")[0]
        return (group, owner["kind"], owner["name"]) == (
            found.kind.group, found.kind.name, found.key.name,
        )  # fmt: skip

    async def _is_absent(self, node: Node, owner: Document) -> bool:
        """Asked of the API itself, since the graph may be behind. Raises ApiError for unknown kinds."""
        kind = self._kinds.get((owner["apiVersion"], owner["kind"]))
        if kind is None:
            raise ApiError(404, "", f"owner kind {owner['apiVersion']} {owner['kind']} is unknown")
        if kind.namespaced and not node.key.namespace:
            return False  # an owner that nobody can look up: what belongs to the cluster has none in a namespace
        namespace = node.key.namespace if kind.namespaced else ""
        found = await self._client.find(kind, Key(namespace, owner["name"]))
        return found is None or uid_of(found) != owner["uid"]

    async def _delete(self, node: Node, policy: str) -> None:
        """Only as it is known: the graph may be behind, and an owner of before has let go of it meanwhile."""
        version = node.document["metadata"]["resourceVersion"]
        known = {"uid": node.uid, "resourceVersion": version}
        await self._ignoring_absence(
            "DELETE", node, {"propagationPolicy": policy, "preconditions": known}
        )

    async def _ignoring_absence(self, method: str, node: Node, body: Document) -> None:
        try:
            if method == "PATCH":
                await self._client.patch(node.kind, node.key, body)
            else:
                await self._client.call(method, node.kind.path(*node.key), body=body)
        except ApiError as error:
            if error.code != 404:
                raise
