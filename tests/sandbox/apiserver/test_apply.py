"""Server-side apply and managedFields through the API, in the exact words of a kube-apiserver."""

from copy import deepcopy
from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import (
    CONFIGMAPS,
    CRDS,
    PODS,
    WIDGETS,
    Answer,
    Client,
    configmap,
    pod,
    widget_definition,
)

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APPLY = {"content-type": "application/apply-patch+yaml"}
Document = dict[str, Any]


def deployment(**spec: Any) -> Document:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [{"name": "main", "image": "i:1", "ports": [{"containerPort": 80}]}]
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template} | spec,
    }


async def apply(
    client: Client, url: str, config: object, manager: str = "one", query: str = ""
) -> Answer:
    return await client.call("PATCH", f"{url}?fieldManager={manager}{query}", config, APPLY)


def settings(**data: Any) -> Document:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def managed(answer: Answer) -> list[tuple[str, str, Document]]:
    assert answer.code in {200, 201}, answer.body
    listed = answer.document["metadata"].get("managedFields", [])
    return [(entry["manager"], entry["operation"], entry["fieldsV1"]) for entry in listed]


async def test_apply_creates_and_owns_what_it_names(client: Client) -> None:
    answer = await apply(client, f"{CONFIGMAPS}/a", settings(x="1"))
    assert answer.code == 201
    assert answer.document["metadata"]["managedFields"] == [
        {
            "manager": "one",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": "2026-01-02T03:04:05Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:x": {}}},
        }
    ]
    client.clock.advance(60)
    again = await apply(client, f"{CONFIGMAPS}/a", settings(x="1"))
    assert (again.code, again.document) == (200, answer.document)


async def test_yaml_is_applied_too_and_what_is_dropped_goes(client: Client) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1', y: '2'}\n"
    await apply(client, f"{CONFIGMAPS}/a", text)
    await apply(client, f"{CONFIGMAPS}/a", settings(y="2"), "two")
    answer = await apply(client, f"{CONFIGMAPS}/a", settings(x="3"))
    assert answer.document["data"] == {"x": "3", "y": "2"}
    answer = await apply(client, f"{CONFIGMAPS}/a", settings(), "two")
    assert answer.document["data"] == {"x": "3"}


async def test_a_deployment_that_was_created_belongs_to_its_creator_as_in_kubernetes(
    client: Client,
) -> None:
    answer = await client.call("POST", f"{DEPLOYMENTS}?fieldManager=maker", deployment())
    assert managed(answer) == [
        (
            "maker",
            "Update",
            {
                "f:spec": {
                    "f:progressDeadlineSeconds": {},
                    "f:replicas": {},
                    "f:revisionHistoryLimit": {},
                    "f:selector": {},
                    "f:strategy": {
                        "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
                        "f:type": {},
                    },
                    "f:template": {
                        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                        "f:spec": {
                            "f:containers": {
                                'k:{"name":"main"}': {
                                    ".": {},
                                    "f:image": {},
                                    "f:imagePullPolicy": {},
                                    "f:name": {},
                                    "f:ports": {
                                        ".": {},
                                        'k:{"containerPort":80,"protocol":"TCP"}': {
                                            ".": {},
                                            "f:containerPort": {},
                                            "f:protocol": {},
                                        },
                                    },
                                    "f:resources": {},
                                    "f:terminationMessagePath": {},
                                    "f:terminationMessagePolicy": {},
                                }
                            },
                            "f:dnsPolicy": {},
                            "f:restartPolicy": {},
                            "f:schedulerName": {},
                            "f:securityContext": {},
                            "f:terminationGracePeriodSeconds": {},
                        },
                    },
                }
            },
        )
    ]


async def test_updates_are_recorded_under_the_name_of_the_program(client: Client) -> None:
    agent = {"user-agent": "manager/v1.2 (linux/amd64)"}
    await client.call("POST", DEPLOYMENTS, deployment(), agent)
    changed = {"spec": {"replicas": 3}}
    kind = {"content-type": "application/merge-patch+json"}
    answer = await client.call(
        "PATCH", f"{DEPLOYMENTS}/web?fieldManager=scaler", changed, kind | agent
    )
    assert managed(answer)[1] == ("scaler", "Update", {"f:spec": {"f:replicas": {}}})
    assert "f:replicas" not in managed(answer)[0][2]["f:spec"]
    assert managed(answer)[0][0] == "manager"


async def test_one_conflict_and_several(client: Client) -> None:
    await apply(client, f"{DEPLOYMENTS}/web", deployment(replicas=1, paused=True))
    other = await apply(client, f"{DEPLOYMENTS}/web", deployment(replicas=2), "two")
    assert (other.code, other.reason) == (409, "Conflict")
    assert other.message == 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    assert other.document["details"] == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "one"',
                "field": ".spec.replicas",
            }
        ]
    }
    several = deployment(replicas=2, paused=False)
    other = await apply(client, f"{DEPLOYMENTS}/web", several, "two")
    assert other.message == (
        'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.paused\n- .spec.replicas'
    )
    forced = await apply(client, f"{DEPLOYMENTS}/web", several, "two", "&force=true")
    assert forced.document["spec"]["replicas"] == 2
    assert "f:replicas" not in managed(forced)[0][2]["f:spec"]


async def test_a_conflict_with_a_scale_names_the_subresource(client: Client) -> None:
    await apply(client, f"{DEPLOYMENTS}/web", deployment(replicas=1))
    await client.patch(f"{DEPLOYMENTS}/web/scale?fieldManager=s", {"spec": {"replicas": 4}})
    refused = await apply(client, f"{DEPLOYMENTS}/web", deployment(replicas=1))
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "s" with subresource "scale" '
        "using apps/v1: .spec.replicas"
    )
    scaled = (await client.get(f"{DEPLOYMENTS}/web")).document["metadata"]["managedFields"]
    assert ["time" in entry for entry in scaled if entry.get("subresource")] == [False]
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}}
    config = scale | {"spec": {"replicas": 5}}
    refused = await apply(client, f"{DEPLOYMENTS}/web/scale", config, "auto")
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "s" with subresource "scale" '
        "using autoscaling/v1: .spec.replicas"
    )
    config = scale | {"spec": {"replicas": 4}}
    applied = await apply(client, f"{DEPLOYMENTS}/web/scale", config, "auto")
    assert (applied.code, applied.document["spec"]) == (200, {"replicas": 4})
    found = await client.get(f"{DEPLOYMENTS}/web")
    assert ("auto", "Apply", {"f:spec": {"f:replicas": {}}}) in managed(found)


async def test_status_has_managers_of_its_own(client: Client) -> None:
    created = await client.call("POST", f"{PODS}?fieldManager=maker", pod("p"))
    client.clock.advance(1)
    body = created.document | {"status": {"phase": "Running"}}
    answer = await client.call("PUT", f"{PODS}/p/status?fieldManager=kubelet", body)
    entry = answer.document["metadata"]["managedFields"][1]
    assert (entry["manager"], entry["subresource"]) == ("kubelet", "status")
    assert entry["fieldsV1"] == {"f:status": {"f:phase": {}}}
    config = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    answer = await apply(client, f"{PODS}/p/status", config, "prober")
    assert [entry["type"] for entry in answer.document["status"]["conditions"]] == ["Ready"]
    assert answer.document["status"]["phase"] == "Running"
    assert managed(answer)[0] == (
        "prober",
        "Apply",
        {
            "f:status": {
                "f:conditions": {'k:{"type":"Ready"}': {".": {}, "f:status": {}, "f:type": {}}}
            }
        },
    )
    missing = await apply(client, f"{PODS}/q/status", config, "prober")
    assert (missing.code, missing.message) == (404, 'pods "q" not found')


async def test_an_empty_list_forgets_the_managers_and_the_next_apply_finds_one(
    client: Client,
) -> None:
    await apply(client, f"{CONFIGMAPS}/a", settings(x="1"))
    answer = await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"managedFields": [{}]}})
    assert managed(answer) == []
    answer = await client.patch(f"{CONFIGMAPS}/a", {"data": {"y": "2"}})
    assert managed(answer) == []
    answer = await apply(client, f"{CONFIGMAPS}/a", settings(x="1"))
    assert managed(answer) == [
        ("one", "Apply", {"f:data": {"f:x": {}}}),
        ("before-first-apply", "Update", {"f:data": {".": {}, "f:x": {}, "f:y": {}}}),
    ]


async def test_updates_that_know_nothing_of_managers_leave_the_list(client: Client) -> None:
    answer = await apply(client, f"{CONFIGMAPS}/a", settings(x="1"))
    after = await client.put(f"{CONFIGMAPS}/a", configmap("a") | {"data": {"x": "1"}})
    assert (
        after.document["metadata"]["managedFields"]
        == (answer.document["metadata"]["managedFields"])
    )


async def test_no_more_than_ten_managers_of_updates_are_kept(client: Client) -> None:
    answer = await client.call("POST", f"{CONFIGMAPS}?fieldManager=m0", configmap("a"))
    for number in range(1, 12):
        client.clock.advance(1)
        url = f"{CONFIGMAPS}/a?fieldManager=m{number}"
        answer = await client.patch(url, {"data": {f"k{number}": "v"}})
    names = [manager for manager, _, _ in managed(answer)]
    assert names == ["ancient-changes", *(f"m{number}" for number in range(3, 12))]
    ancient = managed(answer)[0][2]
    assert ancient == {"f:data": {".": {}, "f:k1": {}, "f:k2": {}, "f:key": {}}}


async def test_kubectl_takes_over_what_its_client_side_apply_has_set(client: Client) -> None:
    text = (
        '{"apiVersion":"v1","data":{"x":"1"},"kind":"ConfigMap",'
        '"metadata":{"annotations":{},"name":"a","namespace":"default"}}\n'
    )
    made = settings(x="1")
    made["metadata"]["annotations"] = {LAST_APPLIED: text}
    await client.call("POST", f"{CONFIGMAPS}?fieldManager=kubectl-client-side-apply", made)
    refused = await apply(client, f"{CONFIGMAPS}/a", settings(x="2"), "somebody")
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.x'
    )
    answer = await apply(client, f"{CONFIGMAPS}/a", settings(x="2"), "kubectl")
    assert answer.document["data"] == {"x": "2"}
    assert answer.document["metadata"]["annotations"] == {
        LAST_APPLIED: '{"apiVersion":"v1","data":{"x":"2"},"kind":"ConfigMap",'
        '"metadata":{"name":"a"}}\n'
    }


_UNTYPED = "failed to create typed patch object (/a; /v1, Kind=ConfigMap): "
_TWICE = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: '1'\n  x: '2'\n"
_REFUSED: list[tuple[object, str, tuple[int, str, str]]] = [
    (
        settings(),
        "",
        (
            422,
            "Invalid",
            (
                'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: '
                "is required for apply patch"
            ),
        ),
    ),
    (
        settings() | {"apiVersion": "v2"},
        "fieldManager=m",
        (400, "BadRequest", "invalid object type: /v2, Kind=ConfigMap"),
    ),
    (
        {"apiVersion": "apps/v1", "kind": "Deployment"},
        "fieldManager=m",
        (400, "BadRequest", "invalid object type: apps/v1, Kind=Deployment"),
    ),
    (
        b"",
        "fieldManager=m",
        (400, "BadRequest", "invalid object type: /, Kind="),
    ),
    (
        {"apiVersion": "v1", "kind": "ConfigMap"},
        "fieldManager=m",
        (
            400,
            "BadRequest",
            "the name of the object (a based on URL) was undeterminable: name must be provided",
        ),
    ),
    (
        settings() | {"metadata": {"name": "a", "managedFields": []}},
        "fieldManager=m",
        (400, "BadRequest", "metadata.managedFields must be nil"),
    ),
    (
        settings(x=1),
        "fieldManager=m",
        (
            500,
            "",
            f"{_UNTYPED}.data.x: expected string, got &value.valueUnstructured{{Value:1}}",
        ),
    ),
    (
        settings() | {"spec": {}},
        "fieldManager=m",
        (500, "", f"{_UNTYPED}.spec: field not declared in schema"),
    ),
    (
        settings() | {"metadata": {"name": "b"}},
        "fieldManager=m",
        (
            400,
            "BadRequest",
            "the name of the object (b) does not match the name on the URL (a)",
        ),
    ),
    (
        settings() | {"metadata": {"name": "a", "uid": "1"}},
        "fieldManager=m",
        (
            409,
            "Conflict",
            (
                'Operation cannot be fulfilled on configmaps "a": uid mismatch: the provided object '
                "specified uid 1, and no existing object was found"
            ),
        ),
    ),
    (
        b"- a",
        "fieldManager=m",
        (
            400,
            "BadRequest",
            (
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot "
                "unmarshal array into Go value of type map[string]interface {}"
            ),
        ),
    ),
    (
        _TWICE,
        "fieldManager=m&fieldValidation=Strict",
        (
            400,
            "BadRequest",
            (
                "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n"
                '  line 6: key "x" already set in map'
            ),
        ),
    ),
]


@pytest.mark.parametrize(("config", "query", "said"), _REFUSED)
async def test_bad_configurations_are_refused(
    client: Client, config: object, query: str, said: tuple[int, str, str]
) -> None:
    answer = await client.call("PATCH", f"{CONFIGMAPS}/a?{query}", config, APPLY)
    assert (answer.code, answer.reason, answer.message) == said
    assert (await client.get(f"{CONFIGMAPS}/a")).code == 404


async def test_a_configuration_must_be_yaml(client: Client) -> None:
    answer = await apply(client, f"{CONFIGMAPS}/a", b"a: [")
    assert (answer.code, answer.message) == (
        400,
        (
            "error decoding YAML: error converting YAML to JSON: yaml: line 1: "
            "did not find expected node content"
        ),
    )


async def test_repeated_keys_are_a_warning_by_default(client: Client) -> None:
    answer = await apply(client, f"{CONFIGMAPS}/a", _TWICE)
    assert answer.code == 201
    assert answer.headers["warning"] == '299 - "line 6: key \\"x\\" already set in map"'


async def test_an_apply_may_insist_on_a_state(client: Client) -> None:
    made = await apply(client, f"{CONFIGMAPS}/a", settings(x="1"))
    stale = settings(x="2")
    stale["metadata"] = {"name": "a", "resourceVersion": made.version}
    assert (await apply(client, f"{CONFIGMAPS}/a", stale)).code == 200
    refused = await apply(client, f"{CONFIGMAPS}/a", stale)
    assert (refused.code, refused.reason) == (409, "Conflict")
    assert refused.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


async def test_a_configuration_may_come_from_an_object_that_is_gone(client: Client) -> None:
    config = settings(x="1")
    config["metadata"]["resourceVersion"] = "5"
    assert (await apply(client, f"{CONFIGMAPS}/a", config)).code == 201


async def test_force_belongs_to_apply_alone(client: Client) -> None:
    await client.create_configmap("a")
    answer = await client.patch(f"{CONFIGMAPS}/a?force=true", {})
    assert answer.message == (
        'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: '
        "may not be specified for non-apply patch"
    )
    answer = await client.patch(f"{CONFIGMAPS}/a?fieldManager={'x' * 129}", {})
    assert answer.message == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: '
        "may not be more than 128 bytes"
    )


async def test_dry_run_keeps_nothing(client: Client) -> None:
    answer = await apply(client, f"{CONFIGMAPS}/a", settings(x="1"), query="&dryRun=All")
    assert answer.code == 201
    assert (await client.get(f"{CONFIGMAPS}/a")).code == 404


async def test_custom_resources_are_applied_by_their_schema(client: Client) -> None:
    definition = deepcopy(widget_definition())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    entry = {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}}
    schema["properties"]["spec"] = {
        "type": "object",
        "properties": {
            "parts": {
                "type": "array",
                "items": entry | {"required": ["name"]},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            }
        },
    }
    assert (await client.post(CRDS, definition)).code == 201
    base = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    first = base | {"spec": {"parts": [{"name": "a", "n": 1}]}}
    second = base | {"spec": {"parts": [{"name": "b", "n": 2}]}}
    await apply(client, f"{WIDGETS}/w", first)
    answer = await apply(client, f"{WIDGETS}/w", second, "two")
    assert answer.document["spec"]["parts"] == [{"name": "a", "n": 1}, {"name": "b", "n": 2}]
    assert managed(answer)[1] == (
        "two",
        "Apply",
        {"f:spec": {"f:parts": {'k:{"name":"b"}': {".": {}, "f:n": {}, "f:name": {}}}}},
    )


async def test_a_definition_of_the_sandbox_gives_way_to_a_published_one(client: Client) -> None:
    name = "gateways.gateway.networking.k8s.io"
    present = (await client.get(f"{CRDS}/{name}")).document
    (entry,) = present["metadata"]["managedFields"]
    assert (entry["manager"], entry["subresource"]) == ("kube-apiserver", "status")
    assert list(entry["fieldsV1"]["f:status"]) == ["f:acceptedNames", "f:conditions"]
    spec = deepcopy(present["spec"])
    spec["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "as published"
    config = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": spec,
    }
    answer = await apply(client, f"{CRDS}/{name}", config, "kubectl")
    assert answer.code == 200
    assert answer.document["spec"] == spec


async def test_an_empty_list_is_no_request_to_forget_in_custom_resources(client: Client) -> None:
    await client.post(CRDS, widget_definition())
    base = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    await apply(client, f"{WIDGETS}/w", base | {"spec": {"size": 1}})
    kept = await client.patch(f"{WIDGETS}/w", {"metadata": {"managedFields": []}})
    assert [manager for manager, _, _ in managed(kept)] == ["one"]
    gone = await client.patch(f"{WIDGETS}/w", {"metadata": {"managedFields": [{}]}})
    assert managed(gone) == []


async def test_labels_do_not_come_through_the_status_of_a_deployment(client: Client) -> None:
    await apply(client, f"{DEPLOYMENTS}/web", deployment())
    change = {"metadata": {"labels": {"a": "b"}}, "status": {"replicas": 1}}
    answer = await client.patch(f"{DEPLOYMENTS}/web/status", change)
    assert answer.document["status"]["replicas"] == 1
    assert "labels" not in answer.document["metadata"]


async def test_a_key_that_is_left_out_is_empty_and_then_invalid(client: Client) -> None:
    config = deployment()
    config["spec"]["template"]["spec"]["containers"] = [{"image": "i"}]
    answer = await apply(client, f"{DEPLOYMENTS}/web", config)
    assert (answer.code, answer.message) == (
        422,
        'Deployment.apps "web" is invalid: spec.template.spec.containers[0].name: Required value',
    )


async def test_endpoints_are_served_with_a_warning(client: Client) -> None:
    answer = await client.get("/api/v1/namespaces/default/endpoints")
    assert answer.headers["warning"] == (
        '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
    )
