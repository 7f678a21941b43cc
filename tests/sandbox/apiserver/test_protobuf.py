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
              "meta.v1.FieldsV1"}  # fmt: skip
    used = {field.type for fields in messages().values() for field in fields.values()}
    assert used - simple <= set(messages())
