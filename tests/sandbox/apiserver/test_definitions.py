from copy import deepcopy
from typing import Any

from tests.sandbox.apiserver.asgi_client import CRDS, WIDGETS, Client, widget, widget_definition

from kthena_sandbox.apiserver.definitions import CLEANUP_FINALIZER

BETA = WIDGETS.replace("v1", "v1beta1")


async def test_a_definition_is_accepted_established_and_served_at_once(client: Client) -> None:
    assert (await client.get(WIDGETS)).code == 404
    created = (await client.post(CRDS, widget_definition())).document
    conditions = {entry["type"]: entry["status"] for entry in created["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert created["status"]["acceptedNames"] == {
        "plural": "widgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList",
    }  # fmt: skip
    assert created["status"]["storedVersions"] == ["v1"]
    assert created["metadata"]["generation"] == 1
    assert (await client.post(WIDGETS, widget("w"))).code == 201
    listed = (await client.get("/apis/example.com/v1")).document["resources"]
    assert [entry["name"] for entry in listed] == ["widgets", "widgets/status"]


async def test_one_object_in_several_versions(widgets: Client) -> None:
    created = (await widgets.post(BETA, widget("w", "v1beta1", size=1))).document
    assert created["apiVersion"] == "example.com/v1beta1"
    other = (await widgets.get(f"{WIDGETS}/w")).document
    assert other == created | {"apiVersion": "example.com/v1"}
    patched = (await widgets.patch(f"{BETA}/w", {"spec": {"size": 1}})).document
    assert patched == created


async def test_a_version_that_is_served_no_more(widgets: Client) -> None:
    versions = widget_definition()["spec"]["versions"]
    versions[1]["served"] = False
    await widgets.patch(f"{CRDS}/widgets.example.com", {"spec": {"versions": versions}})
    assert (await widgets.get(BETA)).code == 404
    assert (await widgets.get(WIDGETS)).code == 200


async def test_a_definition_takes_its_objects_along(widgets: Client) -> None:
    await widgets.post(WIDGETS, widget("w"))
    going = (await widgets.delete(f"{CRDS}/widgets.example.com")).document
    assert going["status"]["conditions"][-1]["type"] == "Terminating"
    assert (await widgets.get(f"{CRDS}/widgets.example.com")).code == 404
    assert (await widgets.get(WIDGETS)).code == 404
    await widgets.post(CRDS, widget_definition())
    assert (await widgets.get(WIDGETS)).document["items"] == []


async def test_an_object_with_a_finalizer_holds_its_definition(widgets: Client) -> None:
    held = widget("w")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await widgets.post(WIDGETS, held)
    await widgets.delete(f"{CRDS}/widgets.example.com")
    left = (await widgets.get(f"{CRDS}/widgets.example.com")).document
    assert left["metadata"]["finalizers"] == [CLEANUP_FINALIZER]
    await widgets.patch(f"{WIDGETS}/w", {"metadata": {"finalizers": []}})
    assert (await widgets.get(f"{CRDS}/widgets.example.com")).code == 404


async def test_names_of_a_definition_stay(widgets: Client) -> None:
    answer = await widgets.patch(f"{CRDS}/widgets.example.com", {"spec": {"scope": "Cluster"}})
    assert answer.code == 422
    assert answer.document["details"]["causes"][0]["field"] == "spec.scope"


async def test_defaults_unknown_fields_and_limits(widgets: Client) -> None:
    pruned = await widgets.post(WIDGETS, widget("w", flavour="sweet"))
    assert pruned.document["spec"] == {"size": 3}
    assert pruned.headers["warning"] == '299 - "unknown field \\"spec.flavour\\""'
    strict = await widgets.post(f"{WIDGETS}?fieldValidation=Strict", widget("v", flavour="sweet"))
    assert (strict.code, strict.reason) == (400, "BadRequest")
    assert strict.message == (
        'Widget in version "v1" cannot be handled as a Widget: '
        'strict decoding error: unknown field "spec.flavour"'
    )
    patch = f"{WIDGETS}/w?fieldValidation=Strict"
    patched = await widgets.patch(patch, {"spec": {"flavour": "sweet"}})
    assert (patched.code, patched.reason) == (422, "Invalid")
    assert patched.message.startswith(' "" is invalid: patch: Invalid value: "{')
    assert patched.message.endswith('strict decoding error: unknown field "spec.flavour"')
    quiet = await widgets.post(f"{WIDGETS}?fieldValidation=Ignore", widget("u", flavour="sweet"))
    assert "warning" not in quiet.headers
    refused = await widgets.post(WIDGETS, widget("t", colour="blue"))
    assert (refused.code, refused.reason) == (422, "Invalid")
    assert refused.message == (
        'Widget.example.com "t" is invalid: spec.colour: Unsupported value: "blue": '
        'supported values: "red", "green"'
    )


async def test_custom_resources_know_no_strategic_merge(widgets: Client) -> None:
    await widgets.post(WIDGETS, widget("w"))
    answer = await widgets.patch(f"{WIDGETS}/w", {}, "strategic-merge-patch+json")
    assert (answer.code, answer.reason) == (415, "UnsupportedMediaType")


async def test_a_definition_that_cannot_be_served_is_refused(client: Client) -> None:
    nameless = await client.post(CRDS, {"metadata": {"name": "x"}})
    assert (nameless.code, nameless.reason) == (422, "Invalid")
    wrong = widget_definition()
    wrong["metadata"]["name"] = "gadgets.example.com"
    answer = await client.post(CRDS, wrong)
    assert "metadata.name" in {cause["field"] for cause in answer.document["details"]["causes"]}
    assert (await client.get(WIDGETS)).code == 404


async def test_built_in_kinds_cannot_be_redefined(client: Client) -> None:
    names = {"plural": "deployments", "kind": "Deployment"}
    taken = widget_definition(group="apps", names=names)
    taken["metadata"]["name"] = "deployments.apps"
    await client.post(CRDS, taken)
    await client.delete(f"{CRDS}/deployments.apps")
    assert (await client.get("/apis/apps/v1/deployments")).code == 200


async def test_a_default_status_shows_in_a_new_object(client: Client) -> None:
    definition = widget_definition()
    for version in definition["spec"]["versions"]:
        schema = version["schema"]["openAPIV3Schema"]
        status = schema["properties"]["status"] | {"default": {"phase": "Unknown"}}
        properties = schema["properties"] | {"status": status}
        version["schema"] = {"openAPIV3Schema": schema | {"properties": properties}}
    await client.post(CRDS, definition)
    created = await client.post(WIDGETS, widget("w") | {"status": {"phase": "Mine"}})
    assert created.document["status"] == {"phase": "Unknown"}
    assert (await client.get(f"{WIDGETS}/w")).document == created.document


async def test_fields_that_a_definition_lets_clients_select_by(client: Client) -> None:
    definition = deepcopy(widget_definition())
    definition["spec"]["versions"][0]["selectableFields"] = [{"jsonPath": ".spec.colour"}]
    assert (await client.post(CRDS, definition)).code == 201
    await client.post(WIDGETS, widget("a", colour="red"))
    await client.post(WIDGETS, widget("b", colour="green"))
    found = await client.get(f"{WIDGETS}?fieldSelector=spec.colour%3Dred")
    assert [item["metadata"]["name"] for item in found.document["items"]] == ["a"]
    refused = await client.get(f"{WIDGETS}?fieldSelector=spec.size%3D3")
    assert (refused.code, refused.message.rpartition(": ")[2]) == (400, "spec.size")


async def test_requests_of_a_deprecated_version_are_warned(client: Client) -> None:
    definition = deepcopy(widget_definition())
    definition["spec"]["versions"][1]["deprecated"] = True
    await client.post(CRDS, definition)
    url = WIDGETS.replace("v1", "v1beta1")
    made = await client.post(url, widget("a", "v1beta1"))
    text = '299 - "example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget"'
    assert made.headers["warning"] == text
    assert (await client.get(url)).headers["warning"] == text
    assert "warning" not in (await client.get(WIDGETS)).headers


async def test_what_is_unknown_is_not_preserved_as_a_whole(client: Client) -> None:
    definition = widget_definition(preserveUnknownFields=True)
    refused = await client.post(CRDS, definition)
    assert refused.code == 422
    assert [cause["message"] for cause in refused.document["details"]["causes"]] == [
        (
            "Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true "
            "in spec.versions[*].schema instead"
        ),
    ]


def _condition(definition: dict[str, Any], kind: str) -> tuple[str, str, str]:
    (found,) = [entry for entry in definition["status"]["conditions"] if entry["type"] == kind]
    return found["status"], found["reason"], found["message"]


def _rival(**names: Any) -> dict[str, Any]:
    rival = widget_definition()
    rival["metadata"]["name"] = "gadgets.example.com"
    rival["spec"]["names"] = {"plural": "gadgets", "kind": "Gadget"} | names
    return rival


async def test_names_that_another_definition_has(widgets: Client) -> None:
    created = (await widgets.post(CRDS, _rival(kind="Widget", shortNames=["g"]))).document
    assert _condition(created, "NamesAccepted") == (
        "False", "ListKindConflict", '"WidgetList" is already in use',
    )  # fmt: skip
    assert _condition(created, "Established") == (
        "False", "NotAccepted", "not all names are accepted",
    )  # fmt: skip
    assert created["status"]["acceptedNames"] == {
        "plural": "gadgets", "kind": "", "shortNames": ["g"],
    }  # fmt: skip
    gadgets = "/apis/example.com/v1/gadgets"
    assert (await widgets.get(gadgets)).code == 404
    assert (await widgets.delete(f"{CRDS}/widgets.example.com")).code == 200
    freed = (await widgets.get(f"{CRDS}/gadgets.example.com")).document
    assert _condition(freed, "Established")[:2] == ("True", "InitialNamesAccepted")
    assert freed["status"]["acceptedNames"]["kind"] == "Widget"
    assert (await widgets.get(gadgets)).code == 200


async def test_a_served_definition_keeps_its_names(widgets: Client) -> None:
    assert (await widgets.post(CRDS, _rival(shortNames=["g"]))).code == 201
    change = {"spec": {"names": {"shortNames": ["g", "widget"]}}}
    changed = (await widgets.patch(f"{CRDS}/gadgets.example.com", change)).document
    assert _condition(changed, "NamesAccepted") == (
        "False", "ShortNamesConflict", '"widget" is already in use',
    )  # fmt: skip
    assert _condition(changed, "Established")[0] == "True"
    assert changed["status"]["acceptedNames"]["shortNames"] == ["g"]
    listed = (await widgets.get("/apis/example.com/v1")).document["resources"]
    assert [entry.get("shortNames") for entry in listed if entry["name"] == "gadgets"] == [["g"]]


async def test_objects_are_read_with_the_defaults_and_the_fields_of_now(widgets: Client) -> None:
    await widgets.post(WIDGETS, widget("w", size=1))
    versions = deepcopy(widget_definition()["spec"]["versions"])
    versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
        "type": "object", "properties": {"colour": {"type": "string", "default": "red"}},
    }  # fmt: skip
    await widgets.patch(f"{CRDS}/widgets.example.com", {"spec": {"versions": versions}})
    assert (await widgets.get(f"{WIDGETS}/w")).document["spec"] == {"colour": "red"}
    listed = (await widgets.get(WIDGETS)).document["items"]
    assert [entry["spec"] for entry in listed] == [{"colour": "red"}]
    before = {"spec": {"versions": widget_definition()["spec"]["versions"]}}
    await widgets.patch(f"{CRDS}/widgets.example.com", before)  # what is stored has stayed
    assert (await widgets.get(f"{WIDGETS}/w")).document["spec"] == {"size": 1}


async def test_conditions_that_tell_of_names_come_back(widgets: Client) -> None:
    patched = await widgets.patch(
        f"{CRDS}/widgets.example.com/status", {"status": {"conditions": [{"message": "mine"}]}}
    )
    assert patched.code == 200
    conditions = patched.document["status"]["conditions"]
    assert [entry.get("type") for entry in conditions] == [None, "NamesAccepted", "Established"]
    assert (await widgets.get(WIDGETS)).code == 200
