"""Our own kinds, group `networking.serving.volcano.sh/v1alpha1`: ModelRoute and ModelServer, with every field of the CRDs.

The CRDs are generated from these structs: limits and defaults stand here and nowhere else.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from kthena_router.api.gateway import ParentReference
from kthena_router.api.meta import Object, Struct

GROUP = "networking.serving.volcano.sh"
VERSION = "v1alpha1"


class StringMatch(Struct, frozen=True):
    """The first of exact, prefix and regex that is set decides; none set matches everything."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class BodyMatch(Struct, frozen=True):
    model: str | None = None


class ModelMatch(Struct, frozen=True):
    headers: dict[str, StringMatch] = {}
    uri: StringMatch | None = None
    body: BodyMatch | None = None


class TargetModel(Struct, frozen=True, rename="camel"):
    model_server_name: str | None = None
    external_model_provider_name: str | None = None
    weight: Annotated[int, Meta(ge=0, le=100)] = 100


class Rule(Struct, frozen=True, rename="camel"):
    target_models: Annotated[list[TargetModel], Meta(min_length=1, max_length=16)]
    name: str | None = None
    model_match: ModelMatch | None = None


class Redis(Struct, frozen=True):
    address: str


class GlobalRateLimit(Struct, frozen=True):
    redis: Redis | None = None


class RateLimit(
    Struct,
    frozen=True,
    rename={
        "input_tokens_per_unit": "inputTokensPerUnit",
        "output_tokens_per_unit": "outputTokensPerUnit",
        "global_": "global",
    },
):
    unit: Literal["second", "minute", "hour", "day", "month"] = "second"
    input_tokens_per_unit: Annotated[int, Meta(ge=1)] | None = None
    output_tokens_per_unit: Annotated[int, Meta(ge=1)] | None = None
    global_: GlobalRateLimit | None = None


class ModelRouteSpec(Struct, frozen=True, rename="camel"):
    rules: Annotated[list[Rule], Meta(max_length=16)] = []
    model_name: str = ""
    lora_adapters: Annotated[list[str], Meta(max_length=10)] = []
    parent_refs: list[ParentReference] = []
    rate_limit: RateLimit | None = None


class ModelRoute(Object, frozen=True, kw_only=True):
    spec: ModelRouteSpec
    status: dict[str, Any] = {}


class PDGroup(Struct, frozen=True, rename="camel"):
    group_key: str
    prefill_labels: dict[str, str]
    decode_labels: dict[str, str]


class WorkloadSelector(Struct, frozen=True, rename="camel"):
    match_labels: dict[str, str] = {}
    pd_group: PDGroup | None = None


class WorkloadPort(Struct, frozen=True):
    port: Annotated[int, Meta(ge=1, le=65535)]
    protocol: Literal["http", "https"] = "http"


class Retry(Struct, frozen=True, rename="camel"):
    attempts: int = 0
    retry_interval: str = "100ms"


class TrafficPolicy(Struct, frozen=True):
    timeout: str | None = None  # a Go duration
    retry: Retry | None = None


class KVConnector(Struct, frozen=True):
    type: Literal["http", "lmcache", "nixl", "mooncake"] = "http"


class ModelServerSpec(Struct, frozen=True, rename="camel"):
    inference_engine: Literal["vLLM", "SGLang"] = "vLLM"
    workload_port: WorkloadPort | None = None
    workload_selector: WorkloadSelector | None = None
    model: Annotated[str, Meta(max_length=256)] | None = None
    traffic_policy: TrafficPolicy | None = None
    kv_connector: KVConnector | None = None


class ModelServer(Object, frozen=True, kw_only=True):
    spec: ModelServerSpec = field(default_factory=ModelServerSpec)
    status: dict[str, Any] = {}
