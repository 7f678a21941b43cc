from typing import Any

import pytest

from kthena_sandbox.schema.crd import resource_types, validate_crd

Document = dict[str, Any]


def definition(**changes: Any) -> Document:
    names = {"plural": "widgets", "kind": "Widget", "shortNames": ["w"], "categories": ["all"]}
    schema = {"openAPIV3Schema": {"type": "object"}}
    spec = {
        "group": "example.com", "scope": "Namespaced", "names": names,
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": schema,
             "subresources": {"status": {}},
             "additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".a"}]},
            {"name": "v1beta1", "served": True, "storage": False, "schema": schema},
            {"name": "v1alpha1", "served": False, "storage": False, "schema": schema},
        ],
    }  # fmt: skip
    return {"metadata": {"name": "widgets.example.com"}, "spec": spec | changes}


def with_version(**changes: Any) -> Document:
    version = definition()["spec"]["versions"][0] | changes
    return definition(versions=[version])


def test_there_is_one_type_for_each_served_version() -> None:
    first, second = resource_types(definition())
    assert (first.api_version, second.api_version) == ("example.com/v1", "example.com/v1beta1")
    assert (first.singular, first.list_kind, first.short_names) == ("widget", "WidgetList", ("w",))
    assert (first.storage_version, second.storage_version) == ("v1", "v1")
    assert first.subresources == {"status"}
    assert first.printer_columns[0].json_path == ".a"
    assert first.custom
    assert first.namespaced


def test_types_of_the_same_definition_are_equal() -> None:
    assert resource_types(definition()) == resource_types(definition())
    assert resource_types(definition()) != resource_types(definition(scope="Cluster"))


def test_a_good_definition_has_no_errors() -> None:
    assert validate_crd(definition()) == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "spec: Required value"),
        (definition(scope="Galaxy"),
         'spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"'),
        (definition(group="other.com"), ('metadata.name: Invalid value: "widgets.example.com": '
                                        'must be spec.names.plural+"."+spec.group')),
        (definition(names={"plural": "widgets"}), "spec.names.kind: Required value"),
        (definition(versions=[]), "spec.versions: Required value"),
        (with_version(storage=False),
         ('spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,'
          '"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,'
          '"SelectableFields":null}]: must have exactly one version marked as storage version')),
        (with_version(storage=False),
         "status.storedVersions: Invalid value: null: must have at least one stored version"),
        (with_version(name="v_1"),
         ('spec.version: Invalid value: "v_1": a DNS-1035 label must consist of lower case alphanumeric '
          "characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. "
          "'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')")),
        (with_version(schema={}),
         "spec.versions[0].schema.openAPIV3Schema: Required value"),
        (with_version(additionalPrinterColumns=[{"name": "A", "type": "string"}]),
         "spec.additionalPrinterColumns[0].JSONPath: Required value"),
        (with_version(additionalPrinterColumns=[{"name": "A", "type": "text", "jsonPath": ".a"}]),
         ('spec.additionalPrinterColumns[0].type: Invalid value: "text": '
         "must be one of boolean,date,integer,number,string")),
        (with_version(schema={"openAPIV3Schema": {"type": "object", "properties": {"a": {}}}}),
         ("spec.validation.openAPIV3Schema.properties[a].type: Required value: "
         "must not be empty for specified object fields")),
        (with_version(schema={"openAPIV3Schema": {"type": "object", "properties": {"a": {"type": "text"}}}}),
         ('spec.validation.openAPIV3Schema.properties[a].type: Unsupported value: "text": '
         'supported values: "array", "boolean", "integer", "number", "object", "string"')),
        (with_version(schema={"openAPIV3Schema": {"type": "object", "properties": {"a": {"type": "array"}}}}),
         "spec.validation.openAPIV3Schema.properties[a].items: Required value: must be specified"),
        (with_version(schema={"openAPIV3Schema": {"type": "string"}}),
         ('spec.validation.openAPIV3Schema.type: Invalid value: "string": '
         "must be object at the root")),
        (with_version(schema={"openAPIV3Schema": {"type": "object", "properties": {
            "metadata": {"type": "object", "description": "x"}}}}),
         ("spec.validation.openAPIV3Schema.properties[metadata]: Forbidden: must not specify anything other than "
         "name and generateName, but metadata is implicitly specified")),
    ],
)  # fmt: skip
def test_definitions_that_could_not_be_served(document: Document, message: str) -> None:
    assert message in [error.message for error in validate_crd(document)]


def test_patterns_must_compile() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)"}}}
    (error,) = validate_crd(with_version(schema={"openAPIV3Schema": schema}))
    assert error.path == "spec.validation.openAPIV3Schema.properties[a].pattern"
    assert "must be a valid regular expression" in error.message


def test_keywords_of_schemas_have_types() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": "3"}}}
    (error,) = validate_crd(with_version(schema={"openAPIV3Schema": schema}))
    assert error.message == (
        "spec.validation.openAPIV3Schema.properties[a].maxLength: "
        'Invalid value: "3": must be of the type of this keyword'
    )


@pytest.mark.parametrize("strange", [None, 1, "x", [], [1], {"a": 1}])
def test_nothing_raises_for_strange_definitions(strange: Any) -> None:
    for field in ("names", "versions", "scope", "group"):
        assert validate_crd(definition(**{field: strange}))
    assert validate_crd({"spec": strange, "metadata": strange})
