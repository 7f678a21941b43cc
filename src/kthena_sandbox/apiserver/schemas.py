"""Objects against the schema of their kind: unknown fields, defaults, and what is invalid."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from kthena_sandbox.apiserver import metadata as meta
from kthena_sandbox.apiserver.errors import ApiError, Cause, bad_request, cause_of
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import structural
from kthena_sandbox.schema.compiled import Node, as_schema
from kthena_sandbox.schema.fielderrors import FieldError, invalid
from kthena_sandbox.schema.goempty import as_stored, empty_lists
from kthena_sandbox.schema.golang import plain
from kthena_sandbox.schema.gotypes import unread_value, wrong_type
from kthena_sandbox.schema.reading import at

Document = dict[str, Any]
FieldValidation = Literal["Ignore", "Warn", "Strict"]
_MAX_WARNINGS = 20
_GO_TYPES: Mapping[type, str] = {
    bool: "bool", dict: "map[string]interface {}", float: "float64", list: "[]interface {}", str: "string",
}  # fmt: skip
YAML_ERRORS = "yaml: unmarshal errors:"


def fitted(
    resource: ResourceType, document: Document, *, nulls: bool = False
) -> tuple[Document, list[str]]:
    """The object without unknown fields and with its defaults, and the paths of those fields.

    *nulls*: a custom one keeps those that are not allowed, for its validation to find. Raises ApiError 400 for a value that the Go struct of a built-in kind cannot take up.
    """
    document, unknown = _shaped(resource, document)
    if not resource.custom:
        node = None if resource.schema is None else as_schema(resource.schema).node
        document = _without_nulls(document, node)
        refuse_types(resource, document)
    if resource.schema is None:
        return document, unknown
    pruned, dropped = structural.prune(document, resource.schema)
    pruned = pruned | empty_lists(resource, document)
    return structural.default(pruned, resource.schema, nulls=nulls), unknown + dropped


def _shaped(resource: ResourceType, document: Document) -> tuple[Document, list[str]]:
    try:
        return meta.check_shape(resource, document)
    except ApiError as error:
        unread = unread_value(resource, document)
        raise error if unread is None else undecodable(resource, unread.json) from error


def refuse_types(resource: ResourceType, document: Document) -> None:
    """Raises ApiError 400 for a value that the Go struct of a built-in kind cannot take up."""
    wrong = wrong_type(resource, document)
    if wrong is not None:
        raise undecodable(resource, wrong.json)


def refuse_unconvertible(resource: ResourceType, document: Document) -> None:
    """Raises ApiError 500 for the same in what an apply has made."""
    wrong = wrong_type(resource, document)
    if wrong is None:
        return
    metadata = document.get("metadata") or {}
    name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    version = f"{resource.group}/{resource.version}, Kind={resource.kind}"
    raise ApiError(
        500, "",
        f"failed to convert new object ({name}; {version}) to proper version: unable to convert unstructured object to "
        f"{version}: {wrong.converted}",
    )  # fmt: skip


def undecodable(resource: ResourceType, why: str) -> ApiError:
    """400: the body cannot become an object of the kind."""
    return bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}'
    )


def as_read(resource: ResourceType, document: Document) -> Document:
    """An object as it comes back from storage, where Kubernetes fills in the defaults of custom ones once more.

    That is how a default of `status` shows, although the status of a new object is dropped.
    """
    if not resource.custom:
        return as_stored(resource, document)
    if resource.schema is None:
        return document
    return structural.default(document, resource.schema)


def _without_nulls(value: Any, node: Node | None) -> Any:
    """Built-in kinds do not tell a null from a missing field, since their types are Go structs; in maps it is an empty text."""
    if isinstance(value, dict):
        below = None if node is None else node.additional
        if below is not None and below.type_name == "string":
            return {name: "" if entry is None else entry for name, entry in value.items()}
        return {
            name: _without_nulls(entry, below if node is None else node.properties.get(name, below))
            for name, entry in value.items()
            if entry is not None
        }
    if isinstance(value, list):
        return [_without_nulls(entry, None if node is None else node.items) for entry in value]
    return value


def strict_object(
    resource: ResourceType, _: Document, complaints: list[str], validation: FieldValidation
) -> list[str]:
    """The warnings about fields of a body. Raises ApiError 400 for `fieldValidation=Strict`."""
    if validation == "Strict" and complaints:
        raise undecodable(resource, f"strict decoding error: {', '.join(complaints)}")
    return warned(complaints, validation)


def warned(complaints: list[str], validation: FieldValidation) -> list[str]:
    """What is answered as warnings; of repeated keys in YAML each is one."""
    if validation != "Warn":
        return []
    lines = [line.strip() for said in complaints for line in said.split("\n")]
    return [line for line in lines if line != YAML_ERRORS][:_MAX_WARNINGS]


def complaints(duplicates: Iterable[str], unknown: Iterable[str]) -> list[str]:
    """What field validation says about a body."""
    return [*duplicates, *(f'unknown field "{path}"' for path in unknown)]


def problems(resource: ResourceType, document: Document, old: Document | None) -> list[Cause]:
    """What the schema does not allow; *old* is what an update replaces."""
    if resource.schema is None:
        return []
    nameless = not document["metadata"].get("name")
    counted = _scale_errors(resource, document)
    found = structural.validate(document, resource.schema, old, nameless=nameless, counted=counted)
    return [cause_of(error) for error in found]


def _scale_errors(resource: ResourceType, document: Document) -> list[FieldError]:
    """The numbers that a custom object's scale shows are whole ones."""
    if resource.scale_paths is None:
        return []
    found = []
    for path in (resource.scale_paths.spec, resource.scale_paths.status):
        value = at(document, path.removeprefix("."))
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            told = f"{plain(value)} is of the type {_GO_TYPES[type(value)]}, expected int64"
            found.append(invalid(path, 0, f"{path} accessor error: {told}"))
    return found
