"""Secrets with tokens of service accounts."""

import base64
from pathlib import Path

import httpx
from tests.sandbox.house import Cluster, running

from kthena_sandbox.controllers.tokensecrets import TYPE, missing
from kthena_sandbox.kinds import SECRETS, SERVICE_ACCOUNTS, Document, Key

NAME = "kubernetes.io/service-account.name"
UID = "kubernetes.io/service-account.uid"
ACCOUNT: Document = {"metadata": {"name": "robot", "namespace": "default", "uid": "u"}}


def test_what_a_secret_lacks_is_filled_in() -> None:
    metadata = {"namespace": "default", "annotations": {NAME: "robot"}}
    change = missing({"metadata": metadata}, ACCOUNT, "pem")
    assert change == {
        "metadata": {"annotations": {UID: "u"}},
        "data": {"ca.crt": "cGVt", "namespace": "ZGVmYXVsdA=="},
    }
    known = metadata | {"annotations": {NAME: "robot", UID: "u"}}
    whole = {"metadata": known, "data": change["data"] | {"token": "eA=="}}
    assert missing(whole, ACCOUNT, "pem") == {}
    assert missing(whole, ACCOUNT, "new") != {}
    other = {"metadata": known, "data": whole["data"] | {"namespace": "eA=="}}
    assert missing(other, ACCOUNT, "pem") == {}


async def _secret(cluster: Cluster, name: str) -> None:
    await cluster.create(SECRETS, name, metadata={"annotations": {NAME: "robot"}}, type=TYPE)


async def _token(cluster: Cluster, name: str) -> str:
    async def look() -> str:
        secret = await cluster.client.get(SECRETS, Key("default", name))
        return str((secret.get("data") or {}).get("token", ""))

    return base64.b64decode(await cluster.until(look)).decode()


async def _status(cluster: Cluster, token: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=cluster.url, headers=headers, trust_env=False, timeout=60
    ) as http:
        return (await http.get("/api/v1/namespaces/default/pods")).status_code


async def test_tokens_hold_as_long_as_their_secret(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(SERVICE_ACCOUNTS, "robot")
        await _secret(cluster, "token")
        token = await _token(cluster, "token")
        assert await _status(cluster, token) == 403  # it is known, and may nothing
        await cluster.client.delete(SECRETS, Key("default", "token"))
        assert await _status(cluster, token) == 401


async def test_secrets_go_with_their_account_and_are_none_without_one(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(SERVICE_ACCOUNTS, "robot")
        await _secret(cluster, "token")
        await _token(cluster, "token")
        await cluster.client.delete(SERVICE_ACCOUNTS, Key("default", "robot"))
        await cluster.gone(SECRETS, Key("default", "token"))
        await _secret(cluster, "early")
        await cluster.gone(SECRETS, Key("default", "early"))
