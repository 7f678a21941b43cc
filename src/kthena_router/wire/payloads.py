"""The JSON bodies that the router itself answers with, in OpenAI's shapes."""

from collections.abc import Iterable

import msgspec

from kthena_router.errors import RouterError


class ErrorDetail(msgspec.Struct, frozen=True):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(msgspec.Struct, frozen=True):
    """OpenAI API reference, error object."""

    error: ErrorDetail


class Model(msgspec.Struct, frozen=True):
    """OpenAI API reference, model object; `created` is not known to a router."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "kthena"


class ModelList(msgspec.Struct, frozen=True):
    object: str
    data: list[Model]


def error_body(error: RouterError) -> bytes:
    """Return the body that tells a client of *error*."""
    detail = ErrorDetail(error.message, error.type, error.param or None, error.code or None)
    return msgspec.json.encode(ErrorBody(detail))


def model_list(names: Iterable[str]) -> bytes:
    """Return the body of `GET /v1/models`."""
    return msgspec.json.encode(ModelList("list", [Model(name) for name in names]))


def single_model(name: str) -> bytes:
    """Return the body of `GET /v1/models/{name}`."""
    return msgspec.json.encode(Model(name))
