from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import structural
from kthena_sandbox.schema.builtin import BUILTIN

Document = dict[str, Any]


def of(kind: str, group: str = "") -> ResourceType:
    return next(entry for entry in BUILTIN if (entry.kind, entry.group) == (kind, group))


POD, SERVICE, DEPLOYMENT = of("Pod"), of("Service"), of("Deployment", "apps")


def fitted(resource: ResourceType, document: Document) -> Document:
    assert resource.schema is not None
    return structural.default(structural.prune(document, resource.schema)[0], resource.schema)


def messages(resource: ResourceType, document: Document) -> list[str]:
    assert resource.schema is not None
    found = structural.validate(fitted(resource, document), resource.schema)
    return [error.message for error in found]


def deployment(template_spec: Document | None = None, **spec: Any) -> Document:
    template = {"metadata": {"labels": {"app": "a"}},
                "spec": template_spec or {"containers": [{"name": "m", "image": "i"}]}}  # fmt: skip
    whole = {"selector": {"matchLabels": {"app": "a"}}, "template": template} | spec
    return {
        "metadata": {"name": "d"},
        "spec": {key: value for key, value in whole.items() if value != ...},
    }


def pod(**spec: Any) -> Document:
    return {"spec": {"containers": [{"name": "m", "image": "i:1"}]} | spec}


def container(**fields: Any) -> Document:
    return pod(containers=[{"name": "m", "image": "i:1"} | fields])


def test_the_kinds_that_every_cluster_has() -> None:
    names = {f"{kind.plural}.{kind.group}".rstrip(".") for kind in BUILTIN}
    assert names == {
        "configmaps", "endpoints", "events", "namespaces", "nodes", "pods", "secrets", "services",
        "serviceaccounts", "deployments.apps", "replicasets.apps", "leases.coordination.k8s.io",
        "endpointslices.discovery.k8s.io", "events.events.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io", "roles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io", "statefulsets.apps", "daemonsets.apps",
        "controllerrevisions.apps", "jobs.batch", "poddisruptionbudgets.policy",
        "cronjobs.batch", "horizontalpodautoscalers.autoscaling", "replicationcontrollers",
        "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io",
        "networkpolicies.networking.k8s.io", "podtemplates", "priorityclasses.scheduling.k8s.io",
        "runtimeclasses.node.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        "certificatesigningrequests.certificates.k8s.io",
        "deviceclasses.resource.k8s.io", "resourceclaims.resource.k8s.io",
        "resourceclaimtemplates.resource.k8s.io", "resourceslices.resource.k8s.io",
        "csidrivers.storage.k8s.io", "csinodes.storage.k8s.io", "csistoragecapacities.storage.k8s.io",
        "volumeattachments.storage.k8s.io", "volumeattributesclasses.storage.k8s.io",
        "ipaddresses.networking.k8s.io", "servicecidrs.networking.k8s.io",
        "flowschemas.flowcontrol.apiserver.k8s.io",
        "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
        "limitranges", "resourcequotas", "persistentvolumes", "persistentvolumeclaims", "storageclasses.storage.k8s.io",
    }  # fmt: skip
    assert (DEPLOYMENT.short_names, DEPLOYMENT.categories) == (("deploy",), ("all",))
    assert DEPLOYMENT.subresources == {"status", "scale"}


def test_a_deployment_gets_the_defaults_of_kubernetes() -> None:
    assert fitted(DEPLOYMENT, deployment())["spec"] == {
        "selector": {"matchLabels": {"app": "a"}},
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate",
                     "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {
                "containers": [{
                    "name": "m", "image": "i", "imagePullPolicy": "Always", "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
                "schedulerName": "default-scheduler", "securityContext": {},
                "terminationGracePeriodSeconds": 30,
            },
        },
    }  # fmt: skip


def test_fields_of_features_that_are_off_are_known_and_dropped() -> None:
    assert POD.schema is not None
    spec = {"hostnameOverride": "x", "containers": [{"name": "a", "restartPolicyRules": [{}]}]}
    assert structural.prune({"spec": spec}, POD.schema) == (
        {"spec": {"containers": [{"name": "a"}]}},
        [],
    )


def test_recreate_has_no_rolling_update() -> None:
    spec = fitted(DEPLOYMENT, deployment(strategy={"type": "Recreate"}))["spec"]
    assert spec["strategy"] == {"type": "Recreate"}


def test_limits_of_a_pod_are_also_requests() -> None:
    spec = fitted(POD, container(resources={"limits": {"cpu": 1}}))["spec"]
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}
    assert spec["enableServiceLinks"] is True


@pytest.mark.parametrize(
    ("image", "policy"),
    [("i", "Always"), ("i:latest", "Always"), ("i:1", "IfNotPresent"),
     ("host:5000/i", "Always"), ("host:5000/i:2", "IfNotPresent"), ("i@sha256:ab", "IfNotPresent")],
)  # fmt: skip
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert fitted(POD, container(image=image))["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_probes_ports_and_volumes_are_completed() -> None:
    given = container(ports=[{"containerPort": 80}], readinessProbe={"httpGet": {"port": 80}})
    given["spec"] |= {"volumes": [{"name": "v"}], "hostNetwork": True}
    spec = fitted(POD, given)["spec"]
    assert spec["volumes"] == [{"name": "v", "emptyDir": {}}]
    filled = spec["containers"][0]
    assert filled["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    assert filled["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "failureThreshold": 3,
        "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1,
    }  # fmt: skip


def test_a_service_gets_its_defaults() -> None:
    spec = fitted(SERVICE, {"spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})["spec"]
    assert spec == {
        "type": "LoadBalancer", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
        "externalTrafficPolicy": "Cluster", "allocateLoadBalancerNodePorts": True,
        "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}],
    }  # fmt: skip
    sticky = fitted(SERVICE, {"spec": {"sessionAffinity": "ClientIP"}})["spec"]
    assert sticky["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_users_in_bindings_have_the_group_of_rbac() -> None:
    binding = of("RoleBinding", "rbac.authorization.k8s.io")
    given = {"roleRef": {"kind": "Role", "name": "r"},
             "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}]}  # fmt: skip
    filled = fitted(binding, given)
    assert filled["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    assert [entry.get("apiGroup") for entry in filled["subjects"]] == [
        "rbac.authorization.k8s.io",
        None,
    ]


def test_empty_texts_nulls_and_empty_collections_are_as_good_as_missing() -> None:
    given = container(imagePullPolicy="", args=[], env=None)
    given["metadata"] = {"labels": {}}
    given["spec"] |= {"nodeSelector": {}, "restartPolicy": ""}
    spec = fitted(POD, given)["spec"]
    assert spec["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert spec["restartPolicy"] == "Always"
    assert {"args", "env"} & spec["containers"][0].keys() == set()
    assert "nodeSelector" not in spec


def test_what_go_leaves_out_where_it_is_zero_is_left_out() -> None:
    filled = fitted(DEPLOYMENT, deployment(paused=False, minReadySeconds=0))
    assert {"paused", "minReadySeconds"}.isdisjoint(filled["spec"])
    filled = fitted(DEPLOYMENT, deployment(paused=True, minReadySeconds=1))
    assert (filled["spec"]["paused"], filled["spec"]["minReadySeconds"]) == (True, 1)


def test_what_go_always_writes_of_a_container_is_there() -> None:
    status = {"name": "a", "state": {"running": {}}}
    ended = {"name": "b", "lastState": {"terminated": {"exitCode": 0}}}
    document = pod() | {"status": {"containerStatuses": [status, ended]}}
    assert fitted(POD, document)["status"]["containerStatuses"] == [
        {"name": "a", "state": {"running": {"startedAt": None}}, "lastState": {}},
        {
            "name": "b", "state": {},
            "lastState": {"terminated": {"exitCode": 0, "finishedAt": None, "startedAt": None}},
        },
    ]  # fmt: skip


def test_unknown_fields_are_found_deep_inside() -> None:
    assert DEPLOYMENT.schema is not None
    given = deployment({"containers": [{"name": "m", "image": "i", "imag": "x"}]}, replicaz=1)
    pruned, unknown = structural.prune(given, DEPLOYMENT.schema)
    assert unknown == ["spec.replicaz", "spec.template.spec.containers[0].imag"]
    assert pruned == deployment({"containers": [{"name": "m", "image": "i"}]})


MISMATCH = "`selector` does not match template `labels`"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (deployment(), []),
        (deployment(selector=...), ["spec.selector: Required value",
            f'spec.template.metadata.labels: Invalid value: {{"app":"a"}}: {MISMATCH}']),
        (deployment(selector={"matchLabels": {"app": "b"}}),
         [f'spec.template.metadata.labels: Invalid value: {{"app":"a"}}: {MISMATCH}']),
        (deployment(selector={}),
         ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        (deployment(selector={"matchExpressions": [{"key": "app", "operator": "In", "values": ["a"]}]}), []),
        (deployment(template=...), [
            f"spec.template.metadata.labels: Invalid value: null: {MISMATCH}",
            "spec.template.spec.containers: Required value"]),
        (deployment(replicas=-1), ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        (deployment(minReadySeconds=-1),
         ["spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"]),
        (deployment(progressDeadlineSeconds=5, minReadySeconds=5),
         ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"]),
        (deployment({"containers": [{"name": "m", "image": "i"}], "restartPolicy": "Never"}),
         ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"']),
        (deployment({"containers": [{"name": "m", "image": "i"}], "activeDeadlineSeconds": 1}),
         [("spec.template.spec.activeDeadlineSeconds: Forbidden: "
          "activeDeadlineSeconds in ReplicaSet is not Supported")]),
        (deployment(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
         ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]),
        (deployment(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
         ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"]),
        (deployment(strategy={"type": "Blue"}),
         [('spec.strategy: Unsupported value: {"Type":"Blue","RollingUpdate":null}: supported values: "Recreate", '
           '"RollingUpdate"')]),
        (deployment(replicas="3"),
         ['spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"']),
    ],
)  # fmt: skip
def test_deployments_that_people_get_wrong(document: Document, expected: list[str]) -> None:
    assert messages(DEPLOYMENT, document) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (pod(), []),
        ({}, ["spec.containers: Required value"]),
        (pod(containers=[]), ["spec.containers: Required value"]),
        (pod(containers=[{}]), ["spec.containers[0].name: Required value",
                                "spec.containers[0].image: Required value"]),
        (pod(containers=[{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]),
         ['spec.containers[1].name: Duplicate value: "a"']),
        (container(imagePullPolicy="Sometimes"),
         [('spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: '
          '"Always", "IfNotPresent", "Never"')]),
        (container(ports=[{"containerPort": 70000}]),
         [("spec.containers[0].ports[0].containerPort: Invalid value: 70000: "
          "must be between 1 and 65535, inclusive")]),
        (container(ports=[{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]),
         ['spec.containers[0].ports[1].name: Duplicate value: "a"']),
        (container(ports=[{"containerPort": 1, "name": "-"}]),
         ['spec.containers[0].ports[0].name: Invalid value: "-": must contain at least one letter (a-z)',
          'spec.containers[0].ports[0].name: Invalid value: "-": must not begin or end with a hyphen']),
        (container(volumeMounts=[{"name": "v", "mountPath": "/v"}]),
         ['spec.containers[0].volumeMounts[0].name: Not found: "v"']),
        (container(livenessProbe={}), [("spec.containers[0].livenessProbe: Required value: "
                                       "must specify a handler type")]),
        (container(livenessProbe={"exec": {}, "tcpSocket": {"port": 1}, "successThreshold": 2}),
         ["spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
          "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"]),
        (container(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "1500m"}}),
         [('spec.containers[0].resources.requests: Invalid value: "1500m": '
          "must be less than or equal to cpu limit of 1")]),
        (pod(volumes=[{"name": "v"}, {"name": "v"}]), ['spec.volumes[1].name: Duplicate value: "v"']),
        (pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]),
         ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"]),
    ],
)  # fmt: skip
def test_pods_that_people_get_wrong(document: Document, expected: list[str]) -> None:
    assert messages(POD, document) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"ports": [{"port": 80}]}, []),
        ({}, ["spec.ports: Required value"]),
        ({"clusterIP": "None"}, []),
        ({"type": "ExternalName"}, ["spec.externalName: Required value"]),
        ({"ports": [{"port": 0}]},
         ["spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
          "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive"]),
        ({"ports": [{"port": 1, "name": "a"}, {"port": 2}]}, ["spec.ports[1].name: Required value"]),
        ({"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}]},
         ['spec.ports[1].name: Duplicate value: "a"']),
        ({"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]},
         [('spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":1,'
           '"TargetPort":0,"NodePort":0}')]),
        ({"ports": [{"port": 1, "targetPort": "UPPER"}]},
         [('spec.ports[0].targetPort: Invalid value: "UPPER": must contain only alpha-numeric characters '
          "(a-z, 0-9), and hyphens (-)"),
          'spec.ports[0].targetPort: Invalid value: "UPPER": must contain at least one letter (a-z)']),
        ({"ports": [{"port": 1}], "type": "Magic"},
         [('spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", '
          '"LoadBalancer", "NodePort"')]),
    ],
)  # fmt: skip
def test_services_that_people_get_wrong(spec: Document, expected: list[str]) -> None:
    assert messages(SERVICE, {"spec": spec}) == expected


def test_rules_of_smaller_kinds() -> None:
    lease = of("Lease", "coordination.k8s.io")
    assert messages(lease, {"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}) == [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
    ]
    found = messages(of("ConfigMap"), {"data": {"a b": "x", "c": "y"}, "binaryData": {"c": "eA=="}})
    assert found[0].startswith(
        'data[a b]: Invalid value: "a b": a valid config key must consist of'
    )
    assert found[1] == 'data[c]: Invalid value: "c": duplicate of key present in binaryData'
    binding = of("ClusterRoleBinding", "rbac.authorization.k8s.io")
    given = {"kind": "ClusterRoleBinding", "roleRef": {"kind": "Role", "name": "r"},
             "subjects": [{"kind": "Pod", "name": "p"}]}  # fmt: skip
    assert messages(binding, given) == [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        'subjects[0].kind: Unsupported value: "Pod": supported values: "ServiceAccount", "User", "Group"',
    ]


def test_what_a_status_says_is_not_judged() -> None:
    statuses = [{"name": "m", "image": "", "imageID": "", "ready": False, "restartCount": 0}]
    given = pod() | {"status": {"containerStatuses": statuses, "conditions": [{"type": "Ready"}]}}
    assert messages(POD, given) == []


STRANGE: list[Any] = [None, 1, "x", [], {}, [1], {"a": 1}, [{"name": 1}], {"containers": [None, 1]}]


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda kind: f"{kind.api_version}/{kind.kind}")
def test_nothing_raises_for_strange_objects(resource: ResourceType) -> None:
    assert resource.schema is not None
    for name in resource.schema["properties"]:
        for value in STRANGE:
            document = {name: value}
            structural.validate(document, resource.schema)
            messages(resource, document)
            messages(resource, {"spec": {"template": {name: value}, "selector": value}})


FIELDS = st.sampled_from(
    ["spec", "template", "metadata", "labels", "selector", "matchLabels", "containers", "name", "image",
     "ports", "containerPort", "volumes", "resources", "limits", "cpu", "env", "livenessProbe", "type",
     "httpGet", "port", "strategy", "rollingUpdate", "replicas", "subjects", "kind", "status", "app"]
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 99999) | st.sampled_from(["", "a", "A_", "RollingUpdate", "1"]),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(FIELDS, below, max_size=4),
    max_leaves=25,
)  # fmt: skip


@given(
    st.sampled_from(BUILTIN), st.dictionaries(st.sampled_from(["spec", "subjects", "data"]), VALUES)
)
def test_any_json_goes_through_every_kind(resource: ResourceType, document: Document) -> None:
    assert resource.schema is not None
    before = deepcopy(document)
    pruned, _ = structural.prune(document, resource.schema)
    filled = structural.default(pruned, resource.schema)
    structural.validate(filled, resource.schema)
    structural.validate(document, resource.schema)
    assert document == before
    assert structural.prune(pruned, resource.schema) == (pruned, [])
    assert structural.default(filled, resource.schema) == filled


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("ConfigMap", {"data": {"a": "x" * 2**20}}, []),
        ("ConfigMap", {"data": {"a": "x" * 2**20, "b": "y"}},
         ["[]: Too long: may not be more than 1048576 bytes"]),
        ("ConfigMap", {"data": {"a": "x"}, "binaryData": {"b": "eHh4" * (2**20 // 3)}}, []),
        ("Secret", {"data": {"b": "eHh4" * (2**20 // 3) + "eHg="}},
         ["data: Too long: may not be more than 1048576 bytes"]),
    ],
)  # fmt: skip
def test_the_size_of_data_is_limited(
    kind: str, fields: dict[str, Any], expected: list[str]
) -> None:
    assert messages(of(kind), {"kind": kind} | fields) == expected
