from typing import Any

import pytest
from tests.sandbox.kubectl.descriptions import layout, untold

from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.descriptions import laid_out, read_docstring, unwrapped
from kthena_sandbox.schema.openapi import openapi_v2, openapi_v3

Document = dict[str, Any]


@pytest.fixture(scope="module")
def batch() -> Document:
    document: Document = openapi_v3("batch/v1", BUILTIN)["components"]["schemas"]
    return document


def properties(schemas: Document, name: str) -> Document:
    found: Document = schemas[f"io.k8s.api.{name}"]["properties"]
    return found


def test_what_a_type_and_its_fields_are(batch: Document) -> None:
    schema = batch["io.k8s.api.batch.v1.JobSpec"]
    assert schema["description"] == "JobSpec describes how the job execution will look like."
    assert schema["properties"]["activeDeadlineSeconds"]["description"].startswith(
        "Specifies the duration in seconds relative to the startTime that the job may be continuously active before"
    )


def test_paragraphs_are_those_of_kubernetes(batch: Document) -> None:
    text = properties(batch, "core.v1.TopologySpreadConstraint")["whenUnsatisfiable"]["description"]
    assert "to schedule the pod in any location,\n  but giving higher precedence to " in text


def test_a_field_names_its_values(batch: Document) -> None:
    policy = properties(batch, "core.v1.Container")["imagePullPolicy"]
    assert policy["enum"] == ["Always", "IfNotPresent", "Never"]
    values = ':\n - `"Always"`\n - `"IfNotPresent"`\n - `"Never"`'
    assert policy["description"].endswith(f"\n\nPossible enum values{values}")
    restarts = properties(batch, "core.v1.PodSpec")["restartPolicy"]["description"]
    assert restarts.endswith(':\n - `"Always"`\n - `"Never"`\n - `"OnFailure"`')
    assert properties(batch, "core.v1.PersistentVolumeClaimSpec")["accessModes"]["items"]["enum"] == [
        "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod",
    ]  # fmt: skip


def test_what_is_enforced_and_not_published() -> None:
    name = "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec"
    published = openapi_v3("admissionregistration.k8s.io/v1", BUILTIN)["components"]["schemas"]
    assert "required" not in published[name]
    assert "required" not in openapi_v2(BUILTIN)["definitions"][name]


def test_names_that_are_none_in_python() -> None:
    docstring = """Head.

      **parameters**

      * **from_** ``List[str]`` - Where from.
      * **x_kubernetes_map_type** ``Optional[str]`` - Which, in more than
        one line.
      * **d_ref** ``Optional[str]`` - Elsewhere.
    """
    assert read_docstring(docstring) == (
        "Head.",
        {
            "from": "Where from.",
            "x-kubernetes-map-type": "Which, in more than\n\none line.",
            "$ref": "Elsewhere.",
        },
    )


def test_lines_that_are_full_go_on() -> None:
    full = "x" * 70
    assert (
        unwrapped(f"{full}\n  wordoflen\n  - a\n  - b\n\n  end")
        == f"{full} wordoflen\n- a\n- b\n\nend"
    )


def test_another_layout() -> None:
    assert laid_out("a b\nc", {0: "\n\n", 1: "  "}) == "a\n\nb  c"
    assert layout("a\n\nb  c", "a b\nc") == {0: "\n\n", 1: "  "}
    with pytest.raises(ValueError, match="is not"):
        layout("a b", "a c")


def test_what_the_package_does_not_tell() -> None:
    schemas: dict[str, Document] = {
        "io.k8s.api.core.v1.ClientIPConfig": {
            "description": "ClientIPConfig represents the  configurations of Client IP based session affinity.",
            "properties": {
                "timeoutSeconds": {
                    "description": 'timeoutSeconds specifies the seconds of ClientIP type session sticky time. The value must be >0 && <=86400(for 1 day) if ServiceAffinity == "ClientIP". Default value is 10800(for 3 hours).\n\nPossible enum values:\n - `""` is none\nat all\n - `"1"`',
                    "enum": ["", "1"],
                }
            },
        }
    }
    schemas["io.k8s.apimachinery.pkg.apis.meta.v1.Time"] = {"description": "A time."}
    assert untold(schemas) == {
        "layouts": {"core_v1.ClientIPConfig": {2: "  "}},
        "values": {"core_v1.ClientIPConfig": {"timeoutSeconds": ["", "1"]}},
    }


def test_types_that_are_one_value(batch: Document) -> None:
    time = batch["io.k8s.apimachinery.pkg.apis.meta.v1.Time"]
    assert time == {"type": "string", "format": "date-time"}
    quantity = batch["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    assert quantity == {"oneOf": [{"type": "string"}, {"type": "number"}]}


def test_a_type_that_is_said_to_be_another() -> None:
    published = openapi_v3("apiextensions.k8s.io/v1", BUILTIN)["components"]["schemas"]
    group = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
    field = published[f"{group}.CustomResourceValidation"]["properties"]["openAPIV3Schema"]
    assert field == {
        "allOf": [{"$ref": f"#/components/schemas/{group}.JSONSchemaProps"}],
        "description": "openAPIV3Schema is the OpenAPI v3 schema to use for validation and pruning.",
    }
    assert f"{group}.JSON" in published
