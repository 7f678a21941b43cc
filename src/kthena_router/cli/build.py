"""Flags and environment become Settings, or a UsageError that says what to change."""

from collections.abc import Mapping
from typing import Any

from kthena_router.cli.flags import UsageError
from kthena_router.settings import (
    AccessLogSettings,
    ClientLimits,
    ClusterAccess,
    Settings,
    parse_bool,
    parse_duration,
)

DEFAULT_DRAIN_TIMEOUT_SECONDS = 300.0
DEBUG_VERBOSITY = 4
POSITIVE = (
    "max-request-body",
    "connect-timeout",
    "idle-timeout",
    "stall-timeout",
    "max-request-line",
    "max-header-bytes",
    "max-headers",
    "header-timeout",
    "body-timeout",
    "keep-alive-timeout",
)
NOT_NEGATIVE = (
    "kube-api-qps",
    "kube-api-burst",
    "max-requests-per-connection",
    "max-connections",
    "max-connections-per-client",
)


def build_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str], *, host_name: str, nonce: str
) -> tuple[Settings, tuple[str, ...]]:
    """Return the Settings and the warnings that go with them. Raises UsageError."""
    check_flags(flags)
    check_features(flags, environment)
    warnings = [f"--{name} has no effect: the log goes to stderr" for name in flags["ignored"]]
    drain_timeout = _drain_timeout(environment, warnings)
    access_log = _access_log(environment, warnings)
    settings = Settings(
        port=flags["port"],
        bind_address=flags["bind-address"],
        tls_cert=flags["tls-cert"],
        tls_key=flags["tls-key"],
        gateway_api=flags["enable-gateway-api"],
        model_route_allowed_routes=flags["model-route-allowed-routes"],
        gateway_address=flags["gateway-address"] or environment.get("POD_IP", ""),
        management_port=flags["management-port"],
        metrics_port=flags["metrics-port"],
        debug_port=flags["debug-port"],
        webhook_port=flags["webhook-port"],
        expose_metrics_on_router_port=flags["expose-metrics-on-router-port"],
        cluster=_cluster_access(flags, environment),
        namespace=environment.get("POD_NAMESPACE") or "default",
        identity=f"{environment.get('POD_NAME') or host_name}_{nonce}",
        drain_timeout=drain_timeout,
        shutdown_delay=flags["shutdown-delay"],
        connect_timeout=flags["connect-timeout"],
        idle_timeout=flags["idle-timeout"],
        stall_timeout=flags["stall-timeout"],
        max_request_body=flags["max-request-body"],
        client_limits=_client_limits(flags),
        access_log=access_log,
        log_format=flags["log-format"],
        log_level="debug" if flags["v"] >= DEBUG_VERBOSITY else flags["log-level"],
    )
    return settings, tuple(warnings)


def _client_limits(flags: Mapping[str, Any]) -> ClientLimits:
    return ClientLimits(
        http1=flags["http1"],
        request_line=flags["max-request-line"],
        header_bytes=flags["max-header-bytes"],
        headers=flags["max-headers"],
        header_timeout=flags["header-timeout"],
        body_timeout=flags["body-timeout"],
        keep_alive_timeout=flags["keep-alive-timeout"],
        requests_per_connection=flags["max-requests-per-connection"],
        connections=flags["max-connections"],
        connections_per_client=flags["max-connections-per-client"],
    )


def check_flags(flags: Mapping[str, Any]) -> None:
    """Raise UsageError for values that contradict each other or lie outside their range."""
    if bool(flags["tls-cert"]) != bool(flags["tls-key"]):
        raise UsageError("tls-cert and tls-key must be specified together")
    if flags["enable-gateway-api-inference-extension"] and not flags["enable-gateway-api"]:
        raise UsageError(
            "--enable-gateway-api-inference-extension requires --enable-gateway-api to be enabled"
        )
    for name, label in (
        ("webhook-port", "webhook"),
        ("debug-port", "debug"),
        ("metrics-port", "metrics"),
        ("management-port", "management"),
        ("port", "default"),
    ):
        if not 1 <= flags[name] <= 65535:
            raise UsageError(f"invalid {label} port: {flags[name]}")
    for name in POSITIVE:
        if flags[name] <= 0:
            raise UsageError(f"--{name} must be greater than zero")
    for name in NOT_NEGATIVE:
        if flags[name] < 0:
            raise UsageError(f"--{name} must not be negative")
    _check_collisions(flags)


def _check_collisions(flags: Mapping[str, Any]) -> None:
    owners: dict[int, str] = {}
    for name in ("port", "management-port", "metrics-port"):
        taken = owners.setdefault(flags[name], name)
        if taken != name:
            raise UsageError(
                f"--{taken} and --{name} are both {flags[name]}: give them different ports"
            )


def check_features(flags: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Raise UsageError where a feature is switched on that this version does not have."""
    missing = "is not available in this version; leave it out to start without"
    if flags["enable-webhook"]:
        raise UsageError(f"--enable-webhook: the admission webhook {missing}")
    if flags["enable-gateway-api-inference-extension"]:
        raise UsageError(
            f"--enable-gateway-api-inference-extension: HTTPRoute and InferencePool {missing}"
        )
    fairness = _is_on(environment, "ENABLE_FAIRNESS_SCHEDULING")
    boost = _is_on(environment, "ENABLE_SESSION_BOOST")
    if fairness and boost:
        raise UsageError(
            "ENABLE_FAIRNESS_SCHEDULING and ENABLE_SESSION_BOOST are mutually exclusive; enable only one"
        )
    if fairness:
        raise UsageError(f"ENABLE_FAIRNESS_SCHEDULING: fair queueing {missing}")
    if boost:
        raise UsageError(f"ENABLE_SESSION_BOOST: session boost {missing}")
    if environment.get("REDIS_HOST"):
        raise UsageError(f"REDIS_HOST: sharing state over Redis {missing}")


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    try:
        return parse_bool(environment.get(name, "false"))
    except ValueError:
        return False  # the original ignores what it cannot read


def _drain_timeout(environment: Mapping[str, str], warnings: list[str]) -> float:
    text = environment.get("DRAIN_TIMEOUT", "")
    if not text:
        return DEFAULT_DRAIN_TIMEOUT_SECONDS
    try:
        seconds = parse_duration(text)
        if seconds > 0:
            return seconds
        problem = f"{text!r} is not greater than zero"
    except ValueError as error:
        problem = str(error)
    warnings.append(f"DRAIN_TIMEOUT: {problem}; using 5m")
    return DEFAULT_DRAIN_TIMEOUT_SECONDS


def _access_log(environment: Mapping[str, str], warnings: list[str]) -> AccessLogSettings:
    enabled = True
    try:
        enabled = parse_bool(environment.get("ACCESS_LOG_ENABLED") or "true")
    except ValueError as error:
        warnings.append(f"ACCESS_LOG_ENABLED: {error}; using true")
    form = environment.get("ACCESS_LOG_FORMAT") or "text"
    if form not in {"text", "json"}:
        warnings.append(f"ACCESS_LOG_FORMAT: {form!r} is neither text nor json; using text")
    return AccessLogSettings(
        enabled=enabled,
        format="json" if form == "json" else "text",
        output=environment.get("ACCESS_LOG_OUTPUT") or "stdout",
    )


def _cluster_access(flags: Mapping[str, Any], environment: Mapping[str, str]) -> ClusterAccess:
    return ClusterAccess(
        kubeconfig=flags["kubeconfig"],
        context=flags["context"],
        environment_kubeconfig=environment.get("KUBECONFIG", ""),
        home=environment.get("HOME", ""),
        service_host=environment.get("KUBERNETES_SERVICE_HOST", ""),
        service_port=environment.get("KUBERNETES_SERVICE_PORT", ""),
        queries_per_second=flags["kube-api-qps"],
        burst=flags["kube-api-burst"],
    )
