import pytest
from tests.sandbox.apiserver.asgi_client import PODS, Client, make_client, pod

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


@pytest.fixture
def client() -> Client:
    return make_client(accounts=True)


async def test_a_pod_gets_the_token_of_its_account(client: Client) -> None:
    assert (await client.post(ACCOUNTS, {"metadata": {"name": "default"}})).code == 201
    spec = (await client.post(PODS, pod("p"))).document["spec"]
    (volume,) = spec["volumes"]
    name = volume["name"]
    assert name.startswith("kube-api-access-")
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    assert spec["containers"][0]["volumeMounts"] == [
        {
            "name": name,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            "readOnly": True,
        }
    ]
    assert [list(source) for source in volume["projected"]["sources"]] == [
        ["serviceAccountToken"], ["configMap"], ["downwardAPI"],
    ]  # fmt: skip


async def test_who_wants_no_token_gets_none(client: Client) -> None:
    quiet = {"metadata": {"name": "quiet"}, "automountServiceAccountToken": False}
    for body in ({"metadata": {"name": "default"}}, quiet):
        assert (await client.post(ACCOUNTS, body)).code == 201
    for more in ({"automountServiceAccountToken": False}, {"serviceAccountName": "quiet"}):
        spec = (await client.post(PODS, pod("p", **more))).document["spec"]
        assert "volumes" not in spec
        assert "volumeMounts" not in spec["containers"][0]
        assert (await client.delete(f"{PODS}/p")).code == 200
    mount = {"name": "own", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    container = {"name": "main", "image": "i", "volumeMounts": [mount]}
    own = pod("p", containers=[container], volumes=[{"name": "own", "emptyDir": {}}])
    spec = (await client.post(PODS, own)).document["spec"]
    assert [volume["name"] for volume in spec["volumes"]] == ["own"]


async def test_secrets_for_images_come_from_the_account(client: Client) -> None:
    body = {"metadata": {"name": "default"}, "imagePullSecrets": [{"name": "registry"}]}
    assert (await client.post(ACCOUNTS, body)).code == 201
    spec = (await client.post(PODS, pod("p"))).document["spec"]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    own = pod("q", imagePullSecrets=[{"name": "own"}])
    assert (await client.post(PODS, own)).document["spec"]["imagePullSecrets"] == [{"name": "own"}]


async def test_a_pod_without_its_account_is_refused(client: Client) -> None:
    refused = await client.post(PODS, pod("p"))
    assert (refused.code, refused.reason, refused.message) == (
        403, "Forbidden",
        ('pods "p" is forbidden: error looking up service account default/default: '
         'serviceaccount "default" not found'),
    )  # fmt: skip
    assert (await client.post(ACCOUNTS, {"metadata": {"name": "default"}})).code == 201
    assert (await client.post(PODS, pod("p"))).code == 201
    for name in ("serviceAccountName", "serviceAccount"):
        refused = await client.post(PODS, pod("q", **{name: "nobody"}))
        assert refused.message == (
            'pods "q" is forbidden: error looking up service account default/nobody: '
            'serviceaccount "nobody" not found'
        )


async def test_a_refused_name_that_would_be_generated_is_its_beginning(client: Client) -> None:
    refused = await client.post(PODS, pod("") | {"metadata": {"generateName": "web-"}})
    assert refused.message == (
        'pods "web-" is forbidden: error looking up service account default/default: '
        'serviceaccount "default" not found'
    )
    assert refused.document["details"] == {"kind": "pods", "name": "web-"}


async def test_without_the_plugin_a_pod_needs_no_account() -> None:
    spec = (await make_client().post(PODS, pod("p"))).document["spec"]
    assert not {"volumes", "serviceAccount", "serviceAccountName"} & set(spec)
