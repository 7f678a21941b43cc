"""Write the CRDs of ModelRoute and ModelServer from the structs in kthena_router.api.networking (`make generate`).

What `kubectl explain` says of a field stands in `descriptions.yaml`, since it is for users and not for programmers.
"""

import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import yaml

from kthena_router.api import networking
from kthena_router.api.kinds import MODEL_ROUTE, MODEL_SERVER, Kind

ROOT = Path(__file__).parent.parent
DESCRIPTIONS: dict[str, dict[str, str]] = yaml.safe_load(
    (ROOT / "deploy" / "descriptions.yaml").read_text(encoding="utf-8")
)
FOLDERS = (
    ROOT / "deploy" / "crds",
    ROOT / "deploy" / "charts" / "kthena-router" / "crds",
    ROOT / "src" / "kthena_sandbox" / "crds",
)

DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
GROUP_PATTERN = r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
KIND_PATTERN = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$"

PARENT_REFERENCE: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "group": {
            "type": "string",
            "default": "gateway.networking.k8s.io",
            "maxLength": 253,
            "pattern": GROUP_PATTERN,
        },
        "kind": {
            "type": "string",
            "default": "Gateway",
            "minLength": 1,
            "maxLength": 63,
            "pattern": KIND_PATTERN,
        },
        "name": {"type": "string", "minLength": 1, "maxLength": 253},
        "namespace": {"type": "string", "minLength": 1, "maxLength": 63, "pattern": DNS_LABEL},
        "sectionName": {
            "type": "string",
            "minLength": 1,
            "maxLength": 253,
            "pattern": DNS_SUBDOMAIN,
        },
        "port": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535},
    },
}

CONDITION: dict[str, Any] = {
    "type": "object",
    "required": ["lastTransitionTime", "message", "reason", "status", "type"],
    "properties": {
        "type": {"type": "string", "maxLength": 316},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
        "message": {"type": "string", "maxLength": 32768},
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
    },
}
CONDITIONS: dict[str, Any] = {
    "type": "array",
    "maxItems": 8,
    "items": CONDITION,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
}
COMMON_STATUS: dict[str, Any] = {
    "observedGeneration": {"type": "integer", "format": "int64"},
    "conditions": CONDITIONS,
}
ROUTE_STATUS = {
    **COMMON_STATUS,
    "parents": {
        "type": "array",
        "maxItems": 32,
        "items": {
            "type": "object",
            "required": ["controllerName", "parentRef"],
            "properties": {
                "parentRef": PARENT_REFERENCE,
                "controllerName": {"type": "string", "minLength": 1, "maxLength": 253},
                "conditions": CONDITIONS,
            },
        },
    },
}
SERVER_STATUS = {
    **COMMON_STATUS,
    "readyEndpoints": {"type": "integer", "format": "int32"},
}

EITHER_TARGET = {
    "rule": (
        "(has(self.modelServerName) && self.modelServerName != '') != "
        "(has(self.externalModelProviderName) && self.externalModelProviderName != '')"
    ),
    "message": "exactly one of modelServerName or externalModelProviderName must be set",
}
NAMES_SOMETHING = {
    "rule": (
        "(has(self.modelName) && self.modelName != '') || "
        "(has(self.loraAdapters) && size(self.loraAdapters) > 0)"
    ),
    "message": "ModelName and LoraAdapters cannot both be empty",
}
IMMUTABLE_NAME = {"rule": "self == oldSelf", "message": "modelName is immutable"}

AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def column(name: str, kind: str, path: str, about: str, priority: int = 0) -> dict[str, Any]:
    """Return a printer column."""
    shown = {"name": name, "type": kind, "description": about, "jsonPath": path}
    return {**shown, "priority": priority} if priority else shown


ACCEPTED = '.status.conditions[?(@.type=="Accepted")].status'
REASON = '.status.conditions[?(@.type=="Accepted")].reason'
ROUTE_COLUMNS = [
    column("Model", "string", ".spec.modelName", "Model name that is routed"),
    column("Accepted", "string", ACCEPTED, "Whether a Gateway serves the route"),
    AGE,
    column("Reason", "string", REASON, "Why it does or does not", priority=1),
    column("Adapters", "string", ".spec.loraAdapters", "LoRA adapters that are routed", priority=1),
]
SERVER_COLUMNS = [
    column("Engine", "string", ".spec.inferenceEngine", "Engine in the pods"),
    column("Port", "integer", ".spec.workloadPort.port", "Port of the engine"),
    column("Protocol", "string", ".spec.workloadPort.protocol", "Protocol of the port"),
    column("Ready", "integer", ".status.readyEndpoints", "Pods that can take requests"),
    AGE,
    column("Model", "string", ".spec.model", "Model that the engine serves", priority=1),
]


def spec_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the structural schema of *struct*: references resolved, optional fields without null."""
    schemas, components = msgspec.json.schema_components([struct], ref_template="{name}")
    return structural(schemas[0], components)


def structural(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Return *schema* as a CRD may have it (apiextensions/v1, structural schemas)."""
    if "$ref" in schema:
        name = schema["$ref"]
        return (
            PARENT_REFERENCE
            if name == "ParentReference"
            else structural(components[name], components)
        )
    if "anyOf" in schema:
        real = [one for one in schema["anyOf"] if one != {"type": "null"}]
        return structural(real[0], components)
    found = scalar_part(schema)
    if "properties" in schema:
        found["properties"] = {
            name: structural(one, components) | default_of(one)
            for name, one in schema["properties"].items()
        }
    if isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = structural(schema["additionalProperties"], components)
    if "items" in schema:
        found["items"] = structural(schema["items"], components)
    return found


def literal_orders() -> dict[frozenset[str], list[str]]:
    """Return the values of every enumeration in the order in which it is written; msgspec sorts them."""
    structs = [one for one in vars(networking).values() if isinstance(one, type)]
    hints = [hint for one in structs for hint in get_type_hints(one, include_extras=True).values()]
    found = {}
    while hints:
        hint = hints.pop()
        if get_origin(hint) is Literal:
            found[frozenset(get_args(hint))] = list(get_args(hint))
        hints += [one for one in get_args(hint) if not isinstance(one, str)]
    return found


ORDERS = literal_orders()


def scalar_part(schema: dict[str, Any]) -> dict[str, Any]:
    """Return type, limits and default of *schema*."""
    found: dict[str, Any] = {}
    if "enum" in schema:
        found["type"] = "string"
    for name in (
        "type",
        "enum",
        "required",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    ):
        if name in schema and schema[name] != []:
            found[name] = schema[name]
    if "enum" in found:
        found["enum"] = ORDERS[frozenset(found["enum"])]
    if found.get("type") == "integer":
        found["format"] = "int32"
    if schema.get("default") not in (None, "", [], {}):
        found["default"] = schema["default"]
    return found


def default_of(field: dict[str, Any]) -> dict[str, Any]:
    """Return the default of a field, where the API server should fill it in."""
    default = field.get("default")
    return {"default": default} if isinstance(default, (int, str)) and default != "" else {}


def route_schema() -> dict[str, Any]:
    """Return the schema of ModelRoute.spec, with what msgspec cannot say."""
    schema = spec_schema(networking.ModelRouteSpec)
    schema["required"] = ["rules"]
    properties = schema["properties"]
    properties["modelName"]["x-kubernetes-validations"] = [IMMUTABLE_NAME]
    target = properties["rules"]["items"]["properties"]["targetModels"]["items"]
    target["x-kubernetes-validations"] = [EITHER_TARGET]
    for name in ("modelServerName", "externalModelProviderName"):
        target["properties"][name]["maxLength"] = 253
    properties["modelName"]["maxLength"] = 1024
    properties["rateLimit"]["required"] = ["unit"]
    schema["x-kubernetes-validations"] = [NAMES_SOMETHING]
    return schema


def server_schema() -> dict[str, Any]:
    """Return the schema of ModelServer.spec."""
    schema = spec_schema(networking.ModelServerSpec)
    schema["required"] = ["inferenceEngine", "workloadPort", "workloadSelector"]
    del schema["properties"]["inferenceEngine"]["default"]
    schema["properties"]["trafficPolicy"]["properties"]["retry"]["properties"]["attempts"].pop(
        "default", None
    )
    return schema


def described(schema: dict[str, Any], path: str, texts: dict[str, str]) -> dict[str, Any]:
    """Return *schema* with what *texts* say of it and of all that is below. Raises KeyError where they are silent."""
    if schema is CONDITION or schema is PARENT_REFERENCE:
        path, texts = "", DESCRIPTIONS["condition" if schema is CONDITION else "reference"]
    if path == "metadata":
        return schema  # an API server takes no description of it: it is implied
    text = texts.get(path) or DESCRIPTIONS["common"].get(path)
    if text is None:
        raise KeyError(f"descriptions.yaml says nothing of {path}")
    found = {"description": text} | schema
    if "properties" in schema:
        found["properties"] = {
            name: described(one, f"{path}.{name}" if path else name, texts)
            for name, one in schema["properties"].items()
        }
    if "items" in schema:
        found["items"] = described(schema["items"], f"{path}[]", texts)
    if "additionalProperties" in schema:
        values = schema["additionalProperties"]
        found["additionalProperties"] = described(values, f"{path}{{}}", texts)
    return found


def crd(
    kind: Kind[Any],
    spec: dict[str, Any],
    status: dict[str, Any],
    columns: list[dict[str, Any]],
    required: list[str],
) -> dict[str, Any]:
    """Return the CustomResourceDefinition of *kind*."""
    schema = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": {"type": "object", "properties": status},
        },
    }
    if required:
        schema["required"] = required
    schema = described(schema, "", DESCRIPTIONS[kind.kind])
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


class _Plain(yaml.SafeDumper):
    """Writes equal parts out in full: Kubernetes reads no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def render() -> dict[str, str]:
    """Return the files by name."""
    route = crd(MODEL_ROUTE, route_schema(), ROUTE_STATUS, ROUTE_COLUMNS, ["spec"])
    server = crd(MODEL_SERVER, server_schema(), SERVER_STATUS, SERVER_COLUMNS, [])
    # `helm show crds` of Helm 3 puts nothing between the files.
    head = (
        "---\n# Written by deploy/generate_crds.py: change the structs and run `make generate`.\n"
    )
    return {
        f"{kind.group}_{kind.plural}.yaml": head + yaml.dump(body, Dumper=_Plain, sort_keys=False)
        for kind, body in ((MODEL_ROUTE, route), (MODEL_SERVER, server))
    }


def main() -> None:
    """Write the files."""
    for folder in FOLDERS:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in render().items():
            (folder / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {', '.join(render())}\n")


if __name__ == "__main__":
    main()
