"""Everything an operator can set, as frozen values, and the notations they are written in.

Only `cli` builds `Settings`, from arguments, environment and file.
"""

import re
from typing import Literal

import msgspec

MEBIBYTE = 1024 * 1024
CONTROLLER_NAME = "volcano.sh/kthena-router"
GATEWAY_CLASS_NAME = "kthena-router"
DEFAULT_GATEWAY_NAME = "default"
LEASE_NAME = "kthena-router"


_UNIT_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def parse_duration(text: str) -> float:
    """Return the seconds of a Go duration such as `100ms`, `1m30s` or `0`; raise ValueError for anything else."""
    sign = -1.0 if text.startswith("-") else 1.0
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if digits == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(digits))
    if not parts or "".join(part[0] for part in parts) != digits:
        raise ValueError(f"{text!r} is not a duration: write it as 100ms, 1m30s or 1h")
    return sign * sum(float(part[1]) * _UNIT_SECONDS[part[2]] for part in parts)


def parse_bool(text: str) -> bool:
    """Return the truth of a Go boolean (`1 t T TRUE true True` or `0 f F FALSE false False`); raise ValueError for anything else."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"{text!r} is not a boolean: write true or false")


class AccessLogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the access log goes, and in which form (`ACCESS_LOG_*`)."""

    enabled: bool = True
    format: Literal["text", "json"] = "text"
    output: str = "stdout"  # "stdout", "stderr" or a file to append to


class ClusterAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How to find the Kubernetes API: `--kubeconfig`, in-cluster, `KUBECONFIG`, `~/.kube/config`, in this order."""

    kubeconfig: str = ""  # the flag; empty: not given
    context: str = ""  # empty: the current context
    environment_kubeconfig: str = ""  # $KUBECONFIG: a path, or several with ":" between
    home: str = ""  # $HOME, for ~/.kube/config
    service_host: str = ""  # $KUBERNETES_SERVICE_HOST
    service_port: str = ""  # $KUBERNETES_SERVICE_PORT
    service_account: str = "/var/run/secrets/kubernetes.io/serviceaccount"
    queries_per_second: float = 0.0  # 0: the default of 5
    burst: int = 0  # 0: the default of 10


class ClientLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may do on an HTTP/1.1 connection. Sizes are bytes, times seconds; 0 requests or connections: no limit.

    *http1* says what serves it. With h11 only the limits on connections and the time for a head hold.
    """

    http1: Literal["httptools", "h11"] = "httptools"
    request_line: int = 8192
    header_bytes: int = 65_536
    headers: int = 256
    header_timeout: float = 20.0  # from the first byte of a request to the end of its head
    body_timeout: float = 300.0  # from the end of the head to the end of the body
    keep_alive_timeout: float = 120.0  # longer than the idle time of common load balancers
    requests_per_connection: int = 0
    connections: int = 0
    connections_per_client: int = 0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration. Times are seconds, sizes bytes; port 0 means any free port (for tests)."""

    port: int = 8080
    bind_address: str = ""  # empty: all interfaces, IPv4 and IPv6
    tls_cert: str = ""
    tls_key: str = ""
    gateway_api: bool = False
    model_route_allowed_routes: Literal["enforce", "ignore"] = "enforce"
    gateway_address: str = (
        ""  # what Gateway status shows; empty: derived from the bind address or POD_IP
    )
    management_port: int = 15021
    metrics_port: int = 9090
    debug_port: int = 15000
    webhook_port: int = 8443
    expose_metrics_on_router_port: bool = False
    cluster: ClusterAccess = ClusterAccess()
    namespace: str = "default"  # POD_NAMESPACE
    identity: str = (
        "kthena-router"  # who holds the Lease: POD_NAME or the host name, and a random part
    )
    drain_timeout: float = 300.0
    shutdown_delay: float = 5.0
    connect_timeout: float = 5.0
    idle_timeout: float = 300.0
    stall_timeout: float = 60.0
    max_request_body: int = 32 * MEBIBYTE
    client_limits: ClientLimits = ClientLimits()
    access_log: AccessLogSettings = AccessLogSettings()
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def reserved_ports(self) -> frozenset[int]:
        """Return the ports that the process itself needs, so that no Gateway listener may take them."""
        return frozenset(
            {self.management_port, self.metrics_port, self.debug_port, self.webhook_port}
        ) - {0}
