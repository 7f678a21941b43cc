import pytest
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, PODS, Client, configmap, pod

from kthena_sandbox.apiserver.errors import ApiError
from kthena_sandbox.apiserver.recognising import check_kind
from kthena_sandbox.schema.builtin import BUILTIN

CONFIG_MAP = next(kind for kind in BUILTIN if kind.kind == "ConfigMap")
HEADER = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string '
    '"json:\\"kind,omitempty\\"" }'
)
UNKNOWN = "the object provided is unrecognized (must be of type ConfigMap): "


@pytest.mark.parametrize(
    ("body", "raw", "message"),
    [
        (["x"], b'["x"]',
         (f"{UNKNOWN}couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of "
         f"type {HEADER} (5b2278225d)")),
        ({"apiVersion": 3, "kind": "ConfigMap"}, b'{"apiVersion": 3, "kind": "ConfigMap"}',
         (f"{UNKNOWN}couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct "
         'field .apiVersion of type string ({"apiVersion": 3, "kind": "Con ...)')),
        ({"apiVersion": "v1", "kind": "Other"}, b"",
         ('Other in version "v1" cannot be handled as a ConfigMap: no kind "Other" is registered for version "v1" '
         'in scheme "pkg/runtime/scheme.go:110"')),
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, b"",
         ('Deployment in version "v1" cannot be handled as a ConfigMap: converting (v1.Deployment) to '
         "(core.ConfigMap): unknown conversion")),
    ],
)  # fmt: skip
def test_bodies_of_no_kind_or_another(body: object, raw: bytes, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_kind(CONFIG_MAP, body, raw)
    assert (refused.value.code, refused.value.message) == (400, message)


def test_a_built_in_kind_need_not_be_said() -> None:
    assert check_kind(CONFIG_MAP, {"apiVersion": None, "data": {}}) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "data": {},
    }


async def test_a_null_in_a_map_is_an_empty_text(client: Client) -> None:
    given = configmap("a", annotations={"note": None}) | {"data": {"a": None}}
    made = (await client.post(CONFIGMAPS, given)).document
    assert (made["metadata"]["annotations"], made["data"]) == ({"note": ""}, {"a": ""})


async def test_what_is_empty_in_metadata_belongs_to_nobody(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("a", annotations={"note": "x"}))
    left = await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"annotations": {"note": None}}})
    assert "annotations" not in left.document["metadata"]
    assert "f:metadata" not in str(left.document["metadata"].get("managedFields"))


async def test_an_update_is_asked_about_its_labels_more_than_once(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("a"))
    answer = await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"labels": {"a b": "x"}}})
    causes = answer.document["details"]["causes"]
    assert [cause["field"] for cause in causes] == ["metadata.labels"] * 4
    assert answer.message.count("Invalid value") == 1


async def test_times_that_are_not_set_are_null(client: Client) -> None:
    await client.post(PODS, pod("p"))
    condition = {"type": "Ready", "status": "True", "message": ""}
    change = {"status": {"conditions": [condition]}}
    answer = await client.patch(f"{PODS}/p/status", change)
    assert answer.document["status"]["conditions"] == [
        {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": None}
    ]


async def test_pods_count_the_changes_of_their_specification(client: Client) -> None:
    made = (await client.post(PODS, pod("p"))).document
    assert made["metadata"]["generation"] == 1
    change = {"spec": {"activeDeadlineSeconds": 30}}
    changed = (await client.patch(f"{PODS}/p", change)).document
    assert changed["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"activeDeadlineSeconds": -1},
         ("[spec.activeDeadlineSeconds: Invalid value: -1: must be between 1 and 2147483647, inclusive, "
          "spec.activeDeadlineSeconds: Invalid value: -1: must be between 0 and 2147483647, inclusive]")),
        ({"tolerations": [{"operator": "Exists"}]},
         "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"),
        ({"containers": []},
         "[spec.containers: Required value, spec.containers: Forbidden: pod updates may not add or remove containers]"),
    ],
)  # fmt: skip
async def test_what_of_a_pod_may_not_change(client: Client, change: object, why: str) -> None:
    await client.post(PODS, pod("p"))
    answer = await client.patch(f"{PODS}/p", {"spec": change})
    assert (answer.code, answer.message) == (422, f'Pod "p" is invalid: {why}')


async def test_roles_without_rules_have_null(client: Client) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
    made = (await client.post(roles, {"metadata": {"name": "r"}, "rules": []})).document
    assert made["rules"] is None
    assert made["metadata"]["managedFields"][0]["fieldsV1"] == {"f:rules": {}}


async def test_an_apply_that_makes_no_object(client: Client) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}} | {
        "binaryData": {"x": "%%"}
    }
    kind = "apply-patch+yaml"
    answer = await client.patch(f"{CONFIGMAPS}/a?fieldManager=anna", config, kind)
    assert (answer.code, answer.message) == (
        500,
        (
            "failed to convert new object (/a; /v1, Kind=ConfigMap) to proper version: unable to convert "
            "unstructured object to /v1, Kind=ConfigMap: error decoding from json: illegal base64 data at input byte 0"
        ),
    )


async def test_the_labels_of_a_job_are_those_of_its_template_and_nobodys(client: Client) -> None:
    template = {"spec": pod("p")["spec"] | {"restartPolicy": "Never"}}
    given = {"metadata": {"name": "j"}, "spec": {"template": template}}
    made = (await client.post("/apis/batch/v1/namespaces/default/jobs", given)).document
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"]
    fields = made["metadata"]["managedFields"][0]["fieldsV1"]
    assert (made["spec"]["manualSelector"], "f:metadata" in fields) == (False, False)
