import pytest

from kthena_sandbox.echo.answers import (
    Asked,
    canonical,
    echo_body,
    seconds_of,
    status_of,
    wanted_headers,
)
from kthena_sandbox.echo.lines import answer_to
from kthena_sandbox.echo.settings import (
    EchoSettings,
    SettingsError,
    read_settings,
)
from kthena_sandbox.echo.tls import registered_name

SETTINGS = EchoSettings(namespace="n", pod="p")


def asked(*headers: tuple[str, str], uri: str = "/a%2Fb?x=<1>") -> Asked:
    return Asked("GET", uri, "example.com", "HTTP/1.1", headers)


def test_an_answer_is_what_was_asked() -> None:
    request = asked(("host", "example.com"), ("x-two", "b"), ("accept", "*/*"), ("x-two", "a"))
    assert (
        echo_body(request, SETTINGS.context, 3000, None).decode()
        == """{
 "path": "/a%2Fb?x=\\u003c1\\u003e",
 "host": "example.com",
 "method": "GET",
 "proto": "HTTP/1.1",
 "headers": {
  "Accept": [
   "*/*"
  ],
  "X-Two": [
   "b",
   "a"
  ]
 },
 "httpPort": "3000",
 "namespace": "n",
 "ingress": "",
 "service": "",
 "pod": "p",
 "sni": ""
}"""
    )


def test_the_answer_of_a_tls_connection_tells_about_it() -> None:
    tls = {
        "version": "TLSv1.3",
        "serverName": "abc.example.com",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
    }
    body = echo_body(asked(uri="/backendTLS"), {}, 8443, tls).decode()
    assert '"tls": {\n  "version": "TLSv1.3",' in body
    assert body.endswith('"sni": "abc.example.com"\n}')


def test_headers_in_their_canonical_form() -> None:
    assert [canonical(name) for name in ("x-request-ID", "ETAG", "a")] == [
        "X-Request-Id", "Etag", "A",
    ]  # fmt: skip


def test_headers_that_a_request_asks_for() -> None:
    wanted = asked(("x-echo-set-header", "X-A:1, X-B: 2,X-A: 3"))
    assert wanted_headers(wanted) == [("X-A", "1,3"), ("X-B", " 2")]


@pytest.mark.parametrize(
    ("uri", "status"), [("/status/503", 503), ("/status/5030", 400), ("/status/404?x", 400)]
)
def test_statuses(uri: str, status: int) -> None:
    assert status_of(uri) == status


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("500ms", 0.5), ("1m30.5s", 90.5), ("0", 0), (".5h", 1800)]
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["1", "s", "1s2", "soon", "-1s"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="time: invalid duration"):
        seconds_of(text)


def test_settings() -> None:
    variables = {"HTTP_PORT": "3002", "H2C_PORT": "3003", "TLS_SERVER_CERT": "/c",
                 "TLS_SERVER_PRIVKEY": "/k", "NAMESPACE": "n", "POD_NAME": "p"}  # fmt: skip
    assert read_settings(variables) == EchoSettings(
        http_port=3002, h2c_port=3003, certificate="/c", key="/k", namespace="n", pod="p"
    )
    tcp = {"TCP_ECHO_SERVER": "1", "TLS_SERVER_CERT": "/c", "TLS_SERVER_PRIV_KEY": "/k"}
    assert read_settings(tcp) == EchoSettings(mode="tcp", certificate="/c", key="/k")
    assert read_settings({"GRPC_ECHO_SERVER": "1"} | variables) == EchoSettings(
        mode="grpc", http_port=3002, h2c_port=3003, namespace="n", pod="p"
    )
    assert read_settings({"UDP_ECHO_SERVER": "1"}) == EchoSettings(mode="udp", http_port=8080)
    with pytest.raises(SettingsError, match="HTTP_PORT: 'many' is not a port"):
        read_settings({"HTTP_PORT": "many"})


@pytest.mark.parametrize(
    ("ours", "registered"),
    [
        ("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    ],
)
def test_names_of_cipher_suites(ours: str, registered: str) -> None:
    assert registered_name(ours) == registered


def test_lines() -> None:
    assert [answer_to(line, SETTINGS, None) for line in (b"PING", b"IS_TLS", b"other")] == [
        b"PONG\n", b"false\n", b"",
    ]  # fmt: skip
    assert answer_to(b"TEST", SETTINGS, {"version": "TLSv1.3"}) == (
        b'{"namespace":"n","ingress":"","service":"","pod":"p","tcpport":"3000","tlsport":"8443",'
        b'"isTLS":true,"tls":{"version":"TLSv1.3"}}\n'
    )
