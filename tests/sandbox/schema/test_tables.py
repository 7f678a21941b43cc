from datetime import UTC, datetime
from typing import Any

import pytest

from kthena_sandbox.resources import PrinterColumn, ResourceType
from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.tables import partial_object, table

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CREATED = "2025-12-31T23:59:00Z"
Document = dict[str, Any]


def of(kind: str, group: str = "") -> ResourceType:
    return next(entry for entry in BUILTIN if (entry.kind, entry.group) == (kind, group))


def named(**fields: Any) -> Document:
    return {"metadata": {"name": "n", "creationTimestamp": CREATED}} | fields


def cells(resource: ResourceType, entry: Document) -> list[Any]:
    found: list[Any] = table(resource, [entry], NOW, "None")["rows"][0]["cells"]
    return found


def headers(resource: ResourceType) -> list[str]:
    return [
        f"{column['name']}{'+' * column['priority']}"
        for column in table(resource, [], NOW, "None")["columnDefinitions"]
    ]


def gateway(*columns: PrinterColumn) -> ResourceType:
    return ResourceType(
        "gateway.networking.k8s.io", "v1", "Gateway", "gateways", "gateway", namespaced=True,
        list_kind="GatewayList", printer_columns=columns, custom=True,
    )  # fmt: skip


def test_custom_columns_come_from_json_paths() -> None:
    resource = gateway(
        PrinterColumn("Class", "string", ".spec.gatewayClassName"),
        PrinterColumn("Address", "string", ".status.addresses[*].value"),
        PrinterColumn("Programmed", "string", '.status.conditions[?(@.type=="Programmed")].status'),
        PrinterColumn("Age", "date", ".metadata.creationTimestamp"),
        PrinterColumn("Port", "integer", ".spec.port", priority=1),
    )
    assert headers(resource) == ["Name", "Class", "Address", "Programmed", "Age", "Port+"]
    full = named(
        spec={"gatewayClassName": "c", "port": 80},
        status={"conditions": [{"type": "Programmed", "status": "True"}],
                "addresses": [{"value": "127.0.0.1"}, {"value": "::1"}]},
    )  # fmt: skip
    assert cells(resource, full) == ["n", "c", "127.0.0.1", "True", "60s", 80]
    assert cells(resource, named(spec={"port": "x"})) == ["n", None, None, None, "60s", None]


def test_lists_and_maps_in_columns_of_text() -> None:
    resource = gateway(PrinterColumn("Names", "string", ".spec.names"))
    assert cells(resource, named(spec={"names": ["a", "b"]})) == ["n", '["a","b"]']
    assert cells(resource, named(spec={"names": {"b": 1, "a": True}})) == ["n", '{"a":true,"b":1}']


def test_a_custom_kind_without_columns_shows_its_age() -> None:
    assert headers(gateway()) == ["Name", "Age"]
    assert cells(gateway(), named()) == ["n", "60s"]


def test_rows_carry_as_much_of_the_object_as_asked() -> None:
    entry = named(data={"a": "b"})
    for include, expected in (
        ("Object", entry),
        ("Metadata", {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                      "metadata": entry["metadata"]}),
    ):  # fmt: skip
        row = table(of("ConfigMap"), [entry], NOW, include)["rows"][0]  # type: ignore[arg-type]
        assert row["object"] == expected
    assert table(of("ConfigMap"), [entry], NOW, "None")["rows"][0]["object"] is None


def running(name: str, **fields: Any) -> Document:
    return {"name": name, "ready": True, "state": {"running": {}}, "restartCount": 0} | fields


def pod(*statuses: Document, **status: Any) -> Document:
    spec = {"containers": [{"name": entry["name"]} for entry in statuses] or [{"name": "a"}],
            "nodeName": "sandbox"}  # fmt: skip
    return named(spec=spec, status={"containerStatuses": list(statuses)} | status)


def test_pods() -> None:
    assert headers(of("Pod")) == [
        "Name", "Ready", "Status", "Restarts", "Age", "IP+", "Node+", "Nominated Node+", "Readiness Gates+",
    ]  # fmt: skip
    entry = pod(
        running("a"), running("b", ready=False), phase="Running", podIPs=[{"ip": "127.1.0.1"}]
    )
    assert cells(of("Pod"), entry) == [
        "n", "1/2", "Running", "0", "60s", "127.1.0.1", "sandbox", "<none>", "<none>",
    ]  # fmt: skip


def test_restarts_tell_when_the_last_was() -> None:
    ended = {"terminated": {"finishedAt": "2025-12-31T23:59:50Z"}}
    entry = pod(running("a", restartCount=2, lastState=ended), phase="Running")
    assert cells(of("Pod"), entry)[3] == "2 (10s ago)"


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (pod(phase="Pending"), "Pending"),
        (pod(phase="Failed", reason="Evicted"), "Evicted"),
        (pod({"name": "a", "state": {"waiting": {"reason": "ErrImagePull"}}}, phase="Pending"), "ErrImagePull"),
        (pod({"name": "a", "state": {"terminated": {"reason": "Error"}}}, phase="Running"), "Error"),
        (pod({"name": "a", "state": {"terminated": {"exitCode": 3}}}, phase="Failed"), "ExitCode:3"),
        (pod({"name": "a", "state": {"terminated": {"signal": 9}}}, phase="Failed"), "Signal:9"),
        (pod({"name": "a", "state": {"terminated": {"reason": "Completed"}}}, running("b"), phase="Running"),
         "NotReady"),
        (pod(phase="Pending", initContainerStatuses=[{"state": {"running": {}}}]), "Init:0/0"),
        (pod(phase="Pending", initContainerStatuses=[{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]),
         "Init:CrashLoopBackOff"),
        (pod(phase="Pending", initContainerStatuses=[{"state": {"terminated": {"exitCode": 1}}}]),
         "Init:ExitCode:1"),
    ],
)  # fmt: skip
def test_the_status_of_pods(entry: Document, word: str) -> None:
    assert cells(of("Pod"), entry)[2] == word


def test_a_pod_that_is_being_deleted() -> None:
    entry = pod(running("a"), phase="Running")
    entry["metadata"]["deletionTimestamp"] = CREATED
    assert cells(of("Pod"), entry)[2] == "Terminating"


def test_finished_pods_say_so_to_kubectl() -> None:
    row = table(of("Pod"), [pod(phase="Succeeded")], NOW, "None")["rows"][0]
    assert row["conditions"] == [{"type": "Completed", "status": "True", "reason": "Succeeded",
                                  "message": "The pod has completed successfully."}]  # fmt: skip


WORKLOAD: Document = {
    "replicas": 3,
    "selector": {"matchLabels": {"b": "2", "a": "1"},
                 "matchExpressions": [{"key": "c", "operator": "In", "values": ["y", "x"]}]},
    "template": {"spec": {"containers": [{"name": "m", "image": "i:1"}, {"name": "s", "image": "j"}]}},
}  # fmt: skip


def test_deployments_and_replica_sets() -> None:
    wide = ["60s", "m,s", "i:1,j", "a=1,b=2,c in (x,y)"]
    entry = named(spec=WORKLOAD, status={"replicas": 3, "readyReplicas": 1, "updatedReplicas": 2})
    assert cells(of("Deployment", "apps"), entry) == ["n", "1/3", 2, 0, *wide]
    assert cells(of("ReplicaSet", "apps"), entry) == ["n", 3, 3, 1, *wide]


def test_services() -> None:
    spec = {"type": "LoadBalancer", "clusterIPs": ["10.96.0.7"], "selector": {"b": "2", "a": "1"},
            "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "nodePort": 30000, "protocol": "UDP"}]}  # fmt: skip
    pending = [
        "n",
        "LoadBalancer",
        "10.96.0.7",
        "<pending>",
        "80/TCP,81:30000/UDP",
        "60s",
        "a=1,b=2",
    ]
    assert cells(of("Service"), named(spec=spec)) == pending
    status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
    assert cells(of("Service"), named(spec=spec, status=status))[3] == "127.0.0.1"
    headless = named(spec={"type": "ClusterIP", "clusterIPs": ["None"]})
    assert cells(of("Service"), headless)[2:] == ["None", "<none>", "<none>", "60s", "<none>"]


def test_endpoints_are_shortened() -> None:
    addresses = [{"ip": f"127.1.0.{number}"} for number in range(1, 6)]
    entry = named(subsets=[{"addresses": addresses, "ports": [{"port": 80}]}])
    shown = "127.1.0.1:80,127.1.0.2:80,127.1.0.3:80 + 2 more..."
    assert cells(of("Endpoints"), entry) == ["n", shown, "60s"]
    endpoints = [{"addresses": ["127.1.0.1"]}]
    sliced = named(addressType="IPv4", ports=[{"port": 80}, {}], endpoints=endpoints)
    assert cells(of("EndpointSlice", "discovery.k8s.io"), sliced) == [
        "n", "IPv4", "80,*", "127.1.0.1", "60s",
    ]  # fmt: skip


def test_nodes() -> None:
    entry = named(
        status={"conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "nodeInfo": {"kubeletVersion": "v1.33.0"}},
        spec={"unschedulable": True},
    )  # fmt: skip
    entry["metadata"]["labels"] = {"node-role.kubernetes.io/control-plane": ""}
    assert cells(of("Node"), entry) == [
        "n", "Ready,SchedulingDisabled", "control-plane", "60s", "v1.33.0", "127.0.0.1", "<none>",
        "<unknown>", "<unknown>", "<unknown>",
    ]  # fmt: skip


def test_events_of_both_apis() -> None:
    core = named(lastTimestamp=CREATED, firstTimestamp=CREATED, type="Normal", reason="Pulled", message="m\n",
                 count=2, involvedObject={"kind": "Pod", "name": "p"}, source={"component": "kubelet"})  # fmt: skip
    expected = ["60s", "Normal", "Pulled", "pod/p", "", "kubelet", "m", "60s", 2, "n"]
    assert cells(of("Event"), core) == expected
    newer = named(deprecatedLastTimestamp=CREATED, deprecatedFirstTimestamp=CREATED, type="Normal",
                  reason="Pulled", note="m", deprecatedCount=2, regarding={"kind": "Pod", "name": "p"},
                  deprecatedSource={"component": "kubelet"})  # fmt: skip
    assert cells(of("Event", "events.k8s.io"), newer) == expected


@pytest.mark.parametrize(
    ("kind", "group", "entry", "expected"),
    [
        ("Namespace", "", named(status={"phase": "Active"}), ["n", "Active", "60s"]),
        ("ConfigMap", "", named(data={"a": "1"}, binaryData={"b": ""}), ["n", 2, "60s"]),
        ("Secret", "", named(type="Opaque", data={"a": ""}), ["n", "Opaque", 1, "60s"]),
        ("ServiceAccount", "", named(), ["n", 0, "60s"]),
        ("Lease", "coordination.k8s.io", named(spec={"holderIdentity": "me"}), ["n", "me", "60s"]),
        ("Role", "rbac.authorization.k8s.io", named(), ["n", CREATED]),
        ("CustomResourceDefinition", "apiextensions.k8s.io", named(), ["n", CREATED]),
        ("RoleBinding", "rbac.authorization.k8s.io",
         named(roleRef={"kind": "Role", "name": "r"},
               subjects=[{"kind": "ServiceAccount", "namespace": "x", "name": "y"}]),
         ["n", "Role/r", "60s", "", "", "x/y"]),
    ],
)  # fmt: skip
def test_other_kinds(kind: str, group: str, entry: Document, expected: list[Any]) -> None:
    assert cells(of(kind, group), entry) == expected


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda kind: f"{kind.api_version}/{kind.kind}")
def test_rows_have_as_many_cells_as_columns_whatever_the_object(resource: ResourceType) -> None:
    for entry in (
        {},
        named(spec=1, status="x", subjects=[1], data=None),
        named(spec={}, status={}),
    ):
        assert len(cells(resource, entry)) == len(headers(resource))


def test_metadata_alone_have_no_count_of_the_templates_of_a_daemon_set() -> None:
    count = {"deprecated.daemonset.template.generation": "2"}
    alone = {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "n"},
    }
    assert partial_object({"metadata": {"name": "n", "annotations": count}}, "v1") == alone
    kept = partial_object({"metadata": {"annotations": count | {"note": "x"}}}, "v1beta1")
    assert kept["metadata"] == {"annotations": {"note": "x"}}
