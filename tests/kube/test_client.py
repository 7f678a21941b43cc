import pytest

from kthena_router.kube.client import (
    Conflict,
    Forbidden,
    Gone,
    KubeError,
    Missing,
    Unauthorized,
    Unavailable,
    Unreadable,
    decoded,
    error_for,
)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, KubeError),
        (401, Unauthorized),
        (403, Forbidden),
        (404, Missing),
        (409, Conflict),
        (410, Gone),
        (422, KubeError),
        (429, Unavailable),
        (500, KubeError),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
def test_each_status_has_its_error(status: int, expected: type[KubeError]) -> None:
    error = error_for(status, "why")

    assert (expected, status, "why") == (type(error), error.status, str(error))


@pytest.mark.parametrize("content", [b"<html>", b"", b'{"a":"\xff"}', b"[]"])
def test_answer_that_is_not_the_apis_is_told_from_none(content: bytes) -> None:
    with pytest.raises(Unreadable, match="GET /x: an answer that cannot be read"):
        decoded(content, dict[str, str], "GET /x")
