"""The command line: which flags there are, and what they become."""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from kthena_router import __version__
from kthena_router.settings import MEBIBYTE, parse_bool, parse_duration


class UsageError(Exception):
    """What was asked for cannot be started; the text is for the operator."""


def _text(value: str) -> str:
    return value


def _duration(value: str) -> float:
    seconds = parse_duration(value)
    if seconds < 0:
        raise ValueError(f"{value!r} is negative")
    return seconds


def _whole(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None


def _rate(value: str) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if not math.isfinite(rate):
        raise ValueError(f"{value!r} is not a number")
    return rate


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
        return value

    return parse


@dataclass(frozen=True)
class Flag:
    """One flag: *default* is in the notation of the command line, *parse* raises ValueError."""

    name: str
    default: str
    parse: Callable[[str], Any]
    help: str

    @property
    def is_switch(self) -> bool:
        return self.parse is parse_bool


FLAGS = (
    Flag(
        "port",
        "8080",
        _whole,
        "default inference port; with Gateway API also the port of Gateway `default`",
    ),
    Flag("tls-cert", "", _text, "PEM certificate for the default port; needs --tls-key"),
    Flag("tls-key", "", _text, "PEM key for the default port; needs --tls-cert"),
    Flag("enable-gateway-api", "false", parse_bool, "watch Gateways and open their listeners"),
    Flag(
        "enable-gateway-api-inference-extension",
        "false",
        parse_bool,
        "serve HTTPRoute and InferencePool (not in this version)",
    ),
    Flag(
        "enable-webhook", "false", parse_bool, "validating admission webhook (not in this version)"
    ),
    Flag("webhook-port", "8443", _whole, "admission webhook port (reserved for it)"),
    Flag(
        "webhook-tls-cert-file",
        "/etc/tls/tls.crt",
        _text,
        "admission webhook certificate (reserved)",
    ),
    Flag(
        "webhook-tls-private-key-file",
        "/etc/tls/tls.key",
        _text,
        "admission webhook key (reserved)",
    ),
    Flag(
        "cert-secret-name",
        "kthena-router-webhook-certs",
        _text,
        "admission webhook Secret (reserved)",
    ),
    Flag(
        "webhook-service-name",
        "kthena-router-webhook",
        _text,
        "admission webhook Service (reserved)",
    ),
    Flag("debug-port", "15000", _whole, "debug server port (reserved for it)"),
    Flag("metrics-port", "9090", _whole, "Prometheus metrics"),
    Flag("management-port", "15021", _whole, "/healthz and /readyz, from the first second"),
    Flag(
        "expose-metrics-on-router-port",
        "false",
        parse_bool,
        "serve /metrics on the default port too",
    ),
    Flag("bind-address", "", _text, "address of every socket; empty: all interfaces"),
    Flag(
        "gateway-address",
        "",
        _text,
        "address shown in Gateway status; empty: --bind-address, POD_IP or the host's own",
    ),
    Flag(
        "kubeconfig",
        "",
        _text,
        "kubeconfig file; before in-cluster, $KUBECONFIG and ~/.kube/config",
    ),
    Flag("context", "", _text, "kubeconfig context; empty: the current one"),
    Flag("kube-api-qps", "0", _rate, "requests per second to the API server; 0: 5"),
    Flag("kube-api-burst", "0", _whole, "burst of requests to the API server; 0: 10"),
    Flag(
        "config", "/etc/config/routerConfiguration.yaml", _text, "configuration file; may be absent"
    ),
    Flag(
        "model-route-allowed-routes",
        "enforce",
        _choice("enforce", "ignore"),
        "whether a listener's allowedRoutes binds ModelRoutes; `ignore` is what the original does",
    ),
    Flag(
        "shutdown-delay", "5s", _duration, "between not ready and refusing connections, at shutdown"
    ),
    Flag("connect-timeout", "5s", _duration, "to connect to an endpoint"),
    Flag("idle-timeout", "5m", _duration, "between two pieces of an endpoint's answer"),
    Flag("stall-timeout", "60s", _duration, "until a client that takes no data is cut"),
    Flag("max-request-body", str(32 * MEBIBYTE), _whole, "largest request body, bytes"),
    Flag(
        "http1",
        "httptools",
        _choice("httptools", "h11"),
        "what serves HTTP/1.1; `h11` is hypercorn's own protocol: slower, and without the limits below but --header-timeout and those on connections",
    ),
    Flag("max-request-line", "8192", _whole, "longest request line, bytes; more is 414"),
    Flag("max-header-bytes", "65536", _whole, "largest head of a request, bytes; more is 431"),
    Flag("max-headers", "256", _whole, "most headers of a request; more is 431"),
    Flag("header-timeout", "20s", _duration, "for a client to send the head of a request"),
    Flag("body-timeout", "5m", _duration, "for a client to send the body of a request"),
    Flag("keep-alive-timeout", "2m", _duration, "until an idle client connection is closed"),
    Flag("max-requests-per-connection", "0", _whole, "until a connection is closed; 0: no limit"),
    Flag("max-connections", "0", _whole, "client connections in all; more is 503; 0: no limit"),
    Flag(
        "max-connections-per-client",
        "0",
        _whole,
        "client connections of one address; more is 503; 0: no limit",
    ),
    Flag("log-format", "text", _choice("text", "json"), "process log"),
    Flag("log-level", "info", _choice("debug", "info", "warning", "error"), "process log"),
)

# The original takes klog's flags. Verbosity is honoured; the rest steer log files that we do not write.
KLOG_SWITCHES = (
    "logtostderr",
    "alsologtostderr",
    "one_output",
    "skip_headers",
    "skip_log_headers",
    "add_dir_header",
    "legacy_stderr_threshold_behavior",
)
KLOG_VALUES = (
    "vmodule",
    "stderrthreshold",
    "log_dir",
    "log_file",
    "log_file_max_size",
    "log_backtrace_at",
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _build_parser() -> _Parser:
    parser = _Parser(
        prog="kthena-router",
        description="Route OpenAI-style traffic to inference engines in Kubernetes.",
        epilog="`kthena-router sandbox` starts a Kubernetes-compatible cluster on this machine to try it in.",
        allow_abbrev=False,
    )
    for flag in FLAGS:
        shown = f"{flag.help} (default: {flag.default or 'none'})".replace("%", "%%")
        parser.add_argument(f"--{flag.name}", default=flag.default, metavar="VALUE", help=shown)
    parser.add_argument("--version", action="version", version=f"kthena-router {__version__}")
    parser.add_argument(
        "--v", "-v", default="0", metavar="N", help="verbosity; 4 and more means --log-level=debug"
    )
    for name in (*KLOG_SWITCHES, *KLOG_VALUES):
        parser.add_argument(f"--{name}", default=None, help=argparse.SUPPRESS)
    return parser


def _spell_out_switches(argv: Sequence[str]) -> list[str]:
    """Turn a bare boolean flag into `--flag=true`, as Go's flag packages read it."""
    switches = {f"--{flag.name}" for flag in FLAGS if flag.is_switch} | {
        f"--{name}" for name in KLOG_SWITCHES
    }
    return [f"{word}=true" if word in switches else word for word in argv]


def parse_flags(argv: Sequence[str]) -> dict[str, Any]:
    """Return every flag's value by its name. Raises UsageError; exits for `--help`."""
    given = vars(_build_parser().parse_args(_spell_out_switches(argv)))
    values: dict[str, Any] = {}
    for flag in FLAGS:
        text = given[flag.name.replace("-", "_")]
        try:
            values[flag.name] = flag.parse(text)
        except ValueError as error:
            raise UsageError(f"--{flag.name}: {error}") from error
    values["v"] = _verbosity(given["v"])
    values["shown"] = tuple(_shown(flag, given, values) for flag in FLAGS)
    values["ignored"] = tuple(
        name for name in (*KLOG_SWITCHES, *KLOG_VALUES) if given[name] is not None
    )
    return values


def _shown(flag: Flag, given: Mapping[str, str], values: Mapping[str, Any]) -> str:
    """Return the flag as it would be written on a command line."""
    text = str(values[flag.name]).lower() if flag.is_switch else given[flag.name.replace("-", "_")]
    return f"--{flag.name}={text}"


def _verbosity(text: str) -> int:
    try:
        return _whole(text)
    except ValueError as error:
        raise UsageError(f"--v: {error}") from error
