"""The controllers of EndpointSlices and Endpoints: for Services with a selector, and the mirror of those written by hand."""

from collections.abc import Mapping, Sequence

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers import endpoints_plan as planning
from kthena_sandbox.controllers.endpoints_plan import Plan, Ports
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import labels_of
from kthena_sandbox.controllers.triggers import ANNOTATION, Triggers, triggered
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    NODES,
    SERVICES,
    Document,
    Key,
    Kind,
    is_leaving,
    key_of,
)
from kthena_sandbox.mirror import Mirror

MIRRORING = planning.MIRRORING
COMPONENT = "endpoint-slice-mirroring-controller"
_SKIP = "endpointslice.kubernetes.io/skip-mirror"
_ELECTION = "control-plane.alpha.kubernetes.io/leader"
_MANAGED = "endpoints.kubernetes.io/managed-by"


def changes_endpoints(before: Document | None, after: Document | None) -> bool:
    """Whether a change of a pod can matter to endpoints."""
    if before is None or after is None:
        return True
    return _told(before) != _told(after)


def _told(pod: Document) -> tuple[object, ...]:
    status, spec = pod.get("status") or {}, pod["spec"]
    ready = [
        entry["status"] for entry in status.get("conditions") or [] if entry["type"] == "Ready"
    ]
    return (labels_of(pod), status.get("podIP"), status.get("phase"), ready, is_leaving(pod),
            spec.get("nodeName"))  # fmt: skip


class Endpoints:
    """Reconciles the EndpointSlices and the Endpoints of Services."""

    def __init__(
        self, client: Client, mirrors: Mapping[Kind, Mirror], pods: Mirror, events: EventRecorder
    ) -> None:
        self._client, self._events = client, events
        self._services = services = mirrors[SERVICES]
        self._slices = slices = mirrors[ENDPOINT_SLICES]
        self._endpoints = endpoints = mirrors[ENDPOINTS]
        self._nodes = mirrors[NODES]
        self._pods = pods
        self._triggers = Triggers()
        self._orphaned: set[Key] = set()
        self._mirrors = (services, slices, endpoints, pods, self._nodes)
        self.loop: Reconciler[Key] = Reconciler("endpoints", self._reconcile)
        services.subscribe(self._service_changed)
        slices.subscribe(self._slice_changed)
        services.subscribe(self._service_gone)
        endpoints.subscribe(self._endpoints_changed)
        pods.subscribe(self._pod_changed)

    def _service_changed(self, before: Document | None, after: Document | None) -> None:
        self.loop.add(key_of(after or before or {}))

    def _service_gone(self, before: Document | None, after: Document | None) -> None:
        if before is not None and after is None:
            self._orphaned.add(key_of(before))

    def _endpoints_changed(self, before: Document | None, after: Document | None) -> None:
        """As in Kubernetes those of pods are not put right when somebody else writes them, only made anew.

        Those without a Service are deleted where they were there at the start, and where their Service goes.
        """
        key = key_of(after or before or {})
        if not self._endpoints.synced.is_set():
            self._orphaned.add(key)
        service = self._services.objects.get(key)
        if after is None or service is None or not planning.selects_pods(service):
            self.loop.add(key)

    def _slice_changed(self, before: Document | None, after: Document | None) -> None:
        for document in filter(None, (before, after)):
            if name := planning.service_of(document):
                self.loop.add(Key(document["metadata"]["namespace"], name))

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        if not changes_endpoints(before, after):
            return
        for key, service in self._services.objects.items():
            for pod in filter(None, (before, after)):
                same = key.namespace == pod["metadata"]["namespace"]
                if same and planning.is_selected(service, pod):
                    self.loop.add(key)

    async def _reconcile(self, key: Key) -> float | None:
        if not all(mirror.synced.is_set() for mirror in self._mirrors):
            return 0.05
        service = self._services.objects.get(key)
        if service is None:
            self._triggers.forget(key)
            await self._drop(key, MIRRORING)
            if key in self._orphaned:
                await self._forget(key)
            self._orphaned.discard(key)
            return None
        self._orphaned.discard(
            key
        )  # before anything is awaited, since the Service may go meanwhile
        if is_leaving(service):
            return None
        if planning.selects_pods(service):
            await self._drop(key, MIRRORING)
            if not planning.is_elsewhere(service):
                await self._list_pods(service)
        else:
            await self._mirror(service)
        return None

    async def _list_pods(self, service: Document) -> None:
        pods = planning.pods_of(service, self._pods.objects.values())
        moment = self._triggers.since_last(service, pods)
        await self._carry_out(self._plan(service, pods), moment)
        await self._write_endpoints(service, pods, moment)

    def _plan(self, service: Document, pods: Sequence[Document]) -> Plan:
        zones = planning.zones_of(self._nodes.objects.values())
        wanted: dict[Ports, list[Document]] = {}
        for pod in pods:
            listed = wanted.setdefault(planning.ports_for(service, pod), [])
            listed.append(planning.endpoint_of(service, pod, zones))
        return planning.plan_slices(service, wanted, self._slices_of(key_of(service)))

    def _slices_of(self, key: Key, manager: str = planning.CONTROLLER) -> list[Document]:
        return [
            entry for entry in self._slices.objects.values()
            if planning.service_of(entry) == key.name
            and entry["metadata"]["namespace"] == key.namespace
            and planning.is_managed(entry, manager) and not is_leaving(entry)
        ]  # fmt: skip

    async def _carry_out(self, plan: Plan, moment: str) -> None:
        for document in plan.create:
            told = document | {"metadata": triggered(document["metadata"], moment)}
            self._slices.note(await self._client.create(ENDPOINT_SLICES, told))
        for document in plan.update:
            told = document | {"metadata": triggered(document["metadata"], moment)}
            self._slices.note(await self._client.replace(ENDPOINT_SLICES, told))
        for document in plan.delete:
            await self._delete_slice(document)

    async def _delete_slice(self, document: Document) -> None:
        try:
            await self._client.delete(ENDPOINT_SLICES, key_of(document))
        except ApiError as error:
            if error.code != 404:
                raise

    async def _drop(self, key: Key, manager: str) -> None:
        for document in self._slices_of(key, manager):
            await self._delete_slice(document)

    async def _forget(self, key: Key) -> None:
        """The garbage collector takes the slices; Endpoints have no owner but the name."""
        if key in self._endpoints.objects:
            try:
                await self._client.delete(ENDPOINTS, key)
            except ApiError as error:
                if error.code != 404:
                    raise

    async def _write_endpoints(
        self, service: Document, pods: Sequence[Document], moment: str
    ) -> None:
        key, subsets = key_of(service), planning.subsets_of(service, pods)
        labels = planning.labels_for(service) | {_MANAGED: "endpoint-controller"}
        present = self._endpoints.objects.get(key)
        metadata = {"name": key.name, "namespace": key.namespace, "labels": labels}
        metadata = triggered(
            metadata if present is None else present["metadata"] | metadata, moment
        )
        document: Document = {"metadata": metadata} | ({"subsets": subsets} if subsets else {})
        if present is None:
            self._endpoints.note(await self._client.create(ENDPOINTS, document))
        elif (present.get("subsets") or []) != subsets or labels_of(present) != labels:
            document = present | document
            if not subsets:
                document.pop("subsets", None)
            self._endpoints.note(await self._client.replace(ENDPOINTS, document))

    async def _mirror(self, service: Document) -> None:
        """Endpoints that somebody keeps for a Service without selector, as slices too.

        Slices from the time when it had one stay, as in Kubernetes.
        """
        key = key_of(service)
        endpoints = self._endpoints.objects.get(key)
        if endpoints is None or _is_not_mirrored(endpoints):
            await self._drop(key, MIRRORING)
            return
        wanted, skipped = planning.mirrored(endpoints)
        if skipped:
            told = planning.TOO_MANY.format(skipped)
            self._events.tell(endpoints, "TooManyAddressesToMirror", told, "Warning")
        if not wanted:
            await self._drop(key, MIRRORING)
            return
        present = self._slices_of(key, MIRRORING)
        plan = planning.plan_slices(endpoints, wanted, present, MIRRORING)
        await self._carry_out(plan, _told_moment(endpoints))


def _told_moment(endpoints: Document) -> str:
    return str((endpoints["metadata"].get("annotations") or {}).get(ANNOTATION, ""))


def _is_not_mirrored(endpoints: Document) -> bool:
    annotations = endpoints["metadata"].get("annotations") or {}
    return labels_of(endpoints).get(_SKIP) == "true" or _ELECTION in annotations
