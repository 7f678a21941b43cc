"""What reaches the API, for each way to name a cluster and to prove who one is."""

import base64
import os
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trustme
from tests.support.kube_server import Exchange, KubeServer, open_kube_server

from kthena_router.kube import kr8s_client
from kthena_router.kube.api_client import open_kube_api
from kthena_router.kube.client import NoCluster, Unavailable
from kthena_router.settings import ClusterAccess

AUTHORITY = trustme.CA()
SERVER_CERTIFICATE = AUTHORITY.issue_cert("127.0.0.1", "kubernetes.default.svc")
CLIENT_CERTIFICATE = AUTHORITY.issue_cert("client@example.com", common_name="router")
KEY = CLIENT_CERTIFICATE.private_key_pem.bytes()
CERTIFICATE = CLIENT_CERTIFICATE.cert_chain_pems[0].bytes()
AUTHORITY_PEM = AUTHORITY.cert_pem.bytes()


@asynccontextmanager
async def tls_server() -> AsyncIterator[KubeServer]:
    """Serve TLS, and ask for a client certificate without insisting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    SERVER_CERTIFICATE.configure_cert(context)
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    async with open_kube_server(answer, context) as server:
        yield server


async def answer(exchange: Exchange) -> None:
    await exchange.answer()


def write(path: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> Path:
    body = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.encode(body))  # which is YAML
    return path


async def ask(server: KubeServer, access: ClusterAccess) -> Exchange:
    """Make one request and return what came of it."""
    async with open_kube_api(access) as api:
        await api.request("GET", "/api/v1/pods")
    return server.requests[-1]


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def test_kubeconfig_without_credentials_sends_none(tmp_path: Path) -> None:
    async with open_kube_server(answer) as server:
        path = write(tmp_path / "config", {"server": server.url})

        asked = await ask(server, ClusterAccess(kubeconfig=str(path)))

        assert "authorization" not in asked.headers


async def test_token_of_a_kubeconfig_is_sent(tmp_path: Path) -> None:
    async with open_kube_server(answer) as server:
        path = write(tmp_path / "config", {"server": server.url}, {"token": "secret"})

        assert "secret" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).token


async def test_token_file_wins_over_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the file\n")
    async with open_kube_server(answer) as server:
        user = {"token": "old", "tokenFile": "token"}
        path = write(tmp_path / "config", {"server": server.url}, user)

        assert "from the file" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).token


async def test_client_certificate_in_files_beside_the_kubeconfig(tmp_path: Path) -> None:
    for name, content in (("ca.crt", AUTHORITY_PEM), ("tls.crt", CERTIFICATE), ("tls.key", KEY)):
        (tmp_path / name).write_bytes(content)
    async with tls_server() as server:
        cluster = {"server": server.url, "certificate-authority": "ca.crt"}
        user = {"client-certificate": "tls.crt", "client-key": "tls.key"}
        path = write(tmp_path / "config", cluster, user)

        assert "router" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).client_name


async def test_client_certificate_in_the_kubeconfig_leaves_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    async with tls_server() as server:
        cluster = {"server": server.url, "certificate-authority-data": encoded(AUTHORITY_PEM)}
        user = {"client-certificate-data": encoded(CERTIFICATE), "client-key-data": encoded(KEY)}
        path = write(tmp_path / "config", cluster, user)

        assert "router" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).client_name
    assert [] == list(copies.iterdir())


async def test_server_may_be_known_by_another_name(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("kubernetes").configure_cert(context)
    async with open_kube_server(answer, context) as server:
        cluster = {
            "server": server.url,
            "certificate-authority-data": encoded(AUTHORITY_PEM),
            "tls-server-name": "kubernetes",
        }
        path = write(tmp_path / "config", cluster)

        assert "GET" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).method


async def test_server_of_an_unknown_authority_is_not_spoken_to(tmp_path: Path) -> None:
    async with tls_server() as server:
        data = encoded(trustme.CA().cert_pem.bytes())
        path = write(
            tmp_path / "config", {"server": server.url, "certificate-authority-data": data}
        )

        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await ask(server, ClusterAccess(kubeconfig=str(path)))
        assert [] == server.requests


async def test_unknown_authority_may_be_accepted(tmp_path: Path) -> None:
    async with tls_server() as server:
        path = write(tmp_path / "config", {"server": server.url, "insecure-skip-tls-verify": True})

        assert "GET" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).method


async def test_service_account_of_a_pod(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("mounted")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY_PEM)
    async with tls_server() as server:
        access = ClusterAccess(
            service_host="127.0.0.1",
            service_port=str(server.port),
            service_account=str(tmp_path),
            environment_kubeconfig="/nowhere",
        )

        assert "mounted" == (await ask(server, access)).token


async def test_flag_is_taken_before_the_service_account_and_the_variable(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("mounted")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY_PEM)
    async with tls_server() as other, open_kube_server(answer) as server:
        named = write(tmp_path / "variable" / "config", {"server": other.url})
        flag = write(tmp_path / "flag" / "config", {"server": server.url}, {"token": "flag"})
        access = ClusterAccess(
            kubeconfig=str(flag),
            service_host="127.0.0.1",
            service_port=str(other.port),
            service_account=str(tmp_path),
            environment_kubeconfig=str(named),
        )

        assert "flag" == (await ask(server, access)).token
        assert 0 == other.accepted


async def test_variable_with_several_files_is_taken_before_the_home(tmp_path: Path) -> None:
    async with open_kube_server(answer) as server:
        first, second = tmp_path / "first", tmp_path / "second"
        first.write_text("current-context: x\nusers: [{name: u, user: {token: first}}]\n")
        write(second, {"server": server.url}, {"token": "second"})
        home = tmp_path / "home"
        (home / ".kube").mkdir(parents=True)
        write(home / ".kube" / "config", {"server": "http://127.0.0.1:1"})
        access = ClusterAccess(environment_kubeconfig=f"{first}:{second}", home=str(home))

        assert "first" == (await ask(server, access)).token


async def test_home_is_the_last_place(tmp_path: Path) -> None:
    async with open_kube_server(answer) as server:
        write(tmp_path / ".kube" / "config", {"server": server.url}, {"token": "home"})

        assert "home" == (await ask(server, ClusterAccess(home=str(tmp_path)))).token


async def test_context_is_chosen(tmp_path: Path) -> None:
    async with open_kube_server(answer) as server:
        path = tmp_path / "config"
        path.write_text(
            f"clusters: [{{name: c, cluster: {{server: '{server.url}'}}}}]\n"
            "users: [{name: a, user: {token: a}}, {name: b, user: {token: b}}]\n"
            "contexts: [{name: a, context: {cluster: c, user: a}},"
            " {name: b, context: {cluster: c, user: b}}]\n"
            "current-context: a\n"
        )
        access = ClusterAccess(kubeconfig=str(path), context="b")

        assert "b" == (await ask(server, access)).token


async def test_proxies_of_the_environment_are_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with open_kube_server(answer) as server:
        path = write(tmp_path / "config", {"server": server.url})

        assert "GET" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).method


async def test_proxy_of_the_kubeconfig_is_asked(tmp_path: Path) -> None:
    async with open_kube_server(answer) as proxy:
        cluster = {"server": "http://kubernetes.invalid:6443", "proxy-url": proxy.url}
        path = write(tmp_path / "config", cluster)

        asked = await ask(proxy, ClusterAccess(kubeconfig=str(path)))

        assert "kubernetes.invalid:6443" == asked.headers["host"]


def plugin(folder: Path, status: dict[str, Any], code: int = 0) -> dict[str, Any]:
    """Write a credential plugin that answers with *status*, and return the user that calls it."""
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": status,
    }
    script = folder / "bin" / "plugin"
    script.parent.mkdir()
    script.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"print({msgspec.json.encode(credential).decode()!r})\n"
        f"sys.stderr.write('log in first')\nsys.exit({code})\n"
    )
    script.chmod(0o755)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": "./bin/plugin", "env": None}}


async def test_credential_plugin_gives_a_token(tmp_path: Path) -> None:
    async with open_kube_server(answer) as server:
        user = plugin(tmp_path, {"token": "from the plugin"})
        path = write(tmp_path / "config", {"server": server.url}, user)

        assert "from the plugin" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).token


async def test_credential_plugin_gives_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    status = {"clientCertificateData": CERTIFICATE.decode(), "clientKeyData": KEY.decode()}
    async with tls_server() as server:
        cluster = {"server": server.url, "insecure-skip-tls-verify": True}
        path = write(tmp_path / "config", cluster, plugin(tmp_path, status))

        assert "router" == (await ask(server, ClusterAccess(kubeconfig=str(path)))).client_name
    assert [] == list(copies.iterdir())


async def test_credential_plugin_that_fails_is_quoted(tmp_path: Path) -> None:
    path = write(tmp_path / "config", {"server": "http://127.0.0.1:1"}, plugin(tmp_path, {}, 3))

    with pytest.raises(NoCluster, match=r"(?s)config cannot be used: .*code 3.*log in first"):
        async with open_kube_api(ClusterAccess(kubeconfig=str(path))):
            pass


async def test_credential_plugin_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kr8s_client, "LOAD_SECONDS", 2.0)  # for a shell to start
    version = "client.authentication.k8s.io/v1"
    script = f"echo $$ > {tmp_path}/pid; exec sleep 60"
    user = {"exec": {"apiVersion": version, "command": "sh", "args": ["-c", script]}}
    path = write(tmp_path / "config", {"server": "http://127.0.0.1:1"}, user)

    with trio.fail_after(50), pytest.raises(NoCluster, match="TooSlowError"):
        async with open_kube_api(ClusterAccess(kubeconfig=str(path))):
            pass
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({"server": "https://x", "certificate-authority": "no.crt"}, {}, "no.crt"),
        ({"server": "https://x"}, {"tokenFile": "no-token"}, "no-token"),
        ({"server": "https://x"}, {"username": "a", "password": "b"}, "username/password"),
        ({"server": "https://x", "certificate-authority-data": "AAAA"}, {}, "SSLError"),
        ({}, {}, "cluster 'c' has no server"),
    ],
)
async def test_kubeconfig_that_cannot_be_used_says_why(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "config", cluster, user)

    with pytest.raises(NoCluster, match=f"{path} cannot be used: .*{message}"):
        async with open_kube_api(ClusterAccess(kubeconfig=str(path))):
            pass


async def test_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match="IsADirectoryError"):
        async with open_kube_api(ClusterAccess(kubeconfig=str(tmp_path))):
            pass
