"""Everything an operator can set, as frozen values. Only `cli` builds them, from arguments, environment and file."""

from typing import Literal

import msgspec

MEBIBYTE = 1024 * 1024
CONTROLLER_NAME = "volcano.sh/kthena-router"
GATEWAY_CLASS_NAME = "kthena-router"
DEFAULT_GATEWAY_NAME = "default"
LEASE_NAME = "kthena-router"


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
    access_log: AccessLogSettings = AccessLogSettings()
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def reserved_ports(self) -> frozenset[int]:
        """Return the ports that the process itself needs, so that no Gateway listener may take them."""
        return frozenset(
            {self.management_port, self.metrics_port, self.debug_port, self.webhook_port}
        ) - {0}
