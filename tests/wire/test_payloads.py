"""The router's own bodies, as OpenAI's clients read them."""

import json

import pytest

from kthena_router.errors import (
    AllEndpointsFailed,
    BadResponse,
    BodyTooLarge,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    FeatureMissing,
    HeaderTimeout,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    ModelMissing,
    ModelNotFound,
    NoEndpoints,
    NotFound,
    NotReady,
    RequestTimeout,
    ResponseCut,
    ResponseStalled,
    RouterError,
    UpstreamTimedOut,
)
from kthena_router.wire.payloads import error_body, model_list, single_model


@pytest.mark.parametrize(
    ("error", "status", "kind", "param", "code"),
    [
        (InvalidRequest, 400, "invalid_request_error", None, None),
        (ModelMissing, 400, "invalid_request_error", "model", "missing_required_parameter"),
        (BodyTooLarge, 413, "invalid_request_error", None, "request_too_large"),
        (RequestTimeout, 408, "invalid_request_error", None, "request_timeout"),
        (NotFound, 404, "invalid_request_error", None, "not_found"),
        (MethodNotAllowed, 405, "invalid_request_error", None, "method_not_allowed"),
        (ModelNotFound, 404, "invalid_request_error", "model", "model_not_found"),
        (FeatureMissing, 501, "server_error", None, "not_implemented"),
        (NoEndpoints, 503, "server_error", None, "no_endpoints"),
        (NotReady, 503, "server_error", None, "not_ready"),
        (AllEndpointsFailed, 502, "server_error", None, "upstream_failed"),
        (UpstreamTimedOut, 504, "server_error", None, "upstream_timeout"),
        (ConnectFailed, 502, "server_error", None, "upstream_failed"),
        (ConnectTimeout, 504, "server_error", None, "upstream_timeout"),
        (HeaderTimeout, 504, "server_error", None, "upstream_timeout"),
        (ConnectionLost, 502, "server_error", None, "upstream_failed"),
        (BadResponse, 502, "server_error", None, "upstream_failed"),
        (ResponseCut, 502, "server_error", None, "upstream_failed"),
        (ResponseStalled, 504, "server_error", None, "upstream_timeout"),
        (InternalError, 500, "server_error", None, "internal_error"),
    ],
)
def test_every_error_has_openais_shape(
    error: type[RouterError], status: int, kind: str, param: str | None, code: str | None
) -> None:
    assert status == error.status
    assert {
        "error": {"message": 'a "b"\n', "type": kind, "param": param, "code": code}
    } == json.loads(error_body(error('a "b"\n')))


def test_only_what_may_pass_soon_names_a_time_to_try_again() -> None:
    assert [0, 0, 5, 2] == [
        error.retry_after for error in (RouterError, AllEndpointsFailed, NoEndpoints, NotReady)
    ]


def test_models_have_openais_shape() -> None:
    one = {"id": "a/b", "object": "model", "created": 0, "owned_by": "kthena"}
    assert one == json.loads(single_model("a/b"))
    assert {"object": "list", "data": [one, {**one, "id": "é"}]} == json.loads(
        model_list(["a/b", "é"])
    )
    assert b'{"object":"list","data":[]}' == model_list([])
