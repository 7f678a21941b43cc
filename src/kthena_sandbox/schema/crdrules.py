"""What a CustomResourceDefinition must satisfy beyond its schema, so that its kinds can be served."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import re2

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.defaultrules import default_errors
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.mergerules import merge_errors
from kthena_sandbox.schema.names import dns1035_problems
from kthena_sandbox.schema.ruledefinitions import rule_definition_errors

Document = dict[str, Any]
_LONGEST_WARNING = 256
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_KEYWORDS: Mapping[str, type | tuple[type, ...]] = {
    "additionalProperties": (dict, bool), "allOf": list, "anyOf": list, "enum": list, "format": str,
    "items": dict, "maxItems": int, "maxLength": int, "maxProperties": int, "maximum": (int, float),
    "minItems": int, "minLength": int, "minProperties": int, "minimum": (int, float),
    "multipleOf": (int, float), "not": dict, "oneOf": list, "properties": dict, "required": list,
    "x-kubernetes-list-map-keys": list, "x-kubernetes-list-type": str, "x-kubernetes-validations": list,
}  # fmt: skip
_SIMPLE = ("array", "boolean", "integer", "number", "object", "string")


def validate_crd(crd: Document) -> list[FieldError]:
    """All that is wrong with a definition; it may be any JSON object, and nothing is raised."""
    spec = _map(crd.get("spec"))
    if not spec:
        return [errors.required("spec")]
    found = _names(crd, spec)
    if not spec.get("group"):
        found.append(errors.required("spec.group"))
    supported = ["Cluster", "Namespaced"]
    if not spec.get("scope"):
        found.append(errors.required("spec.scope"))
    elif spec["scope"] not in supported:
        found.append(errors.not_supported("spec.scope", spec.get("scope", ""), supported))
    return found + _conversion(spec) + _versions(spec) + _stored(crd, spec)


def _conversion(spec: Document) -> list[FieldError]:
    """How objects come from one version to the others; what is not in a schema is pruned."""
    conversion = spec.get("conversion")
    found = [] if conversion is None else list(_strategy(_map(conversion)))
    if spec.get("preserveUnknownFields"):
        detail = (
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
            "spec.versions[*].schema instead"
        )
        found.append(errors.invalid("spec.preserveUnknownFields", True, detail))
    return found


def _strategy(conversion: Document) -> Iterator[FieldError]:
    """The paths are those of the internal version, as a kube-apiserver tells them."""
    path, strategy = "spec.conversion", conversion.get("strategy") or ""
    webhook = _map(conversion.get("webhook"))
    config, versions = webhook.get("clientConfig"), _list(webhook.get("conversionReviewVersions"))
    if not strategy:
        yield errors.required(f"{path}.strategy")
    elif strategy not in {"None", "Webhook"}:
        yield errors.not_supported(f"{path}.strategy", strategy, ["None", "Webhook"])
    elif strategy == "None":
        detail = "should not be set when strategy is not set to Webhook"
        for given, field in (
            (config, "webhookClientConfig"),
            (versions, "conversionReviewVersions"),
        ):
            if given:
                yield errors.forbidden(f"{path}.{field}", detail)
    else:
        yield from _client_config(config, f"{path}.webhookClientConfig")
        known = {"v1", "v1beta1"} & {str(version) for version in versions}
        if not versions:
            yield errors.required(f"{path}.conversionReviewVersions")
        elif not known:
            detail = "must include at least one of v1, v1beta1"
            yield errors.invalid(f"{path}.conversionReviewVersions", versions, detail)


def _client_config(config: Any, path: str) -> Iterator[FieldError]:
    if not isinstance(config, dict):
        yield errors.required(path, "required when strategy is set to Webhook")
    elif bool(config.get("url")) == bool(config.get("service")):
        yield errors.required(path, "exactly one of url or service is required")
    elif (url := config.get("url")) and not str(url).startswith("https://"):
        scheme = str(url).partition(":")[0]
        detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]"
        yield errors.invalid(f"{path}.url", scheme, detail)


def _map(value: Any) -> Document:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(crd: Document, spec: Document) -> list[FieldError]:
    names, found = _map(spec.get("names")), []
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    name = _map(crd.get("metadata")).get("name", "")
    if name != wanted:
        detail = 'must be spec.names.plural+"."+spec.group'
        found.append(errors.invalid("metadata.name", name, detail))
    for field in ("plural", "kind"):
        value = names.get(field)
        if not value:
            found.append(errors.required(f"spec.names.{field}"))
            continue
        plain = str(value).lower() if field == "kind" else str(value)
        found += [
            errors.invalid(f"spec.names.{field}", value, why) for why in dns1035_problems(plain)
        ]
    return found


def _versions(spec: Document) -> list[FieldError]:
    versions = [_map(entry) for entry in _list(spec.get("versions"))]
    if not versions:
        return [errors.required("spec.versions")]
    found: list[FieldError] = []
    # What all versions have in common is checked once, and reported where apiextensions/v1beta1 had it.
    same_schema = all(entry.get("schema") == versions[0].get("schema") for entry in versions)
    columns = "additionalPrinterColumns"
    same_columns = all(entry.get(columns) == versions[0].get(columns) for entry in versions)
    for index, entry in enumerate(versions):
        path = f"spec.versions[{index}]"
        found += _version(entry, path)
        if not same_schema:
            found += _schema(entry, f"{path}.schema.openAPIV3Schema")
        if not same_columns:
            found += _columns(entry, f"{path}.{columns}")
    if [bool(_map(entry).get("storage")) for entry in versions].count(True) != 1:
        detail = "must have exactly one version marked as storage version"
        found.append(errors.invalid_shown("spec.versions", _shown_versions(versions), detail))
    name = str(versions[0].get("name") or "")
    wrong = dns1035_problems(name) if name else []
    found += [errors.invalid("spec.version", name, why) for why in wrong]
    if same_schema:
        found += _schema(versions[0], "spec.validation.openAPIV3Schema")
    if same_columns:
        found += _columns(versions[0], f"spec.{columns}")
    return found


def _stored(crd: Document, spec: Document) -> list[FieldError]:
    """The versions that a new definition would have in its status."""
    entries = [_map(entry) for entry in _list(spec.get("versions"))]
    named = [entry.get("name") for entry in entries if entry.get("storage")]
    if not entries or len(named) == 1 or "resourceVersion" in _map(crd.get("metadata")):
        return []
    path = "status.storedVersions"
    if named and named[-1] != named[0]:
        detail = f"must have the storage version {named[-1]}"
        return [errors.invalid(path, named[:1], detail)]
    none = [errors.invalid(path, None, "must have at least one stored version")]
    return [] if named else none


def _shown_versions(versions: list[Document]) -> str:
    """As structs, where all have the same schema and columns, which then stand at the definition; otherwise by their names."""
    shared = ("schema", "additionalPrinterColumns", "subresources", "selectableFields")
    if any(entry.get(field) != versions[0].get(field) for entry in versions for field in shared):
        return _syntax_of(versions)
    shown = [
        {
            "Name": entry.get("name", ""), "Served": entry.get("served", False),
            "Storage": entry.get("storage", False), "Deprecated": entry.get("deprecated", False),
            "DeprecationWarning": entry.get("deprecationWarning"),
            "Schema": None, "Subresources": None, "AdditionalPrinterColumns": None, "SelectableFields": None,
        }
        for entry in versions
    ]  # fmt: skip
    return json.dumps(shown, separators=(",", ":"))


def _syntax_of(versions: list[Any]) -> str:
    names = ", ".join(f'"{_map(entry).get("name", "")}"' for entry in versions)
    return f"[]string{{{names}}}"


def _version(version: Document, path: str) -> list[FieldError]:
    found = []
    name = str(version.get("name") or "")
    found += [errors.invalid(f"{path}.name", name, why) for why in dns1035_problems(name)]
    schema = _map(version.get("schema")).get("openAPIV3Schema")
    if not isinstance(schema, dict):
        found.append(errors.required(f"{path}.schema.openAPIV3Schema"))
    return found + _deprecation(version, f"{path}.deprecationWarning")


def _deprecation(version: Document, path: str) -> list[FieldError]:
    """What is warned of, which only deprecated versions do."""
    text = version.get("deprecationWarning")
    if text is None:
        return []
    if not version.get("deprecated"):
        return [errors.invalid(path, text, "can only be set for deprecated versions")]
    if not text:
        return [errors.invalid(path, text, "must not be an empty string")]
    if len(str(text)) > _LONGEST_WARNING:
        why = f"must be <= {_LONGEST_WARNING} characters"
        return [errors.invalid(path, text, why)]
    return []


def _schema(version: Document, path: str) -> list[FieldError]:
    schema = _map(version.get("schema")).get("openAPIV3Schema")
    if not isinstance(schema, dict):
        return []
    found: list[FieldError] = []
    if schema.get("type") != "object":
        detail = "must be object at the root"
        found.append(errors.invalid(f"{path}.type", schema.get("type", ""), detail))
    unsound = _structural(schema, path)
    found += unsound or _defaults(schema, path)
    metadata = _map(_map(schema.get("properties")).get("metadata"))
    if metadata.keys() - {"type", "properties"} or _map(metadata.get("properties")).keys() - {
        "name",
        "generateName",
    }:
        detail = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        found.append(errors.forbidden(f"{path}.properties[metadata]", detail))
    return found


def _columns(version: Document, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    for index, column in enumerate(_list(version.get("additionalPrinterColumns"))):
        found += _column(_map(column), f"{path}[{index}]")
    return found


def _column(column: Document, path: str) -> list[FieldError]:
    found = [
        errors.required(f"{path}.{told}")
        for field, told in (("name", "name"), ("type", "type"), ("jsonPath", "JSONPath"))
        if not column.get(field)
    ]
    kind = column.get("type")
    if kind and kind not in _COLUMN_TYPES:
        detail = f"must be one of {','.join(_COLUMN_TYPES)}"
        found.append(errors.invalid(f"{path}.type", kind, detail))
    return found


def _structural(schema: Mapping[str, Any], path: str) -> list[FieldError]:
    """Rules of structural schemas that later steps rely on: types are known, patterns compile."""
    found = []
    kind = schema.get("type")
    free = schema.get("x-kubernetes-int-or-string") or schema.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    if not kind and not free:
        found.append(
            errors.required(f"{path}.type", "must not be empty for specified object fields")
        )
    if kind and kind not in _SIMPLE:
        found.append(errors.not_supported(f"{path}.type", kind, _SIMPLE))
    found += _pattern(schema, path) + _keywords(schema, path) + rule_definition_errors(schema, path)
    if kind == "array" and "items" not in schema:
        found.append(errors.required(f"{path}.items", "must be specified"))
    found += merge_errors(schema, path)
    for name, entry in _map(schema.get("properties")).items():
        found += _structural(_map(entry), f"{path}.properties[{name}]")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            found += _structural(schema[word], f"{path}.{word}")
    return found


def _defaults(schema: Mapping[str, Any], path: str) -> list[FieldError]:
    found = list(default_errors(schema, path))
    for name, entry in _map(schema.get("properties")).items():
        found += _defaults(entry, f"{path}.properties[{name}]")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            found += _defaults(schema[word], f"{path}.{word}")
    return found


def _keywords(schema: Mapping[str, Any], path: str) -> list[FieldError]:
    return [
        errors.invalid(f"{path}.{word}", schema[word], "must be of the type of this keyword")
        for word, wanted in _KEYWORDS.items()
        if word in schema and not isinstance(schema[word], wanted)
    ]


def _pattern(schema: Mapping[str, Any], path: str) -> list[FieldError]:
    pattern = schema.get("pattern")
    if pattern is None:
        return []
    try:
        re2.compile(pattern)
    except (re2.error, TypeError) as error:
        detail = f"must be a valid regular expression, but isn't: {error}"
        return [errors.invalid(f"{path}.pattern", pattern, detail)]
    return []
