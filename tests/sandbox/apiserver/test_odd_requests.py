"""Requests that few programs make: odd forms of answers, deletions of what is held, rules that compare."""

from copy import deepcopy
from typing import Any

from tests.sandbox.apiserver.asgi_client import CRDS, WIDGETS, Client, widget, widget_definition

_MAPS = "/api/v1/namespaces/default/configmaps"


async def test_a_built_in_kind_is_not_told_in_any_form(client: Client) -> None:
    answer = await client.get(_MAPS, headers={"accept": "application/*"})
    assert (answer.code, answer.reason) == (406, "NotAcceptable")
    assert answer.document["message"] == (
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
        "application/json;stream=watch"
    )


async def test_an_object_is_no_list_of_metadata(client: Client) -> None:
    one = {"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    answer = await client.get(_MAPS, headers=one)
    assert (answer.code, answer.document["message"]) == (
        406,
        "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)",
    )


async def test_options_of_a_deletion_are_of_their_kind(client: Client) -> None:
    answer = await client.delete(f"{_MAPS}/a", {"apiVersion": "v1", "kind": "Other"})
    assert (answer.code, answer.document["message"]) == (
        500,
        'no kind "Other" is registered for version "v1" in scheme "pkg/runtime/scheme.go:110"',
    )


async def test_endpoints_that_are_held_outlive_their_service(client: Client) -> None:
    place = "/api/v1/namespaces/default"
    held = {"name": "s", "finalizers": ["example.com/hold"]}
    await client.post(f"{place}/endpoints", {"apiVersion": "v1", "kind": "Endpoints", "metadata": held})  # fmt: skip
    ports = {"ports": [{"port": 80}]}
    await client.post(f"{place}/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": ports})  # fmt: skip
    await client.delete(f"{place}/services/s")
    left = (await client.get(f"{place}/endpoints/s")).document["metadata"]
    assert left["deletionGracePeriodSeconds"] == 0
    assert left["finalizers"] == ["example.com/hold"]


async def test_a_definition_that_goes_takes_no_more_objects(widgets: Client) -> None:
    held = widget("w")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await widgets.post(WIDGETS, held)
    going = (await widgets.delete(f"{CRDS}/widgets.example.com")).document
    assert going["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert going["status"]["conditions"][-1]["reason"] == "InstanceDeletionPending"
    left = (await widgets.get(f"{CRDS}/widgets.example.com")).document
    assert left["status"]["conditions"][-1]["reason"] == "InstanceDeletionInProgress"
    refused = await widgets.post(WIDGETS, widget("v"))
    assert (refused.code, refused.document["message"]) == (
        403,
        'widgets.example.com "v" is forbidden: create not allowed while custom resource definition is terminating',
    )


async def test_rules_that_compare_are_asked_about_what_stays(client: Client) -> None:
    definition = deepcopy(widget_definition())
    rule = {
        "rule": "!oldSelf.hasValue() || self != oldSelf.value()",
        "optionalOldSelf": True,
        "message": "must change",
    }
    for version in definition["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec["properties"]["size"]["x-kubernetes-validations"] = [rule]
    await client.post(CRDS, definition)
    assert (await client.post(WIDGETS, widget("w", size=1))).code == 201
    answer = await client.patch(f"{WIDGETS}/w", {"metadata": {"labels": {"a": "b"}}})
    assert answer.code == 422
    assert [cause["field"] for cause in answer.document["details"]["causes"]] == ["spec.size"]


async def test_embedded_objects_say_what_they_are(client: Client) -> None:
    definition = deepcopy(widget_definition())
    embedded = {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "x-kubernetes-preserve-unknown-fields": True,
    }
    for version in definition["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec["properties"]["inner"] = embedded
    await client.post(CRDS, definition)
    answer = await client.post(WIDGETS, widget("w", inner={"x": 1}))
    assert [cause["field"] for cause in answer.document["details"]["causes"][:2]] == [
        "spec.inner.apiVersion",
        "spec.inner.kind",
    ]


async def test_warnings_are_of_deprecated_versions(client: Client) -> None:
    definition = deepcopy(widget_definition())
    definition["spec"]["versions"][0]["deprecationWarning"] = "x"
    answer = await client.post(CRDS, definition)
    assert [cause["message"] for cause in answer.document["details"]["causes"]] == [
        'Invalid value: "x": can only be set for deprecated versions'
    ]


async def test_a_body_that_only_the_decoder_can_follow_is_a_bad_one(client: Client) -> None:
    nested: dict[str, Any] = {}
    for _ in range(800):
        nested = {"a": nested}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "unknown": nested}
    answer = await client.post(_MAPS, body)
    assert (answer.code, answer.document["message"]) == (400, "the body is nested too deeply")
