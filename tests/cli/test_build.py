from collections.abc import Mapping

import pytest

from kthena_router.cli.build import build_settings
from kthena_router.cli.flags import UsageError, parse_flags
from kthena_router.settings import Settings


def build(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[Settings, tuple[str, ...]]:
    return build_settings(parse_flags(arguments), environment or {}, host_name="host", nonce="n")


def test_defaults_are_the_originals() -> None:
    settings, warnings = build()

    assert Settings(identity="host_n") == settings
    assert () == warnings


def test_flags_are_read_as_go_reads_them() -> None:
    settings, _ = build("--enable-gateway-api", "--port=9000", "--shutdown-delay", "1m30s", "--v=4")

    assert (True, 9000, 90.0, "debug") == (
        settings.gateway_api,
        settings.port,
        settings.shutdown_delay,
        settings.log_level,
    )


def test_effective_flags_are_shown_as_they_would_be_written() -> None:
    shown = parse_flags(["--enable-gateway-api", "--shutdown-delay", "1m30s"])["shown"]

    assert {"--enable-gateway-api=true", "--shutdown-delay=1m30s", "--idle-timeout=5m"} <= {*shown}


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--port=abc", "--port: 'abc' is not a whole number"),
        ("--kube-api-qps=nan", "--kube-api-qps: 'nan' is not a number"),
        ("--v=x", "--v: 'x' is not a whole number"),
        (
            "--idle-timeout=5",
            "--idle-timeout: '5' is not a duration: write it as 100ms, 1m30s or 1h",
        ),
        ("--idle-timeout=-5s", "--idle-timeout: '-5s' is negative"),
        ("--log-format=xml", "--log-format: 'xml' is none of text, json"),
    ],
)
def test_values_that_cannot_be_read_are_named(flag: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        build(flag)

    assert message == str(refused.value)


def test_environment_is_read() -> None:
    environment = {
        "POD_NAMESPACE": "kthena-system",
        "POD_NAME": "router-0",
        "POD_IP": "10.0.0.1",
        "DRAIN_TIMEOUT": "10s",
        "ACCESS_LOG_FORMAT": "json",
        "ACCESS_LOG_ENABLED": "F",
    }

    settings, _ = build(environment=environment)

    assert ("kthena-system", "router-0_n", "10.0.0.1", 10.0) == (
        settings.namespace,
        settings.identity,
        settings.gateway_address,
        settings.drain_timeout,
    )
    assert ("json", False) == (settings.access_log.format, settings.access_log.enabled)


@pytest.mark.parametrize("value", ["soon", "0s", "-1s"])
def test_bad_drain_timeout_warns_and_keeps_the_default(value: str) -> None:
    settings, warnings = build(environment={"DRAIN_TIMEOUT": value})

    assert 300.0 == settings.drain_timeout
    assert "DRAIN_TIMEOUT" in warnings[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls-cert=x"], "tls-cert and tls-key must be specified together"),
        (
            ["--enable-gateway-api-inference-extension"],
            "--enable-gateway-api-inference-extension requires --enable-gateway-api to be enabled",
        ),
        (["--webhook-port=0"], "invalid webhook port: 0"),
        (["--debug-port=70000"], "invalid debug port: 70000"),
        (["--metrics-port=-1"], "invalid metrics port: -1"),
        (["--port=9090"], "--port and --metrics-port are both 9090"),
        (["--enable-webhook"], "admission webhook is not available"),
        (
            ["--enable-gateway-api", "--enable-gateway-api-inference-extension"],
            "HTTPRoute and InferencePool",
        ),
        (["--idle-timeout=5"], "not a duration"),
        (["--log-level=loud"], "none of debug"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_what_cannot_be_started_is_said(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(*arguments)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"REDIS_HOST": "redis"}, "REDIS_HOST"),
        ({"ENABLE_FAIRNESS_SCHEDULING": "1"}, "fair queueing"),
        ({"ENABLE_SESSION_BOOST": "true"}, "session boost"),
        ({"ENABLE_FAIRNESS_SCHEDULING": "1", "ENABLE_SESSION_BOOST": "1"}, "mutually exclusive"),
    ],
)
def test_missing_features_are_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(environment=environment)


def test_klogs_flags_are_taken() -> None:
    _, warnings = build("--logtostderr", "--log_dir=/x", "--stderrthreshold=INFO")

    assert 3 == len(warnings)
