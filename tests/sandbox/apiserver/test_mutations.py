import pytest
from tests.sandbox.apiserver.asgi_client import (
    CONFIGMAPS,
    PODS,
    WIDGETS,
    Client,
    configmap,
    pod,
    widget,
)

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


async def test_a_new_object_gets_its_identity_from_the_server(client: Client) -> None:
    given = configmap("a", uid="mine", creationTimestamp="2000-01-01T00:00:00Z", generation=9)
    answer = await client.post(CONFIGMAPS, given)
    metadata = answer.document["metadata"]
    assert answer.code == 201
    assert metadata["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert metadata["namespace"] == "default"
    assert len(metadata["uid"]) == 36
    assert "generation" not in metadata
    assert (await client.get(f"{CONFIGMAPS}/a")).document == answer.document


async def test_a_name_that_is_taken(client: Client) -> None:
    await client.create_configmap("a")
    answer = await client.post(CONFIGMAPS, configmap("a"))
    assert (answer.code, answer.reason) == (409, "AlreadyExists")
    assert answer.message == 'configmaps "a" already exists'
    assert answer.document["details"] == {"name": "a", "kind": "configmaps"}


async def test_names_are_made_from_a_prefix(client: Client) -> None:
    given = {"metadata": {"generateName": "x" * 70 + "-"}}
    first, second = [(await client.post(CONFIGMAPS, given)).document for _ in range(2)]
    names = {first["metadata"]["name"], second["metadata"]["name"]}
    assert len(names) == 2
    assert {len(name) for name in names} == {63}
    assert all(set(name[58:]) <= set("bcdfghjklmnpqrstvwxz2456789") for name in names)


async def test_the_prefix_is_the_clients_also_later(client: Client) -> None:
    made = await client.post(CONFIGMAPS, {"metadata": {"generateName": "x-"}})
    path = f"{CONFIGMAPS}/{made.document['metadata']['name']}"
    other = await client.patch(path, {"metadata": {"generateName": "y-"}})
    assert other.document["metadata"]["generateName"] == "y-"
    without = await client.patch(path, {"metadata": {"generateName": None}})
    assert "generateName" not in without.document["metadata"]


async def test_missing_object(client: Client) -> None:
    answer = await client.get("/apis/apps/v1/namespaces/default/deployments/d")
    assert answer.code == 404
    assert answer.document == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": 'deployments.apps "d" not found', "reason": "NotFound",
        "details": {"name": "d", "group": "apps", "kind": "deployments"}, "code": 404,
    }  # fmt: skip


async def test_names_follow_rfc_1123(client: Client) -> None:
    answer = await client.post(CONFIGMAPS, configmap("Not_A_Name"))
    assert (answer.code, answer.reason) == (422, "Invalid")
    assert answer.message.startswith(
        'ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": '
        "a lowercase RFC 1123 subdomain must consist of"
    )
    (cause,) = answer.document["details"]["causes"]
    assert (cause["field"], cause["reason"]) == ("metadata.name", "FieldValueInvalid")


async def test_names_of_events_need_only_fit_into_a_path(client: Client) -> None:
    event = {"involvedObject": {"namespace": "default"}, "metadata": {"name": "Upper_"}}
    events = CONFIGMAPS.replace("configmaps", "events")
    assert (await client.post(events, event)).code == 201
    answer = await client.post(events, event | {"metadata": {"name": "a%"}})
    assert answer.message == (
        'Event "a%" is invalid: metadata.name: Invalid value: "a%": may not contain \'%\''
    )


async def test_a_name_is_required(client: Client) -> None:
    answer = await client.post(CONFIGMAPS, {"metadata": {}})
    assert answer.message == (
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    )


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"labels": {"a": "not ok"}}, "metadata.labels"),
        ({"labels": {"bad/key/": "x"}}, "metadata.labels"),
        ({"annotations": {"": "x"}}, "metadata.annotations"),
        ({"finalizers": ["not ok"]}, "metadata.finalizers"),
        ({"ownerReferences": [{"kind": "A", "name": "a", "uid": "u"}]},
         "metadata.ownerReferences.apiVersion"),
    ],
)  # fmt: skip
async def test_metadata_is_checked(client: Client, metadata: dict[str, object], field: str) -> None:
    answer = await client.post(CONFIGMAPS, configmap("a", **metadata))
    assert answer.code == 422
    assert field in {cause["field"] for cause in answer.document["details"]["causes"]}


async def test_labels_must_be_text(client: Client) -> None:
    answer = await client.post(CONFIGMAPS, configmap("a", labels={"a": 1}))
    assert answer.code == 400
    assert answer.message == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number '
        "into Go struct field ObjectMeta.metadata.labels of type string"
    )


async def test_the_namespace_must_exist(client: Client) -> None:
    answer = await client.post("/api/v1/namespaces/nowhere/configmaps", configmap("a"))
    assert (answer.code, answer.reason) == (404, "NotFound")
    assert answer.message == 'namespaces "nowhere" not found'


async def test_a_terminating_namespace_takes_nothing_new(client: Client) -> None:
    await client.post("/api/v1/namespaces", {"metadata": {"name": "going"}})
    await client.delete("/api/v1/namespaces/going")
    answer = await client.post("/api/v1/namespaces/going/configmaps", configmap("a"))
    assert (answer.code, answer.reason) == (403, "Forbidden")
    assert answer.message == (
        'configmaps "a" is forbidden: unable to create new content in namespace going '
        "because it is being terminated"
    )
    assert answer.document["details"]["causes"][0]["reason"] == "NamespaceTerminating"


async def test_body_and_address_must_agree(client: Client) -> None:
    elsewhere = await client.post(CONFIGMAPS, configmap("a", namespace="other"))
    assert elsewhere.message == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )
    await client.create_configmap("a")
    renamed = await client.put(f"{CONFIGMAPS}/a", configmap("b"))
    assert renamed.message == "the name of the object (b) does not match the name on the URL (a)"
    version = await client.post(CONFIGMAPS, configmap("a") | {"apiVersion": "v2"})
    assert version.message == (
        'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered '
        'for version "v2" in scheme "pkg/runtime/scheme.go:110"'
    )
    assert {elsewhere.code, renamed.code, version.code} == {400}


async def test_a_write_against_an_older_state_is_a_conflict(client: Client) -> None:
    old = await client.create_configmap("a")
    await client.put(f"{CONFIGMAPS}/a", old | {"data": {"key": "newer"}})
    answer = await client.put(f"{CONFIGMAPS}/a", old | {"data": {"key": "mine"}})
    assert (answer.code, answer.reason) == (409, "Conflict")
    assert answer.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    patched = await client.patch(f"{CONFIGMAPS}/a", {"metadata": old["metadata"], "data": {}})
    assert patched.code == 409


async def test_an_object_that_was_made_anew_is_not_the_one_meant(client: Client) -> None:
    await client.create_configmap("a")
    answer = await client.put(f"{CONFIGMAPS}/a", configmap("a", uid="other"))
    assert answer.code == 409
    assert "Precondition failed: UID in precondition: other" in answer.message
    patched = await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"uid": "other"}})
    assert (patched.code, patched.message) == (
        422,
        'ConfigMap "a" is invalid: metadata.uid: Invalid value: "other": field is immutable',
    )


async def test_a_write_that_changes_nothing_keeps_the_resource_version(client: Client) -> None:
    old = await client.create_configmap("a", labels={"a": "b"})
    assert (await client.put(f"{CONFIGMAPS}/a", old)).document == old
    assert (await client.patch(f"{CONFIGMAPS}/a", {"data": {"key": "value"}})).document == old


async def test_what_the_server_keeps_cannot_be_changed(client: Client) -> None:
    old = await client.create_configmap("a")
    changed = old["metadata"] | {
        "creationTimestamp": None,
        "deletionTimestamp": "2030-01-01T00:00:00Z",
    }
    answer = await client.put(f"{CONFIGMAPS}/a", old | {"metadata": changed, "data": {"k": "v"}})
    assert answer.code == 200
    kept = answer.document["metadata"]
    changing = ("resourceVersion", "managedFields")
    assert kept == old["metadata"] | {name: kept[name] for name in changing}


async def test_dry_run_decides_and_keeps_nothing(client: Client) -> None:
    created = await client.post(f"{CONFIGMAPS}?dryRun=All", configmap("a"))
    assert created.code == 201
    assert (await client.get(f"{CONFIGMAPS}/a")).code == 404
    kept = await client.create_configmap("a")
    patched = await client.patch(f"{CONFIGMAPS}/a?dryRun=All", {"data": {"key": "other"}})
    assert patched.document["data"] == {"key": "other"}
    assert (await client.call("DELETE", f"{CONFIGMAPS}/a?dryRun=All")).code == 200
    assert (await client.get(f"{CONFIGMAPS}/a")).document == kept


async def test_options_that_do_not_exist(client: Client) -> None:
    answer = await client.post(f"{CONFIGMAPS}?dryRun=Some&fieldValidation=Maybe", configmap("a"))
    assert answer.code == 422
    assert answer.message == (
        'CreateOptions.meta.k8s.io "" is invalid: [dryRun: Unsupported value: ["Some"]: supported '
        'values: "All", fieldValidation: Unsupported value: "Maybe": supported values: "", '
        '"Ignore", "Strict", "Warn"]'
    )


@pytest.mark.parametrize(
    ("manager", "why"),
    [
        ("a%E2%80%A8b", r'Invalid value: "a\u2028b": invalid character U+2028 (at position 1)'),
        ("%C3%A9%07", r'Invalid value: "é\a": invalid character U+0007 (at position 2)'),
    ],
)
async def test_managers_are_printable(client: Client, manager: str, why: str) -> None:
    answer = await client.post(f"{CONFIGMAPS}?fieldManager={manager}", configmap("a"))
    assert answer.message == f'CreateOptions.meta.k8s.io "" is invalid: fieldManager: {why}'


async def test_form_of_the_body_is_looked_at_before_the_options(client: Client) -> None:
    text = {"content-type": "text/plain"}
    created = await client.call("POST", f"{CONFIGMAPS}?fieldValidation=Odd", b"x", text)
    assert created.code == 415
    patched = await client.call("PATCH", f"{CONFIGMAPS}/a?fieldValidation=Odd", b"x", text)
    assert (patched.code, patched.message) == (415, "415: Unsupported Media Type")


async def test_put_reads_its_body_before_it_looks_the_object_up(client: Client) -> None:
    wrong = configmap("a") | {"data": {"key": 1}}
    assert (await client.put(f"{CONFIGMAPS}/a", wrong)).code == 400
    assert (await client.put(f"{CONFIGMAPS}/a", configmap("a"))).code == 404


async def test_uid_of_a_put_is_a_precondition_of_the_storage(client: Client) -> None:
    lease = {"metadata": {"name": "l", "uid": "other"}}
    answer = await client.put(f"{LEASES}/l", lease)
    assert (answer.code, answer.reason) == (409, "Conflict")
    assert answer.message == (
        'Operation cannot be fulfilled on leases.coordination.k8s.io "l": StorageError: invalid object, '
        "Code: 4, Key: /registry/leases/default/l, ResourceVersion: 0, AdditionalErrorMsg: "
        "Precondition failed: UID in precondition: other, UID in object meta: "
    )


async def test_put_creates_only_kinds_that_are_used_so(client: Client) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"},
             "spec": {"holderIdentity": "me"}}  # fmt: skip
    assert (await client.put(f"{LEASES}/l", lease)).code == 201
    assert (await client.put(f"{CONFIGMAPS}/a", configmap("a"))).code == 404


async def test_conditional_kinds_want_the_resource_version(widgets: Client) -> None:
    await widgets.post(WIDGETS, widget("w"))
    answer = await widgets.put(f"{WIDGETS}/w", widget("w", size=4))
    assert answer.code == 422
    assert answer.message == (
        'widgets.example.com "w" is invalid: metadata.resourceVersion: Invalid value: 0: '
        "must be specified for an update"
    )


async def test_generation_counts_changes_of_the_specification_only(widgets: Client) -> None:
    created = (await widgets.post(WIDGETS, widget("w", size=1))).document
    assert created["metadata"]["generation"] == 1
    labelled = await widgets.patch(f"{WIDGETS}/w", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.document["metadata"]["generation"] == 1
    resized = await widgets.patch(f"{WIDGETS}/w", {"spec": {"size": 2}})
    assert resized.document["metadata"]["generation"] == 2
    stated = await widgets.patch(f"{WIDGETS}/w/status", {"status": {"phase": "x"}})
    assert stated.document["metadata"]["generation"] == 2


async def test_status_is_written_through_its_subresource_only(widgets: Client) -> None:
    given = widget("w", size=1) | {"status": {"phase": "Mine"}}
    assert "status" not in (await widgets.post(WIDGETS, given)).document
    assert (
        "status" not in (await widgets.patch(f"{WIDGETS}/w", {"status": {"phase": "A"}})).document
    )
    change = {"status": {"phase": "B"}, "spec": {"size": 9}, "metadata": {"labels": {"a": "b"}}}
    written = (await widgets.patch(f"{WIDGETS}/w/status", change)).document
    assert written["status"] == {"phase": "B"}
    assert written["spec"]["size"] == 1
    assert "labels" not in written["metadata"]
    replaced = await widgets.put(
        f"{WIDGETS}/w", widget("w", size=5) | {"metadata": written["metadata"]}
    )
    assert replaced.document["status"] == {"phase": "B"}


async def test_secrets_take_text_and_keep_base64(client: Client) -> None:
    secrets = "/api/v1/namespaces/default/secrets"
    given = {"metadata": {"name": "s"}, "stringData": {"a": "hello"}, "data": {"b": "eA=="}}
    created = (await client.post(secrets, given)).document
    assert created["type"] == "Opaque"
    assert created["data"] == {"a": "aGVsbG8=", "b": "eA=="}
    assert "stringData" not in created
    changed = await client.patch(f"{secrets}/s", {"stringData": {"b": "y"}})
    assert changed.document["data"] == {"a": "aGVsbG8=", "b": "eQ=="}
    bad = await client.post(secrets, {"metadata": {"name": "t"}, "data": {"b": "YWI%"}})
    assert (bad.code, bad.message) == (
        400,
        'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 3',
    )
    retyped = await client.patch(f"{secrets}/s", {"type": "other"})
    assert "field is immutable" in retyped.message


async def test_immutable_configmaps_stay(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("a") | {"immutable": True})
    answer = await client.patch(f"{CONFIGMAPS}/a", {"data": {"key": "other"}})
    assert answer.message == (
        'ConfigMap "a" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    )


async def test_the_specification_of_a_pod_stays_but_for_its_images(client: Client) -> None:
    await client.post(PODS, pod("p"))
    changed = pod("p")["spec"]["containers"]
    image = await client.patch(f"{PODS}/p", {"spec": {"containers": [changed[0] | {"image": "b"}]}})
    assert image.code == 200
    answer = await client.patch(f"{PODS}/p", {"spec": {"hostname": "other"}})
    assert (answer.code, answer.reason) == (422, "Invalid")
    assert answer.message.startswith(
        'Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than '
    )


async def test_a_new_pod_has_no_ephemeral_containers(client: Client) -> None:
    refused = await client.post(PODS, pod("p", ephemeralContainers=[{"name": "e", "image": "i"}]))
    assert (refused.code, refused.message) == (
        422,
        'Pod "p" is invalid: spec.ephemeralContainers: Forbidden: cannot be set on create',
    )


async def test_the_selector_of_a_deployment_stays(client: Client) -> None:
    deployments = "/apis/apps/v1/namespaces/default/deployments"
    template = {"metadata": {"labels": {"app": "a"}}, "spec": pod("p")["spec"]}
    spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
    await client.post(deployments, {"metadata": {"name": "d"}, "spec": spec})
    change = {"spec": {"selector": {"matchLabels": {"app": "b"}}}}
    answer = await client.patch(f"{deployments}/d", change)
    assert (answer.code, answer.message) == (
        422,
        (
            'Deployment.apps "d" is invalid: [spec.template.metadata.labels: Invalid value: '
            '{"app":"a"}: `selector` does not match template `labels`, spec.selector: '
            'Invalid value: {"matchLabels":{"app":"b"}}: field is immutable]'
        ),
    )


async def test_nulls_in_built_in_kinds_are_missing_fields(client: Client) -> None:
    given = configmap("a", creationTimestamp=None, labels=None) | {"binaryData": None}
    created = (await client.post(CONFIGMAPS, given)).document
    assert set(created) == {"apiVersion", "kind", "metadata", "data"}
    assert "labels" not in created["metadata"]


async def test_a_put_that_creates_does_not_mind_a_version_from_elsewhere(client: Client) -> None:
    metadata = {"name": "l", "resourceVersion": "7"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
    url = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    assert (await client.put(f"{url}/l", lease)).code == 201
    posted = await client.post(url, lease | {"metadata": metadata | {"name": "m"}})
    assert (posted.code, posted.message) == (
        500,
        "resourceVersion should not be set on objects to be created",
    )
