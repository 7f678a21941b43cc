"""The official Python client (github.com/kubernetes-client/python): objects, watches, leader election, the dynamic client."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml
from kubernetes import client, config, dynamic, stream, utils, watch
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from tests.sandbox.house import engine_pod, running

from kthena_sandbox.kinds import PODS

FILES = Path(__file__).parents[1] / "kubectl" / "files"
pytestmark = [
    pytest.mark.system,
    pytest.mark.filterwarnings("ignore:HTTPResponse.getheaders:DeprecationWarning"),  # its own
]


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[Any]:
    with config.new_client_from_config(str(kubeconfig)) as made:
        yield made


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


def settings(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}


def refused(error: pytest.ExceptionInfo[Any]) -> tuple[int, str]:
    return error.value.status, yaml.safe_load(error.value.body)["reason"]


def test_objects(core: Any) -> None:
    made = core.create_namespaced_config_map("default", settings("one", a="b"))
    assert (made.metadata.name, made.data) == ("one", {"a": "b"})
    with pytest.raises(client.ApiException) as error:
        core.create_namespaced_config_map("default", settings("one"))
    assert refused(error) == (409, "AlreadyExists")
    core.patch_namespaced_config_map("one", "default", {"data": {"c": "d"}})
    core.patch_namespaced_config_map("one", "default", [{"op": "remove", "path": "/data/a"}])
    made.data = {"e": "f"}
    with pytest.raises(client.ApiException) as error:
        core.replace_namespaced_config_map("one", "default", made)
    assert refused(error) == (409, "Conflict")
    listed = core.list_namespaced_config_map("default", field_selector="metadata.name=one")
    assert [item.data for item in listed.items] == [{"c": "d"}]
    core.delete_namespaced_config_map("one", "default")
    with pytest.raises(client.ApiException) as error:
        core.read_namespaced_config_map("one", "default")
    assert refused(error) == (404, "NotFound")


def test_a_watch_goes_on_where_another_ended(core: Any) -> None:
    since = core.list_namespaced_config_map("default").metadata.resource_version
    core.create_namespaced_config_map("default", settings("one"))
    first = watch.Watch()
    for event in first.stream(core.list_namespaced_config_map, "default", resource_version=since):
        assert (event["type"], event["object"].metadata.name) == ("ADDED", "one")
        first.stop()
    core.patch_namespaced_config_map("one", "default", {"data": {"c": "d"}})
    core.delete_namespaced_config_map("one", "default")
    told = watch.Watch().stream(
        core.list_namespaced_config_map, "default", resource_version=first.resource_version, timeout_seconds=1
    )  # fmt: skip
    assert [event["type"] for event in told] == ["MODIFIED", "DELETED"]


def test_a_watch_from_long_ago_is_told_to_list_anew(core: Any) -> None:
    core.create_namespaced_config_map("default", settings("one"))
    with pytest.raises(client.ApiException) as error:
        list(watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version="1",
                                  timeout_seconds=1))  # fmt: skip
    assert (error.value.status, error.value.reason.partition(":")[0]) == (410, "Expired")


def test_one_leads_until_another_holds_the_lock(api: Any, core: Any) -> None:
    client.Configuration.set_default(api.configuration)  # its lock makes a client of its own
    led, ended = threading.Event(), threading.Event()
    lock = ConfigMapLock("leader", "default", "one")
    candidate = leaderelection.LeaderElection(
        electionconfig.Config(lock, 4, 3, 1, onstarted_leading=led.set, onstopped_leading=ended.set)
    )
    thread = threading.Thread(target=candidate.run, daemon=True)
    thread.start()
    assert led.wait(60)
    held = core.read_namespaced_config_map("leader", "default")
    record = yaml.safe_load(held.metadata.annotations[lock.leader_electionrecord_annotationkey])
    assert record["holderIdentity"] == "one"
    core.patch_namespaced_config_map("leader", "default", {"metadata": {"annotations": {
        lock.leader_electionrecord_annotationkey: json.dumps(
            record | {"holderIdentity": "two", "renewTime": "2999-01-01 00:00:00.000000",
                      "leaseDuration": "99"})}}})  # fmt: skip
    assert ended.wait(60)
    thread.join(10)
    client.Configuration.set_default(None)


def test_the_dynamic_client_finds_custom_kinds(api: Any, tmp_path: Path) -> None:
    found = dynamic.DynamicClient(api, cache_file=str(tmp_path / "discovery.json"))
    definitions = found.resources.get(
        api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition"
    )
    definitions.create(yaml.safe_load((FILES / "crontab.yaml").read_text()))
    found.resources.invalidate_cache()
    crontabs = found.resources.get(api_version="example.com/v1", kind="CronTab")
    nightly = yaml.safe_load((FILES / "nightly.yaml").read_text())
    assert crontabs.create(nightly, namespace="default").spec.image == "busybox"
    applied = nightly | {"spec": {"cronSpec": "0 4 * * *"}}
    with pytest.raises(dynamic.exceptions.ConflictError):
        found.server_side_apply(crontabs, body=applied, namespace="default", field_manager="me")
    changed = found.server_side_apply(
        crontabs, body=applied, namespace="default", field_manager="me", force_conflicts=True
    )
    assert changed.spec.cronSpec == "0 4 * * *"
    crontabs.patch(
        body={"spec": {"replicas": 2}}, name="nightly", namespace="default",
        content_type="application/merge-patch+json",
    )  # fmt: skip
    seen = [event["type"] for event in crontabs.watch(namespace="default", timeout=1)]
    assert seen == ["ADDED"]
    crontabs.delete(name="nightly", namespace="default")
    assert crontabs.get(namespace="default").items == []


def test_objects_from_a_file(api: Any) -> None:
    utils.create_from_yaml(api, str(FILES / "web.yaml"), namespace="default")
    web = client.AppsV1Api(api).read_namespaced_deployment_scale("web", "default")
    assert (web.spec.replicas, web.status.selector) == (2, "app=web")
    with pytest.raises(utils.FailToCreateError):
        utils.create_from_yaml(api, str(FILES / "web.yaml"), namespace="default")


async def test_logs_and_forwarded_ports_of_pods(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod())

        async def ready() -> bool:
            (pod,) = await cluster.pods()
            conditions = pod.get("status", {}).get("conditions", [])
            return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)

        await cluster.until(ready)
        with config.new_client_from_config(str(tmp_path / "kubeconfig")) as api:
            await trio.to_thread.run_sync(_use, client.CoreV1Api(api))


def _use(core: Any) -> None:
    forwarder = stream.portforward(
        core.connect_get_namespaced_pod_portforward, "engine", "default", ports="8000"
    )
    (proxy,) = (t for t in threading.enumerate() if t.name.startswith("Kubernetes port forward"))
    with closing(forwarder.socket(8000)) as connection:
        connection.setblocking(True)
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert forwarder.error(8000) is None
    proxy.join(10)
    forwarder.websocket.shutdown()  # the client leaves it open
    assert "engine" in core.read_namespaced_pod_log("engine", "default")
