import pytest
from tests.sandbox.apiserver.asgi_client import Client

from kthena_sandbox.apiserver.errors import ApiError
from kthena_sandbox.apiserver.negotiation import Form, decode, encode, negotiate

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form()),
        ("*/*", Form()),
        ("application/json", Form()),
        ("application/yaml", Form("application/yaml")),
        ("application/vnd.kubernetes.protobuf,application/json", Form()),
        (f"{TABLE},application/json", Form("application/json", "Table", "v1")),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
         Form("application/json", "Table", "v1beta1")),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Form()),
        (("application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
          "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"),
         Form("application/json", "PartialObjectMetadata", "v1")),
        ("application/yaml;q=0.5, application/json;q=0.9", Form()),
    ],
)  # fmt: skip
def test_the_first_form_that_can_be_written_is_chosen(accept: str, form: Form) -> None:
    assert negotiate(accept) == form


def test_what_cannot_be_written_is_not_acceptable() -> None:
    with pytest.raises(ApiError) as caught:
        negotiate("application/vnd.kubernetes.protobuf")
    assert (caught.value.code, caught.value.reason) == (406, "NotAcceptable")


def test_yaml_bodies_keep_times_as_text() -> None:
    body = b"spec:\n  renewTime: 2026-01-02T03:04:05Z\n  on: 1\n"
    assert decode(body, "application/yaml")["spec"]["renewTime"] == "2026-01-02T03:04:05Z"


def test_bodies_in_other_media_types_are_refused() -> None:
    with pytest.raises(ApiError) as caught:
        decode(b"<a/>", "application/xml")
    assert (caught.value.code, caught.value.reason) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b'{"a": NaN}'])
def test_bodies_that_are_no_json_are_bad_requests(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        decode(body, "application/json; charset=utf-8")
    assert caught.value.code == 400


@pytest.mark.parametrize("media_type", ["application/json", "application/yaml"])
def test_bodies_that_are_nested_without_end_are_bad_requests(media_type: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode(b'{"a": ' * 200_000 + b"1" + b"}" * 200_000, media_type)
    assert caught.value.code == 400
    assert "exceeded max depth" in str(caught.value)


def test_answers_in_yaml() -> None:
    assert encode({"b": 1, "a": ["x"]}, Form("application/yaml")) == b"a:\n- x\nb: 1\n"


async def test_a_review_is_no_table(client: Client) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
              "spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}  # fmt: skip
    refused = await client.call("POST", path, review, {"accept": TABLE})
    assert refused.code == 406
    answered = await client.call("POST", path, review, {"accept": f"{TABLE},application/json"})
    assert (answered.code, answered.document["status"]["allowed"]) == (201, True)
    metadata = TABLE.replace("Table", "PartialObjectMetadata")
    bare = await client.call("POST", path, review, {"accept": metadata})
    assert bare.document["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/api/v1/pods?timeout=invalid", 'time: invalid duration "invalid"'),
        ("/version?timeout=10", 'time: missing unit in duration "10"'),
        ("/api/v1/pods?timeout=34s", ""),
        ("/api/v1/pods?timeout=", ""),
    ],
)
async def test_the_time_that_a_request_may_take(client: Client, path: str, why: str) -> None:
    answered = await client.get(path)
    assert answered.code == (400 if why else 200)
    if why:
        text = f"invalid timeout specified in the request URL - {why}"
        assert answered.document["message"] == text
