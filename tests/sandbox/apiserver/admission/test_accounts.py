from tests.sandbox.apiserver.asgi_client import PODS, Client, pod

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


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


async def test_without_the_account_nothing_is_added(client: Client) -> None:
    spec = (await client.post(PODS, pod("p"))).document["spec"]
    assert "volumes" not in spec
