"""lightkube: objects, apply, watches, custom resources and errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from lightkube import ApiError, Client, KubeConfig, codecs
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import ConfigMap as ConfigMapModel
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod
from lightkube.types import CascadeType, PatchType

FILES = Path(__file__).parents[1] / "kubectl" / "files"
pytestmark = pytest.mark.system


@pytest.fixture
def kube(kubeconfig: Path) -> Iterator[Client]:
    made = Client(
        KubeConfig.from_file(kubeconfig),
        trust_env=False,
        timeout=httpx2.Timeout(60),
        field_manager="lightkube",
    )
    with made:
        yield made


def written(file: str) -> list[Any]:
    return list(codecs.load_all_yaml((FILES / file).read_text()))


def settings(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


def test_objects(kube: Client) -> None:
    made = kube.create(settings("one", a="b"))
    assert isinstance(made, ConfigMapModel)
    with pytest.raises(ApiError) as error:
        kube.create(settings("one"))
    assert (error.value.status.code, error.value.status.reason) == (409, "AlreadyExists")
    kube.patch(ConfigMap, "one", {"data": {"c": "d"}}, patch_type=PatchType.MERGE)
    kube.patch(ConfigMap, "one", [{"op": "remove", "path": "/data/a"}], patch_type=PatchType.JSON)
    assert kube.get(ConfigMap, "one").data == {"c": "d"}
    made.data = {"e": "f"}
    with pytest.raises(ApiError, match="the object has been modified"):
        kube.replace(made)
    assert [found.metadata and found.metadata.name for found in kube.list(ConfigMap)] == ["one"]
    kube.deletecollection(ConfigMap)
    assert list(kube.list(ConfigMap)) == []


def test_lists_in_pages(kube: Client) -> None:
    for number in range(5):
        kube.create(settings(f"s-{number}", side="left" if number % 2 else "right"))
    assert len(list(kube.list(ConfigMap, chunk_size=2))) == 5
    assert len(list(kube.list(ConfigMap, fields={"metadata.name": "s-1"}))) == 1


def test_apply_and_its_conflicts(kube: Client) -> None:
    kube.apply(settings("one", a="b"))
    with pytest.raises(ApiError, match="Apply failed with 1 conflict") as error:
        kube.apply(settings("one", a="c"), field_manager="other")
    assert error.value.status.code == 409
    assert kube.apply(settings("one", a="c"), field_manager="other", force=True).data == {"a": "c"}


def test_a_watch(kube: Client) -> None:
    since = kube.create(settings("one")).metadata
    assert since is not None
    kube.patch(ConfigMap, "one", {"data": {"c": "d"}})
    kube.delete(ConfigMap, "one", cascade=CascadeType.BACKGROUND)
    told = kube.watch(ConfigMap, resource_version=since.resourceVersion, server_timeout=1)
    seen = []
    for what, _ in told:
        seen.append(what)
        if len(seen) == 2:
            break
    assert seen == ["MODIFIED", "DELETED"]


def test_the_scale_of_a_deployment(kube: Client) -> None:
    (web,) = written("web.yaml")
    kube.create(web, namespace="default")
    scale = kube.get(Deployment.Scale, "web")
    assert scale.spec is not None
    scale.spec.replicas = 5
    kube.replace(scale, "web")
    found = kube.get(Deployment, "web")
    assert found.spec is not None
    assert found.spec.replicas == 5


def test_custom_resources(kube: Client) -> None:
    (definition,) = written("crontab.yaml")
    kube.create(definition)
    kube.wait(CustomResourceDefinition, "crontabs.example.com", for_conditions=["Established"])
    crontab = create_namespaced_resource("example.com", "v1", "CronTab", "crontabs")
    nightly = crontab(yaml.safe_load((FILES / "nightly.yaml").read_text()))
    made = kube.create(nightly, namespace="default")
    assert made["spec"]["image"] == "busybox"
    kube.delete(crontab, "nightly")
    assert list(kube.list(crontab)) == []


def test_the_log_of_a_pod_that_does_not_run(kube: Client) -> None:
    (pod, _) = written("pods.yaml")
    pod.spec.nodeName = None
    kube.create(pod, namespace="default")
    assert kube.get(Pod, "one").status is not None
    assert list(kube.log("one")) == []
