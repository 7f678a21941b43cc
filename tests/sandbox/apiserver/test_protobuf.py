import struct

import pytest

from kthena_sandbox.apiserver.errors import ApiError
from kthena_sandbox.apiserver.protobuf import MAGIC, decode_protobuf, messages


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value & (1 << 64) - 1)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _body(version: str, kind: str, message: bytes) -> bytes:
    meta = _field(1, version) + _field(2, kind)
    return MAGIC + _field(1, meta) + _field(2, message) + _field(3, "") + _field(4, "")


def test_a_namespace_as_go_writes_it_with_its_empty_fields() -> None:
    metadata = b"".join(
        (_field(1, "n"), _field(2, ""), _field(3, ""), _field(7, 0), _field(8, _field(1, 0)),
         _field(11, _field(1, "k") + _field(2, "v")))
    )  # fmt: skip
    body = _body("v1", "Namespace", _field(1, metadata) + _field(2, b"") + _field(3, _field(1, "")))
    assert decode_protobuf(body) == {
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "n", "labels": {"k": "v"}}, "spec": {}, "status": {},
    }  # fmt: skip


def test_values_of_every_sort() -> None:
    secret = _field(2, _field(1, "a") + _field(2, b"\xff\x00")) + _field(3, "Opaque")
    assert decode_protobuf(_body("v1", "Secret", secret))["data"] == {"a": "/wA="}
    port = _field(2, "TCP") + _field(3, 80) + _field(4, _field(1, 1) + _field(3, "http"))
    service = decode_protobuf(_body("v1", "Service", _field(2, _field(1, port))))
    assert service["spec"]["ports"] == [{"protocol": "TCP", "port": 80, "targetPort": "http"}]
    lease = _field(2, _field(1, "me") + _field(4, _field(1, 1767323045) + _field(2, 5000)))
    decoded = decode_protobuf(_body("coordination.k8s.io/v1", "Lease", lease))
    assert decoded["spec"] == {
        "holderIdentity": "me", "renewTime": "2026-01-02T03:04:05.000005Z",
    }  # fmt: skip
    options = _field(1, 0) + _field(2, _field(1, "u")) + _field(4, "Background")
    assert decode_protobuf(_body("apps/v1", "DeleteOptions", options)) == {
        "apiVersion": "apps/v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u"}, "propagationPolicy": "Background",
    }  # fmt: skip
    event = decode_protobuf(_body("v1", "Event", _field(8, -1)))
    assert event["count"] == -1


def test_fields_that_stand_for_their_own_fields() -> None:
    volume = _field(1, "v") + _field(2, _field(2, b""))
    pod = decode_protobuf(_body("v1", "Pod", _field(2, _field(1, volume))))
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_a_zero_that_somebody_chose_is_kept() -> None:
    deployment = _field(2, _field(1, 0) + _field(5, 0))
    decoded = decode_protobuf(_body("apps/v1", "Deployment", deployment))
    assert decoded["spec"] == {"replicas": 0}


def test_zeros_of_pointers_and_of_fields_that_go_always_writes() -> None:
    budget = _field(2, _field(1, _field(1, 0) + _field(2, 0)))
    decoded = decode_protobuf(_body("policy/v1", "PodDisruptionBudget", budget))
    assert decoded["spec"] == {"minAvailable": 0}
    container = _field(8, _field(1, "a") + _field(4, 0) + _field(5, 0) + _field(9, 0))
    pod = decode_protobuf(_body("v1", "Pod", _field(3, container)))
    assert pod["status"]["containerStatuses"] == [
        {"name": "a", "ready": False, "restartCount": 0, "started": False}
    ]


def test_a_definition_with_everything_that_json_writes_in_another_way() -> None:
    def schema(*parts: bytes) -> bytes:
        return b"".join(parts)

    def entry(name: str, content: bytes) -> bytes:
        return _field(1, name) + _field(2, content)

    text = schema(_field(5, "string"))
    limits = schema(
        _field(5, "integer"), _varint(11 << 3 | 1) + struct.pack("<d", 0.0),
        _varint(9 << 3 | 1) + struct.pack("<d", 2.5), _field(8, _field(1, "0")),
        _field(20, _field(1, "0")) + _field(20, _field(1, "1")), _field(38, 0),
    )  # fmt: skip
    whole = schema(
        _field(5, "object"),
        _field(29, entry("limits", limits)),
        _field(29, entry("closed", _field(30, _field(1, 0)))),
        _field(29, entry("open", _field(30, _field(1, 1) + _field(2, text)))),
        _field(29, entry("list", _field(24, _field(1, text)))),
        _field(29, entry("tuple", _field(24, _field(2, text) + _field(2, limits)))),
        _field(32, entry("a", _field(2, "b") + _field(2, "c"))),
        _field(32, entry("d", _field(1, text))),
    )
    version = _field(1, "v1") + _field(2, 1) + _field(3, 0) + _field(4, _field(1, whole))
    body = _body(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", _field(2, _field(7, version))
    )
    numbers = {
        "type": "integer", "minimum": 0, "maximum": 2.5, "default": 0, "enum": [0, 1],
        "x-kubernetes-preserve-unknown-fields": False,
    }  # fmt: skip
    assert decode_protobuf(body)["spec"]["versions"] == [{
        "name": "v1", "served": True, "storage": False,
        "schema": {"openAPIV3Schema": {
            "type": "object",
            "properties": {
                "limits": numbers,
                "closed": {"additionalProperties": False},
                "open": {"additionalProperties": {"type": "string"}},
                "list": {"items": {"type": "string"}},
                "tuple": {"items": [{"type": "string"}, numbers]},
            },
            "dependencies": {"a": ["b", "c"], "d": {"type": "string"}},
        }},
    }]  # fmt: skip


def test_times_before_1970_and_those_that_nobody_has_set() -> None:
    lease = _field(2, _field(3, _field(1, -62135596798)) + _field(4, b""))
    decoded = decode_protobuf(_body("coordination.k8s.io/v1", "Lease", lease))
    assert decoded["spec"] == {"acquireTime": "0001-01-01T00:00:02.000000Z"}
    made = _field(1, _field(8, _field(1, -1)))
    metadata = decode_protobuf(_body("v1", "Namespace", made))["metadata"]
    assert metadata == {"creationTimestamp": "1969-12-31T23:59:59Z"}
    with pytest.raises(ApiError):
        decode_protobuf(_body("v1", "Namespace", _field(1, _field(8, _field(1, -(1 << 60))))))


def test_a_user_with_two_values_of_a_sort() -> None:
    extra = _field(5, _field(1, "scopes") + _field(2, _field(1, "a") + _field(1, "b")))
    review = decode_protobuf(
        _body("authorization.k8s.io/v1", "SubjectAccessReview", _field(2, extra))
    )
    assert review["spec"]["extra"] == {"scopes": ["a", "b"]}


def test_fields_of_the_future_are_skipped() -> None:
    assert decode_protobuf(_body("v1", "Namespace", _field(999, "x") + _field(998, 1))) == {
        "apiVersion": "v1", "kind": "Namespace",
    }  # fmt: skip


def test_unknown_kinds_are_an_unsupported_media_type() -> None:
    with pytest.raises(ApiError) as caught:
        decode_protobuf(_body("example.com/v1", "Widget", b""))
    assert caught.value.code == 415


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", MAGIC + b"\x0a\xff", _body("v1", "Namespace", b"\x0a\x7f"), MAGIC + b"\x80"],
)
def test_bodies_that_are_no_protobuf(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        decode_protobuf(body)
    assert caught.value.code in {400, 415}


def test_every_message_that_is_referred_to_is_known() -> None:
    simple = {"string", "bytes", "int", "bool", "double", "meta.v1.Time", "meta.v1.MicroTime",
              "api.resource.Quantity", "util.intstr.IntOrString", "runtime.RawExtension",
              "meta.v1.FieldsV1", "apiextensions.v1.JSON"}  # fmt: skip
    used = {field.type for fields in messages().values() for field in fields.values()}
    assert used - simple <= set(messages())
