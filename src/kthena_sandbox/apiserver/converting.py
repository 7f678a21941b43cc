"""Asks the webhook of a definition to convert objects (apiextensions.k8s.io/v1, ConversionReview)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kthena_sandbox.apiserver.admission.webhooks import CallFailed, post
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.conversions import Unconverted
from kthena_sandbox.apiserver.errors import ApiError

Document = dict[str, Any]
_VERSIONS = ("v1", "v1beta1")
_SECONDS = 30
_BATCH = 500
# Names that a converter must not change, in the order of the checks.
_IDENTITY = ("name", "namespace", "uid")


class _Refused(Exception):
    """The webhook did not do what it was asked; the text goes on after its name."""


async def convert(cluster: Cluster, needed: Unconverted) -> None:
    """Have objects converted, and remember what they are. Raises ApiError 500."""
    answered: list[Document] = []
    for start in range(0, len(needed.documents), _BATCH):
        answered += await _convert(cluster, needed, needed.documents[start : start + _BATCH])
    for given, found in zip(needed.documents, answered, strict=True):
        cluster.conversions.note(given, needed.version, found)


async def _convert(
    cluster: Cluster, needed: Unconverted, documents: Sequence[Document]
) -> list[Document]:
    config = needed.resource.conversion or {}
    try:
        answered = await _asked(cluster, config, documents, needed.version)
        for given, found in zip(documents, answered, strict=True):
            _check_identity(given["metadata"], found["metadata"])
    except (CallFailed, _Refused) as error:
        version, kind = documents[0].get("apiVersion", ""), needed.resource.kind
        text = f"conversion webhook for {version}, Kind={kind} {error}"
        raise ApiError(500, "", text) from error
    return answered


async def _asked(
    cluster: Cluster, config: Mapping[str, Any], documents: Sequence[Document], version: str
) -> list[Document]:
    """The objects as the webhook makes them. Raises CallFailed and _Refused."""
    offered = config.get("conversionReviewVersions") or ()
    spoken = next((entry for entry in offered if entry in _VERSIONS), _VERSIONS[0])
    uid = cluster.uid()
    request = {
        "uid": uid,
        "desiredAPIVersion": version,
        "objects": [_without_revision(one) for one in documents],
    }
    kind = {"kind": "ConversionReview", "apiVersion": f"apiextensions.k8s.io/{spoken}"}
    body = msgspec.json.encode(kind | {"request": request})
    try:
        answer = await post(cluster, config["clientConfig"], body, _SECONDS)
    except CallFailed as error:
        raise _Refused(f"failed: {error}") from error
    return _read(answer, uid, len(documents), version)


def _without_revision(document: Document) -> Document:
    metadata = {
        name: value for name, value in document["metadata"].items() if name != "resourceVersion"
    }
    return document | {"metadata": metadata}


def _read(answer: bytes, uid: str, count: int, version: str) -> list[Document]:
    try:
        response = msgspec.json.decode(answer, type=Document).get("response") or {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Refused(f"failed: {error}") from error
    if response.get("uid") != uid:
        raise _Refused(f'failed: expected response.uid="{uid}", got "{response.get("uid", "")}"')
    result = response.get("result") or {}
    if result.get("status") != "Success":
        why = result.get("message") or "failed with no message"
        raise _Refused(f"failed: {why}")
    found = response.get("convertedObjects") or []
    if len(found) != count:
        raise _Refused(f"returned {len(found)} objects, expected {count}")
    for index, one in enumerate(found):
        given = one.get("apiVersion") if isinstance(one, dict) else ""
        if given != version:
            why = f"invalid groupVersion (expected {version}, received {given})"
            raise _Refused(f"returned invalid object at index {index}: {why}")
    return found


def _check_identity(given: Document, found: Document) -> None:
    for field in _IDENTITY:
        if given.get(field) != found.get(field):
            called = field.upper() if field == "uid" else field
            why = f"must have the same {called}: {given.get(field, '')} != {found.get(field, '')}"
            raise _Refused(f"returned invalid object: {why}")
