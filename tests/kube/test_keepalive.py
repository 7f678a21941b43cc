import socket
import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from tests.support.kube_server import Exchange, open_kube_server

from kthena_router.kube.keepalive import probe_peer


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_kernel_notices_a_vanished_peer_within_half_a_minute(
    tls: bool, tmp_path: Path
) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer()

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    async with (
        open_kube_server(answer, context if tls else None) as server,
        httpx.AsyncClient(verify=trust, trust_env=False, timeout=60) as client,
        client.stream("GET", f"{server.url}/") as response,
    ):
        probe_peer(response)

        used = response.extensions["network_stream"].get_extra_info("socket")
        idle = used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        interval = used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
        count = used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
        assert 1 == used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert idle + interval * count <= 30


def test_answer_without_a_socket_is_left_alone() -> None:
    probe_peer(httpx.Response(200))
