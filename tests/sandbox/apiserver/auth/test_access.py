"""Who gets in, as whom, and what he is told otherwise."""

from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, Client, configmap, make_client, pod

from kthena_sandbox.apiserver.auth.aggregation import aggregate

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
BOT = "system:serviceaccount:default:bot"


@pytest.fixture
def client() -> Client:
    return make_client(secure=True)


async def _as_admin(client: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.call("POST", path, body, {"authorization": "Bearer admin"})
    assert answer.code == 201, answer.body
    return answer.document


async def _token(client: Client, **spec: Any) -> str:
    """A token of a new service account `bot`."""
    await _as_admin(client, ACCOUNTS, {"metadata": {"name": "bot"}})
    return await _another_token(client, **spec)


async def _another_token(client: Client, **spec: Any) -> str:
    answered = await _as_admin(client, f"{ACCOUNTS}/bot/token", {"spec": spec})
    return str(answered["status"]["token"])


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def _allow(client: Client, **rule: list[str]) -> None:
    role = {"metadata": {"name": "able"}, "rules": [rule]}
    await _as_admin(client, f"{RBAC}/namespaces/default/roles", role)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "able"}
    subject = {"kind": "ServiceAccount", "name": "bot", "namespace": "default"}
    binding = {"metadata": {"name": "able"}, "roleRef": reference, "subjects": [subject]}
    await _as_admin(client, f"{RBAC}/namespaces/default/rolebindings", binding)


async def test_strangers_see_health_and_version_only(client: Client) -> None:
    assert (await client.get("/readyz")).code == 200
    assert (await client.get("/version")).document["major"] == "1"
    refused = await client.get(CONFIGMAPS)
    assert (refused.code, refused.reason) == (403, "Forbidden")
    assert refused.message == (
        'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API '
        'group "" in the namespace "default"'
    )
    refused = await client.get("/apis")
    assert refused.message == 'forbidden: User "system:anonymous" cannot get path "/apis"'
    refused = await client.get("/nothing/here")
    assert refused.message == 'forbidden: User "system:anonymous" cannot get path "/nothing/here"'


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Bearer a.b.c"])
async def test_bad_credentials_are_401(client: Client, header: str) -> None:
    refused = await client.get(CONFIGMAPS, {"authorization": header})
    assert refused.document == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
    }  # fmt: skip


async def test_other_schemes_are_nobody(client: Client) -> None:
    refused = await client.get(CONFIGMAPS, {"authorization": "Basic YTpi"})
    assert (refused.code, refused.reason) == (403, "Forbidden")


async def test_a_service_account_does_what_its_role_allows(client: Client) -> None:
    token = _bearer(await _token(client))
    path = "/apis/apps/v1/deployments"
    refused = await client.get(path, token)
    assert refused.message == (
        f'deployments.apps is forbidden: User "{BOT}" cannot list resource "deployments" in API '
        'group "apps" at the cluster scope'
    )
    assert refused.document["details"] == {"group": "apps", "kind": "deployments"}
    await _allow(client, apiGroups=[""], resources=["configmaps"], verbs=["get", "create", "patch"])
    created = await client.call("POST", CONFIGMAPS, configmap("a"), token)
    assert created.code == 201
    assert (await client.get(f"{CONFIGMAPS}/a", token)).code == 200
    refused = await client.call("DELETE", f"{CONFIGMAPS}/a", None, token)
    assert refused.message == (
        f'configmaps "a" is forbidden: User "{BOT}" cannot delete resource "configmaps" in API '
        'group "" in the namespace "default"'
    )
    for verb, query in (("list", ""), ("watch", "?watch=1"), ("watch", "?watch=true&limit=1")):
        refused = await client.get(CONFIGMAPS + query, token)
        assert f"cannot {verb} resource" in refused.message
    assert (
        "cannot deletecollection" in (await client.call("DELETE", CONFIGMAPS, None, token)).message
    )


async def test_a_selector_by_name_is_allowed_by_name(client: Client) -> None:
    token = _bearer(await _token(client))
    names = {"resourceNames": ["a"], "verbs": ["list"]}
    await _allow(client, apiGroups=[""], resources=["configmaps"], **names)
    assert (await client.get(CONFIGMAPS, token)).code == 403
    assert (await client.get(f"{CONFIGMAPS}?fieldSelector=metadata.name%3Da", token)).code == 200
    assert (await client.get(f"{CONFIGMAPS}?fieldSelector=metadata.name%3Db", token)).code == 403


async def test_a_role_that_is_missing_is_told(client: Client) -> None:
    token = _bearer(await _token(client))
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "gone"}
    subject = {"kind": "ServiceAccount", "name": "bot", "namespace": "default"}
    binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [subject]}
    await _as_admin(client, f"{RBAC}/clusterrolebindings", binding)
    assert (await client.get("/api/v1/nodes", token)).message.endswith(
        'at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'
    )


async def test_tokens_expire(client: Client) -> None:
    token = _bearer(await _token(client, expirationSeconds=600))
    assert (await client.get("/api", token)).code == 200
    client.clock.advance(599)
    assert (await client.get("/api", token)).code == 200
    client.clock.advance(1)
    assert (await client.get("/api", token)).code == 401


async def test_tokens_go_with_their_account(client: Client) -> None:
    token = _bearer(await _token(client))
    admin = {"authorization": "Bearer admin"}
    assert (await client.call("DELETE", f"{ACCOUNTS}/bot", None, admin)).code == 200
    assert (await client.get("/api", token)).code == 401
    renewed = _bearer(await _token(client))
    assert (await client.get("/api", renewed)).code == 200
    assert (await client.get("/api", token)).code == 401


async def test_tokens_go_with_their_pod(client: Client) -> None:
    pods = "/api/v1/namespaces/default/pods"
    made = await _as_admin(client, pods, pod("p", serviceAccountName="bot"))
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": made["metadata"]["uid"]}
    token = _bearer(await _token(client, boundObjectRef=bound))
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    asked = await client.call(
        "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, token
    )
    info = asked.document["status"]["userInfo"]
    extra = info.pop("extra")
    assert extra["authentication.kubernetes.io/pod-name"] == ["p"]
    assert extra["authentication.kubernetes.io/pod-uid"] == [made["metadata"]["uid"]]
    assert extra["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")
    assert info["groups"] == [
        "system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated",
    ]  # fmt: skip
    admin = {"authorization": "Bearer admin"}
    assert (await client.call("DELETE", f"{pods}/p", None, admin)).code == 200
    assert (await client.get("/api", token)).code == 401


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({"expirationSeconds": 60}, 422,
         ('TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 60: '
          "may not specify a duration less than 10 minutes")),
        ({"boundObjectRef": {"apiVersion": "v1", "kind": "Service", "name": "a"}}, 400,
         "cannot bind token to object of type /v1, Kind=Service"),
        ({"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "a"}}, 404,
         'secrets "a" not found'),
    ],
)  # fmt: skip
async def test_requests_for_tokens_that_are_refused(
    client: Client, spec: dict[str, Any], code: int, message: str
) -> None:
    await _as_admin(client, ACCOUNTS, {"metadata": {"name": "bot"}})
    admin = {"authorization": "Bearer admin"}
    refused = await client.call("POST", f"{ACCOUNTS}/bot/token", {"spec": spec}, admin)
    assert (refused.code, refused.message) == (code, message)


async def test_a_token_for_another_pod_or_account_is_refused(client: Client) -> None:
    await _as_admin(client, ACCOUNTS, {"metadata": {"name": "bot"}})
    await _as_admin(client, "/api/v1/namespaces/default/pods", pod("p"))
    admin = {"authorization": "Bearer admin"}
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "p"}
    body = {"spec": {"boundObjectRef": bound}}
    refused = await client.call("POST", f"{ACCOUNTS}/bot/token", body, admin)
    assert 'cannot bind token for serviceaccount "bot" to pod running' in refused.message
    await _as_admin(client, "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
    body = {
        "spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": "x"}}
    }
    refused = await client.call("POST", f"{ACCOUNTS}/bot/token", body, admin)
    assert (refused.code, refused.reason) == (409, "Conflict")
    assert "the UID in the bound object reference (x) does not match" in refused.message


async def test_a_token_for_others_does_not_open_the_api(client: Client) -> None:
    token = await _token(client, audiences=["vault"])
    assert (await client.get("/api", _bearer(token))).code == 401
    reviews = "/apis/authentication.k8s.io/v1/tokenreviews"
    found = await _as_admin(
        client, reviews, {"spec": {"token": token, "audiences": ["vault", "x"]}}
    )
    status = found["status"]
    assert (status["authenticated"], status["audiences"]) == (True, ["vault"])
    assert status["user"]["username"] == BOT
    found = await _as_admin(client, reviews, {"spec": {"token": token}})
    assert found["status"] == {
        "user": {},
        "error": 'token audiences ["vault"] is invalid for the target audiences '
        '["https://kubernetes.default.svc.cluster.local"]',
    }


async def test_acting_as_others(client: Client) -> None:
    admin = {"authorization": "Bearer admin"}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    asked = await client.call("POST", path, review, admin | {"impersonate-user": BOT})
    assert asked.document["status"]["userInfo"] == {
        "username": BOT,
        "groups": [
            "system:serviceaccounts",
            "system:serviceaccounts:default",
            "system:authenticated",
        ],
    }
    more = {"impersonate-user": "alice", "impersonate-group": "devs,ops", "impersonate-uid": "7",
            "impersonate-extra-scopes": "a"}  # fmt: skip
    asked = await client.call("POST", path, review, admin | more)
    assert asked.document["status"]["userInfo"] == {
        "username": "alice", "uid": "7", "groups": ["devs", "ops", "system:authenticated"],
        "extra": {"scopes": ["a"]},
    }  # fmt: skip
    alone = await client.get("/api", admin | {"impersonate-group": "devs"})
    assert (alone.code, alone.headers["content-type"]) == (500, "text/plain; charset=utf-8")
    token = _bearer(await _token(client))
    refused = await client.get("/api", token | {"impersonate-user": "alice"})
    assert refused.message == (
        f'users "alice" is forbidden: User "{BOT}" cannot impersonate resource "users" in API group '
        '"" at the cluster scope'
    )
    refused = await client.get(
        "/api", admin | {"impersonate-user": "alice", "impersonate-group": "g"}
    )
    assert refused.code == 200


async def test_access_reviews(client: Client) -> None:
    path = "/apis/authorization.k8s.io/v1"
    await _as_admin(client, ACCOUNTS, {"metadata": {"name": "bot"}})
    await _allow(client, apiGroups=[""], resources=["pods"], verbs=["get"])
    about = {"verb": "get", "resource": "pods", "namespace": "default"}
    spec = {"user": BOT, "resourceAttributes": about}
    found = await _as_admin(client, f"{path}/subjectaccessreviews", {"spec": spec})
    assert found["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "able/default" of Role "able" to '
        'ServiceAccount "bot/default"',
    }
    spec = {"user": BOT, "resourceAttributes": about | {"namespace": "other"}}
    found = await _as_admin(client, f"{path}/subjectaccessreviews", {"spec": spec})
    assert found["status"] == {"allowed": False}
    local = f"{path}/namespaces/default/localsubjectaccessreviews"
    admin = {"authorization": "Bearer admin"}
    refused = await client.call("POST", local, {"spec": spec}, admin)
    assert "must match metadata.namespace" in refused.message
    spec = {"user": BOT, "nonResourceAttributes": {"verb": "get", "path": "/metrics"}}
    found = await _as_admin(client, f"{path}/subjectaccessreviews", {"spec": spec})
    assert found["status"] == {"allowed": False}
    refused = await client.call(
        "POST", f"{path}/subjectaccessreviews", {"spec": {"user": "a"}}, admin
    )
    assert refused.code == 422
    token = _bearer(await _another_token(client))
    found = (await client.call("POST", f"{path}/selfsubjectaccessreviews",
                               {"spec": {"resourceAttributes": about}}, token)).document  # fmt: skip
    assert found["status"]["allowed"] is True
    rules = await client.call(
        "POST", f"{path}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, token
    )
    status = rules.document["status"]
    assert {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]} in status["resourceRules"]
    assert {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version",
                                                  "/version/"]} in status["nonResourceRules"]  # fmt: skip
    assert status["incomplete"] is False


async def test_default_roles_are_made_of_their_parts(client: Client) -> None:
    admin = {"authorization": "Bearer admin"}
    roles = f"{RBAC}/clusterroles"
    view = (await client.get(f"{roles}/view", admin)).document
    edit = (await client.get(f"{roles}/edit", admin)).document
    assert view["rules"][0]["verbs"] == ["get", "list", "watch"]
    assert all(rule in edit["rules"] for rule in view["rules"])
    assert not any("secrets" in rule["resources"] for rule in view["rules"])
    assert any("secrets" in rule["resources"] for rule in edit["rules"])
    label = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    rule = {"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}
    await _as_admin(client, roles, {"metadata": {"name": "w", "labels": label}, "rules": [rule]})
    aggregate(client.api.cluster)
    for name in ("view", "edit", "admin"):
        assert rule in (await client.get(f"{roles}/{name}", admin)).document["rules"]


async def test_components_of_kubernetes_have_their_roles(client: Client) -> None:
    admin = {"authorization": "Bearer admin"}
    bindings = f"{RBAC}/clusterrolebindings"
    jobs = (await client.get(f"{bindings}/system:controller:job-controller", admin)).document
    assert jobs["subjects"] == [
        {"kind": "ServiceAccount", "name": "job-controller", "namespace": "kube-system"}
    ]
    nodes = (await client.get(f"{bindings}/system:node", admin)).document
    assert "subjects" not in nodes
    locks = f"{RBAC}/namespaces/kube-system/roles/system::leader-locking-kube-scheduler"
    assert (await client.get(locks, admin)).document["rules"][:2] == [
        {"verbs": ["watch"], "apiGroups": [""], "resources": ["configmaps"]},
        {"verbs": ["get", "update"], "apiGroups": [""], "resources": ["configmaps"],
         "resourceNames": ["kube-scheduler"]},
    ]  # fmt: skip
    reader = "system::extension-apiserver-authentication-reader"
    path = f"{RBAC}/namespaces/kube-system/rolebindings/{reader}"
    bound = (await client.get(path, admin)).document
    assert bound["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "Role",
        "name": "extension-apiserver-authentication-reader",
    }  # fmt: skip
    assert bound["subjects"] == [
        {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}
        for name in ("system:kube-controller-manager", "system:kube-scheduler")
    ]


async def test_the_keys_are_published(client: Client) -> None:
    token = _bearer(await _token(client))
    found = (await client.get("/openid/v1/jwks", token)).document
    assert [key["alg"] for key in found["keys"]] == ["ES256"]
    described = (await client.get("/.well-known/openid-configuration", token)).document
    assert described["issuer"] == "https://kubernetes.default.svc.cluster.local"


async def test_nobody_grants_what_he_does_not_have(client: Client) -> None:
    token = _bearer(await _token(client))
    rbac = "rbac.authorization.k8s.io"
    rule = {
        "apiGroups": [rbac],
        "resources": ["roles", "rolebindings"],
        "verbs": ["create", "update"],
    }
    await _allow(client, **rule)
    roles = f"{RBAC}/namespaces/default/roles"
    pods = {"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get"]}
    refused = await client.call(
        "POST", roles, {"metadata": {"name": "r"}, "rules": [pods, rule]}, token
    )
    assert (refused.code, refused.reason) == (403, "Forbidden")
    assert refused.message == (
        f'roles.rbac.authorization.k8s.io "r" is forbidden: user "{BOT}" '
        '(groups=["system:serviceaccounts" "system:serviceaccounts:default" "system:authenticated"]) '
        "is attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
    )
    own = await client.call("POST", roles, {"metadata": {"name": "r"}, "rules": [rule]}, token)
    assert own.code == 201
    reference = {"apiGroup": rbac, "kind": "ClusterRole", "name": "view"}
    subject = {"kind": "ServiceAccount", "name": "bot", "namespace": "default"}
    binding = {"metadata": {"name": "more"}, "roleRef": reference, "subjects": [subject]}
    path = f"{RBAC}/namespaces/default/rolebindings"
    refused = await client.call("POST", path, binding, token)
    assert "is attempting to grant RBAC permissions not currently held" in refused.message
    unknown = binding | {"roleRef": reference | {"name": "nothing"}}
    assert (await client.call("POST", path, unknown, token)).code == 404
    bind = {
        "apiGroups": [rbac],
        "resources": ["clusterroles"],
        "verbs": ["bind"],
        "resourceNames": ["view"],
    }
    able = {"metadata": {"name": "able"}, "rules": [rule, bind]}
    admin = {"authorization": "Bearer admin"}
    assert (await client.call("PUT", f"{roles}/able", able, admin)).code == 200
    assert (await client.call("POST", path, binding, token)).code == 201


async def test_an_apply_that_creates_needs_the_right_to_create(client: Client) -> None:
    token = await _token(client)
    await _allow(client, apiGroups=[""], resources=["configmaps"], verbs=["patch"])
    headers = _bearer(token) | {"content-type": "application/apply-patch+yaml"}
    url = f"{CONFIGMAPS}/a?fieldManager=bot"
    refused = await client.call("PATCH", url, configmap("a"), headers)
    assert (refused.code, refused.message) == (
        403,
        (
            f'configmaps "a" is forbidden: User "{BOT}" cannot create resource "configmaps" in API '
            'group "" in the namespace "default"'
        ),
    )
    await _as_admin(client, CONFIGMAPS, configmap("a"))
    assert (await client.call("PATCH", url, configmap("a"), headers)).code == 200
