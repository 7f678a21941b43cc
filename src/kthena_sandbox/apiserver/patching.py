"""PATCH bodies: which kind of patch it is, and the object after it."""

from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from kthena_sandbox.apiserver.duplicates import repeated_yaml_keys
from kthena_sandbox.apiserver.errors import (
    ApiError,
    Cause,
    bad_request,
    invalid_request,
    unsupported_media_type,
    unsupported_patch,
)
from kthena_sandbox.apiserver.negotiation import (
    APPLY_PATCH,
    decode_patch,
    load_yaml,
    media_type_of,
    yaml_error,
)
from kthena_sandbox.apiserver.schemas import FieldValidation, warned
from kthena_sandbox.apiserver.web import Request
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.golang import plain, quoted
from kthena_sandbox.schema.gotypes import json_word, wrong_type
from kthena_sandbox.schema.patches import (
    PatchError,
    followed,
    json_patch,
    merge_patch,
    strategic_merge,
)

Document = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
_MAX_OPERATIONS = 10_000


@dataclass(frozen=True)
class Patch:
    """What a request's body does to an object, and how it is quoted where the result is refused."""

    resource: ResourceType
    media_type: str
    content: Any

    def transform(self, document: Document) -> Document:
        """The object after the patch. Raises ApiError 400, 422 or 500."""
        patched = self._patched(document)
        if not isinstance(patched, dict):
            raise bad_request("the patch leaves no JSON object")
        wrong = wrong_type(self.resource, patched)
        if wrong is not None:
            raise self._unfit(patched, wrong.converted if self._strategic else wrong.json)
        return patched

    def strict(
        self,
        _: ResourceType,
        document: Document,
        complaints: list[str],
        validation: FieldValidation,
    ) -> list[str]:
        """The warnings about fields of the result. Raises ApiError 422 for `fieldValidation=Strict`."""
        if validation == "Strict" and complaints:
            raise self._unfit(document, f"strict decoding error: {', '.join(complaints)}")
        return warned(complaints, validation)

    @property
    def _strategic(self) -> bool:
        return self.media_type == STRATEGIC

    def _unfit(self, patched: Document, why: str) -> ApiError:
        shown = msgspec.json.encode(patched).decode()
        if self._strategic:
            shown = plain(followed(self.content, patched))
        text = f"Invalid value: {quoted(shown)}: {why}"
        return invalid_request([Cause("FieldValueInvalid", text, "patch")])

    def _patched(self, document: Document) -> Any:
        try:
            if self.media_type == JSON_PATCH:
                return json_patch(document, self.content)
            if self.media_type == MERGE_PATCH:
                return merge_patch(document, self.content)
            return strategic_merge(document, self.content, self.resource.schema)
        except PatchError as error:
            raise _refused(self.media_type, error) from error


def check_patch_type(resource: ResourceType, media_type: str) -> None:
    """Raises ApiError 415 for a kind of patch that is not served: custom resources know no strategic merge."""
    accepted = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
    if media_type in accepted or (media_type == STRATEGIC and not resource.custom):
        return
    raise unsupported_media_type(accepted) if resource.custom else unsupported_patch()


def read_patch(resource: ResourceType, request: Request) -> Patch:
    """The body of a request, which is no configuration to apply. Raises ApiError 400 for an unreadable one."""
    media_type = media_type_of(request.headers.get("content-type", ""))
    prefix = "" if media_type == STRATEGIC else "error decoding patch: "
    try:
        patch = decode_patch(request.body)
    except ValueError as error:
        raise bad_request(f"{prefix}{error}") from error
    if media_type == JSON_PATCH:
        _check_operations(patch)
    elif not isinstance(patch, dict):
        text = f"json: cannot unmarshal {json_word(patch)} into Go value of type map[string]interface {{}}"
        raise bad_request(f"{prefix}{text}")
    return Patch(resource, media_type, patch)


def is_apply(request: Request) -> bool:
    """Whether a patch is a configuration for server-side apply."""
    return media_type_of(request.headers.get("content-type", "")) == APPLY_PATCH


def applied_configuration(
    request: Request, validation: FieldValidation
) -> tuple[Document, tuple[str, ...]]:
    """The configuration, and warnings about keys that it has twice. Raises ApiError 400."""
    try:
        config = load_yaml(request.body)
    except yaml.YAMLError as error:
        why = yaml_error(error)
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: {why}") from error
    config = {} if config is None else config
    if not isinstance(config, dict):
        raise bad_request(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{json_word(config)} into Go value of type map[string]interface {{}}"
        )
    repeated = [] if validation == "Ignore" else repeated_yaml_keys(request.body)
    if not repeated:
        return config, ()
    if validation == "Strict":
        said = "\n  ".join(["error converting YAML to JSON: yaml: unmarshal errors:", *repeated])
        raise bad_request(f"error strict decoding YAML: {said}")
    return config, tuple(repeated)


def _check_operations(patch: Any) -> None:
    if not isinstance(patch, list):
        text = f"json: cannot unmarshal {json_word(patch)} into Go value of type []handlers.jsonPatchOp"
        raise bad_request(f"error decoding patch: {text}")
    for operation in patch:
        if not isinstance(operation, dict):
            text = f"json: cannot unmarshal {json_word(operation)} into Go value of type handlers.jsonPatchOp"
            raise bad_request(f"error decoding patch: {text}")
    if len(patch) > _MAX_OPERATIONS:
        text = (
            f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(patch)}"
        )
        raise ApiError(413, "RequestEntityTooLarge", text)


def _refused(media_type: str, error: PatchError) -> ApiError:
    if media_type == JSON_PATCH:  # a kube-apiserver does not tell which operation failed
        message = "the server rejected our request due to an error in our request"
        return ApiError(422, "Invalid", message, {})
    if media_type == STRATEGIC:
        return bad_request(str(error)) if error.malformed else ApiError(500, "", str(error))
    return invalid_request([Cause("FieldValueInvalid", f"Invalid value: {error}", "patch")])
