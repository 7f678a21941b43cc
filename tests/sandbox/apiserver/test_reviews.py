"""What reviews answer and refuse, and what is said to those who ask in somebody else's name."""

from tests.sandbox.apiserver.asgi_client import Client

_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_PODS = {"verb": "get", "resource": "pods", "namespace": "default"}


def _review(**spec: object) -> dict[str, object]:
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


async def test_all_that_is_wrong_with_a_review_is_told_without_its_kind(client: Client) -> None:
    answer = await client.post(_REVIEWS, _review())
    assert answer.code == 422
    assert answer.document["message"] == (
        '.authorization.k8s.io "" is invalid: [spec.resourceAttributes: Invalid value: null: exactly one of '
        "nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: "
        '"": at least one of user or group must be specified]'
    )
    assert answer.document["details"]["group"] == "authorization.k8s.io"
    assert "kind" not in answer.document["details"]


async def test_a_review_is_about_one_thing(client: Client) -> None:
    answer = await client.post(
        _REVIEWS, _review(user="u", resourceAttributes=_PODS, nonResourceAttributes={"path": "/"})
    )
    assert [cause["message"] for cause in answer.document["details"]["causes"]] == [
        'Invalid value: {"Path":"/","Verb":""}: cannot be specified in combination with resourceAttributes'
    ]


async def test_a_review_has_no_name(client: Client) -> None:
    named = _review(user="u", resourceAttributes=_PODS) | {"metadata": {"name": "n"}}
    answer = await client.post(_REVIEWS, named)
    assert answer.code == 422
    assert [cause["field"] for cause in answer.document["details"]["causes"]] == ["metadata"]


async def test_who_asked_is_noted_in_a_review(client: Client) -> None:
    answer = await client.post(
        f"{_REVIEWS}?fieldManager=m", _review(user="u", resourceAttributes=_PODS)
    )
    assert answer.code == 201
    assert answer.document["status"] == {"allowed": False}
    assert [entry["manager"] for entry in answer.document["metadata"]["managedFields"]] == ["m"]


async def test_unknown_fields_of_reviews(client: Client) -> None:
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "spec": {}}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    answer = await client.post(path, asked)
    assert answer.headers["warning"] == '299 - "unknown field \\"spec\\""'
    assert answer.document.keys() == {"kind", "apiVersion", "metadata", "status"}
    assert (await client.post(f"{path}?fieldValidation=Strict", asked)).code == 400


async def test_labels_by_values_need_values(client: Client) -> None:
    selector = {"requirements": [{"key": "a", "operator": "In"}]}
    answer = await client.post(
        _REVIEWS, _review(user="u", resourceAttributes=_PODS | {"labelSelector": selector})
    )
    assert [cause["field"] for cause in answer.document["details"]["causes"]] == [
        "spec.resourceAttributes.labelSelector.requirements[0].values"
    ]


async def test_groups_of_nobody(client: Client) -> None:
    answer = await client.get("/api/v1/namespaces", headers={"impersonate-group": "x"})
    assert (answer.code, answer.body.decode()) == (
        500,
        'Internal Server Error: "/api/v1/namespaces": requested [{Group  x    }] without impersonating a user\n',
    )
