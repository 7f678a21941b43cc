"""What Helm makes of the chart."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.test_kubernetes import manifests
from tests.support.helm import CHART, Helm, helms, settings

from kthena_router.cli.flags import parse_flags

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not helms(), reason="there is no helm on the PATH"),
]
OF_THE_RELEASE = (
    "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version",
    "helm.sh/chart",
)  # fmt: skip
NONE: Mapping[str, object] = {}


@pytest.fixture(params=helms(), ids=os.path.basename)
def helm(request: pytest.FixtureRequest, tmp_path: Path) -> Helm:
    return Helm.without_cluster(request.param, tmp_path)


def template(
    helm: Helm,
    more: Sequence[str] = (),
    values: Mapping[str, object] = NONE,
    *,
    refused: bool = False,
) -> str:
    """`helm template`, of a Kubernetes that a Helm built without its makefile does not know."""
    command = ("template", "kthena", str(CHART), "-n", "kthena-system", "--kube-version=1.34.0")
    return helm.run(*command, *settings(**values), *more, code=int(refused))


def rendered(helm: Helm, *more: str, **values: object) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects by kind and name."""
    found = [one for one in yaml.safe_load_all(template(helm, more, values)) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def pod_of(objects: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = objects["Deployment", "kthena-router"]["spec"]["template"]["spec"]
    return spec


def without_release(value: Any) -> Any:
    """Return an object without the labels of the release, and without labels where there are no others."""
    if isinstance(value, list):
        return [without_release(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    kept = {
        name: without_release(entry) for name, entry in value.items() if name not in OF_THE_RELEASE
    }
    return {name: entry for name, entry in kept.items() if (name, entry) != ("labels", {})}


def test_lint(helm: Helm) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in helm.run("lint", "--strict", str(CHART))


def test_it_is_what_the_kustomization_brings(helm: Helm) -> None:
    objects = without_release(list(rendered(helm, gatewayAPI__enabled="true").values()))
    text = yaml.safe_dump_all(objects).replace("kthena-router-kthena-system", "kthena-router")
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}
    expected = {(one["kind"], one["metadata"]["name"]): one for one in manifests()}
    (container,), (plain,) = pod_of(found)["containers"], pod_of(expected)["containers"]
    flags, plain_flags = (parse_flags(one.pop("args")) for one in (container, plain))

    assert flags == plain_flags
    assert container.pop("imagePullPolicy") == "IfNotPresent"
    assert container["env"][-3:] == [
        {"name": "ACCESS_LOG_ENABLED", "value": "true"},
        {"name": "ACCESS_LOG_FORMAT", "value": "text"},
        {"name": "ACCESS_LOG_OUTPUT", "value": "stdout"},
    ]
    del container["env"][-3:], expected["Namespace", "kthena-system"]
    assert found == expected


def test_release_is_told_by_labels(helm: Helm) -> None:
    labels = dict(
        zip(OF_THE_RELEASE, ("kthena", "Helm", "0.1.0", "kthena-router-0.1.0"), strict=True)
    )
    objects = rendered(helm, podDisruptionBudget__enabled="true")

    assert len(objects) == 9
    for one in objects.values():
        assert labels.items() <= one["metadata"]["labels"].items(), one["kind"]


def test_definitions(helm: Helm) -> None:
    found = [one for one in yaml.safe_load_all(helm.run("show", "crds", str(CHART))) if one]

    assert [one["metadata"]["name"] for one in found] == [
        "modelroutes.networking.serving.volcano.sh",
        "modelservers.networking.serving.volcano.sh",
    ]


def test_flags(helm: Helm) -> None:
    values = {"flags__max_request_body": 33554432, "flags__shutdown_delay": "1s", "flags__log_level": "debug"}  # fmt: skip
    more = {"kubeAPIQPS": 0.5, "kubeAPIBurst": 20, "metrics__exposeOnRouterPort": "true"}
    given = pod_of(rendered(helm, **values, **more))["containers"][0]["args"]

    assert given == [
        "--port=8080", "--management-port=15021", "--metrics-port=9090",
        "--expose-metrics-on-router-port=true", "--enable-gateway-api=false",
        "--kube-api-qps=0.5", "--kube-api-burst=20", "--log-level=debug",
        "--max-request-body=33554432", "--shutdown-delay=1s",
    ]  # fmt: skip


def test_numbers_of_a_file_of_values_are_written_out(helm: Helm, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    flags = {"max-request-body": 1073741824}
    router = {"flags": flags, "kubeAPIQPS": 2.5, "kubeAPIBurst": 10_000_000}
    file.write_text(yaml.safe_dump({"networking": {"kthenaRouter": router}}))
    given = pod_of(rendered(helm, "-f", str(file)))["containers"][0]["args"]

    assert given[-3:] == [
        "--kube-api-qps=2.5",
        "--kube-api-burst=10000000",
        "--max-request-body=1073741824",
    ]


def test_tls(helm: Helm) -> None:
    objects = rendered(helm, tls__enabled="true", tls__secretName="own")
    pod = pod_of(objects)
    service = objects["Service", "kthena-router"]["spec"]["ports"]

    assert pod["volumes"] == [{"name": "tls", "secret": {"secretName": "own"}}]
    assert pod["containers"][0]["volumeMounts"] == [
        {"name": "tls", "mountPath": "/etc/router-tls", "readOnly": True}
    ]
    assert pod["containers"][0]["args"][-2:] == [
        "--tls-cert=/etc/router-tls/tls.crt",
        "--tls-key=/etc/router-tls/tls.key",
    ]
    assert [(one["name"], one["port"], one["targetPort"]) for one in service] == [
        ("https", 443, 8080),
        ("https-8080", 8080, 8080),
    ]


def test_ports(helm: Helm) -> None:
    objects = rendered(helm, port=80, managementPort=8081, metrics__port=9191, service__gatewayPorts="{8082,8083}")  # fmt: skip
    service, metrics = (
        [(one["name"], one["port"], one["targetPort"]) for one in objects["Service", name]["spec"]["ports"]]
        for name in ("kthena-router", "kthena-router-metrics")
    )  # fmt: skip
    container = pod_of(objects)["containers"][0]

    assert service == [("http", 80, 80), ("http-8082", 8082, 8082), ("http-8083", 8083, 8083)]
    assert metrics == [("metrics", 9191, "metrics")]
    assert [(one["name"], one["containerPort"]) for one in container["ports"]] == [
        ("http", 80),
        ("metrics", 9191),
        ("management", 8081),
    ]
    assert container["args"][:3] == ["--port=80", "--management-port=8081", "--metrics-port=9191"]


def test_where_pods_go_and_who_they_are(helm: Helm, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    router = {
        "replicas": 3,
        "image": {"repository": "registry.example/kthena-router", "tag": "1.0", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "serviceAccount": {"create": False, "name": "mine"},
        "podLabels": {"team": "serving", "app": "not-this"},
        "podAnnotations": {"note": "x"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [],
        "priorityClassName": "high",
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
    }  # fmt: skip
    file.write_text(yaml.safe_dump({"networking": {"kthenaRouter": router}}))
    objects = rendered(helm, "-f", str(file))
    deployment, pod = objects["Deployment", "kthena-router"]["spec"], pod_of(objects)
    container = pod["containers"][0]

    assert deployment["replicas"] == 3
    assert deployment["template"]["metadata"] == {
        "labels": {
            "team": "serving",
            "app": "kthena-router",
            "app.kubernetes.io/name": "kthena-router",
            "app.kubernetes.io/component": "kthena-router",
            "app.kubernetes.io/instance": "kthena",
        },
        "annotations": {"note": "x"},
    }
    assert (container["image"], container["imagePullPolicy"]) == (
        "registry.example/kthena-router:1.0",
        "Always",
    )
    assert container["lifecycle"] == router["lifecycle"]
    assert pod["serviceAccountName"] == "mine"
    assert "topologySpreadConstraints" not in pod
    for name in (
        "imagePullSecrets",
        "nodeSelector",
        "tolerations",
        "affinity",
        "priorityClassName",
    ):
        assert pod[name] == router[name]  # fmt: skip
    assert not any(kind == "ServiceAccount" for kind, _ in objects)
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        (found,) = (one for key, one in objects.items() if key[0] == kind)
        assert found["subjects"] == [
            {"kind": "ServiceAccount", "name": "mine", "namespace": "kthena-system"}
        ]


def test_budget(helm: Helm) -> None:
    values = {"podDisruptionBudget__enabled": "true", "podDisruptionBudget__maxUnavailable": "50%"}
    objects = rendered(helm, **values)

    assert objects["PodDisruptionBudget", "kthena-router"]["spec"] == {
        "maxUnavailable": "50%",
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {"app.kubernetes.io/component": "kthena-router"}},
    }


def test_recreate(helm: Helm) -> None:
    objects = rendered(helm, strategy__type="Recreate", strategy__rollingUpdate="null")

    assert objects["Deployment", "kthena-router"]["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fairness__enabled": "true"}, "additional properties 'fairness' not allowed"),
        ({"replicas": "two"}, "got string, want integer"),
        ({"accessLog__output": "/tmp/log"}, "value must be one of 'stdout', 'stderr'"),
        ({"flags__enable_webhook": "true"}, "additional properties 'enable-webhook' not allowed"),
        ({"service": "null"}, "missing property 'service'"),
        (
            {"drainTimeout": "5m6s"},
            "terminationGracePeriodSeconds is 370: drainTimeout, shutdown-delay and stall-timeout together are 371 seconds",
        ),
        ({"terminationGracePeriodSeconds": 364}, "together are 365 seconds"),
        ({"flags__stall_timeout": "1h0m0.5s"}, "together are 3905.5 seconds"),
    ],
)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    assert message in template(helm, values=values, refused=True)


def test_grace_period_may_be_exactly_what_is_needed(helm: Helm) -> None:
    values = {"drainTimeout": "10m", "flags__shutdown_delay": "500ms", "flags__stall_timeout": "1.5s"}  # fmt: skip
    objects = rendered(helm, terminationGracePeriodSeconds=602, **values)

    assert pod_of(objects)["terminationGracePeriodSeconds"] == 602
