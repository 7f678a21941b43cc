import json
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import kr8s.asyncio
import pytest
import trio
import yaml
from kr8s.asyncio.objects import ConfigMap
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, configmap

from kthena_sandbox.apiserver.server import bind, main, serve
from kthena_sandbox.apiserver.settings import Settings, parse_settings
from kthena_sandbox.entrance import read_entrance


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve, settings)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            yield client
        nursery.cancel_scope.cancel()


def _settings(folder: Path, port: int = 0, *, state: bool = False) -> Settings:
    return Settings(folder / "kubeconfig", port, folder / "state" if state else None)


async def test_the_kubeconfig_names_the_server_and_is_private(tmp_path: Path) -> None:
    async with _running(_settings(tmp_path)) as client:
        path = tmp_path / "kubeconfig"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        config = yaml.safe_load(path.read_text())
        assert config["current-context"] == "sandbox"
        assert config["clusters"] == [
            {"name": "sandbox", "cluster": {"server": str(client.base_url).rstrip("/")}}
        ]
        assert (await client.get("/readyz")).text == "ok"


async def test_state_outlives_the_server_on_the_same_port(tmp_path: Path) -> None:
    async with _running(_settings(tmp_path, state=True)) as client:
        created = (await client.post(CONFIGMAPS, json=configmap("a"))).json()
        port = client.base_url.port or 0
    async with _running(_settings(tmp_path, port, state=True)) as client:
        assert (await client.get(f"{CONFIGMAPS}/a")).json() == created
        later = (await client.post(CONFIGMAPS, json=configmap("b"))).json()
        before = int(created["metadata"]["resourceVersion"])
        assert int(later["metadata"]["resourceVersion"]) == before + 1
        old = {"watch": "true", "resourceVersion": str(before - 1), "timeoutSeconds": "1"}
        seen = (await client.get(CONFIGMAPS, params=old)).text.splitlines()
        events = [json.loads(line) for line in seen]
        assert [event["object"] for event in events] == [created, later]


async def test_a_secure_server_is_the_same_after_a_restart(tmp_path: Path) -> None:
    settings = replace(_settings(tmp_path, state=True), secure=True)
    path = "/api/v1/namespaces/default/serviceaccounts"
    async with _running_securely(settings) as client:
        assert (await client.get(CONFIGMAPS)).status_code == 200
        answer = await client.post(path, json={"metadata": {"name": "bot"}})
        assert answer.status_code == 201
        token = (await client.post(f"{path}/bot/token", json={})).json()["status"]["token"]
        before = read_entrance(settings.kubeconfig)
    async with _running_securely(replace(settings, port=client.base_url.port or 0)) as client:
        assert read_entrance(settings.kubeconfig) == before
        assert (await client.get(CONFIGMAPS)).status_code == 200
        bearer = {"authorization": f"Bearer {token}"}
        assert (await client.get("/api", headers=bearer)).status_code == 200
        assert (await client.get(CONFIGMAPS, headers=bearer)).status_code == 403
        stranger = httpx.AsyncClient(verify=before.tls(), trust_env=False, timeout=60)
        async with stranger:
            assert (await stranger.get(f"{before.server}/api")).status_code == 403


@asynccontextmanager
async def _running_securely(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, settings)
        entrance = read_entrance(settings.kubeconfig)
        async with httpx.AsyncClient(
            base_url=entrance.server,
            verify=entrance.tls(),
            headers=entrance.headers(),
            trust_env=False,
            timeout=60,
        ) as client:
            yield client
        nursery.cancel_scope.cancel()


async def test_a_forgetful_server_never_gives_out_a_revision_twice(tmp_path: Path) -> None:
    async with _running(_settings(tmp_path)) as client:
        first = (await client.get(CONFIGMAPS)).json()["metadata"]["resourceVersion"]
    await trio.sleep(0.1)
    async with _running(_settings(tmp_path)) as client:
        second = (await client.get(CONFIGMAPS)).json()["metadata"]["resourceVersion"]
        assert int(second) > int(first)


async def _streams(client: httpx.AsyncClient) -> int:
    return int((await client.get("/metrics")).text.split()[-1])


async def test_a_watcher_that_leaves_is_let_go(tmp_path: Path) -> None:
    async with _running(_settings(tmp_path)) as client:
        async with client.stream("GET", CONFIGMAPS, params={"watch": "1"}) as stream:
            assert stream.status_code == 200
            assert await _streams(client) == 1
        with trio.fail_after(60):
            while await _streams(client):
                pass


async def test_watches_end_properly_when_the_server_stops(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery, trio.open_nursery() as serving:
            url = await serving.start(serve, _settings(tmp_path))
            seen: list[bytes] = []
            started = trio.Event()

            async def follow() -> None:
                async with (
                    httpx.AsyncClient(base_url=url, trust_env=False, timeout=None) as client,
                    client.stream("GET", CONFIGMAPS, params={"watch": "1"}) as stream,
                ):
                    started.set()
                    seen.append(await stream.aread())

            nursery.start_soon(follow)
            await started.wait()
            serving.cancel_scope.cancel()
    assert seen == [b""]


async def test_cut_watches_are_errors_to_their_clients(tmp_path: Path) -> None:
    async with (
        _running(_settings(tmp_path)) as client,
        client.stream("GET", CONFIGMAPS, params={"watch": "1"}) as stream,
    ):
        await client.post("/sandbox/cut-watches")
        with pytest.raises(httpx.RemoteProtocolError):
            await stream.aread()


def test_a_port_that_is_taken_ends_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bind(0) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--port", port, "--kubeconfig", str(tmp_path / "kubeconfig")]) == 1
    assert "the API server cannot run: " in capsys.readouterr().err


async def test_kr8s_works_with_it(tmp_path: Path) -> None:
    async with _running(_settings(tmp_path)):
        api = await kr8s.asyncio.api(kubeconfig=str(tmp_path / "kubeconfig"))
        await ConfigMap(configmap("a", namespace="default"), api=api).create()
        found_names = [entry["metadata"]["name"] async for entry in
                       api.get("configmaps", namespace="default", raw=True)]  # fmt: skip
        assert found_names == ["a"]
        found = await ConfigMap.get("a", namespace="default", api=api)
        await found.patch({"data": {"key": "other"}})
        await found.label({"x": "y"})
        assert (found.data["key"], dict(found.labels)) == ("other", {"x": "y"})
        await found.delete()
        assert not await found.exists()
        params = {"watch": "true", "timeoutSeconds": "1"}
        async with api.call_api(
            "GET", "v1", url="namespaces", params=params, stream=True
        ) as answer:
            lines = [line async for line in answer.aiter_lines()]
        assert any('"name":"default"' in line for line in lines)


@dataclass
class Written:
    """What a server has answered: the last version of each object, and the last revision of all."""

    versions: dict[str, str] = field(default_factory=dict)
    latest: int = 0
    count: int = 0

    def take(self, document: dict[str, Any]) -> None:
        metadata = document["metadata"]
        version = metadata["resourceVersion"]
        assert int(version) > self.latest
        self.versions[metadata["name"]], self.latest = version, int(version)
        self.count += 1


def _write_until_killed(url: str, name: str, written: Written, most: int) -> None:
    with (
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
        suppress(httpx.TransportError),
    ):
        written.take(client.post(CONFIGMAPS, json=configmap(name)).json())
        for number in range(most):
            change = {"data": {"key": f"{name} {number}"}}
            headers = {"content-type": "application/merge-patch+json"}
            answer = client.patch(f"{CONFIGMAPS}/{name}", json=change, headers=headers)
            assert answer.status_code == 200
            written.take(answer.json())


@pytest.mark.system
def test_every_answered_write_survives_kills_at_random(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kthena_sandbox.apiserver", "--port", "0", "--kubeconfig",
               str(tmp_path / "kubeconfig"), "--state", str(tmp_path / "state"), "--insecure"]  # fmt: skip
    chance = Random(1)
    answered: dict[str, str] = {}
    for turn in range(10):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            listed = httpx.get(url + CONFIGMAPS, trust_env=False, timeout=60).json()
            reached = int(listed["metadata"]["resourceVersion"])
            kept = {item["metadata"]["name"]: item["metadata"] for item in listed["items"]}
            for name, version in answered.items():
                assert int(kept[name]["resourceVersion"]) >= int(version)
            writers = [Written(latest=reached) for _ in range(4)]
            with ThreadPoolExecutor() as pool:
                ends = [pool.submit(_write_until_killed, url, f"a{turn}-{number}", written, 10_000)
                        for number, written in enumerate(writers)]  # fmt: skip
                wanted = chance.randrange(3, 40)
                while sum(written.count for written in writers) < wanted:
                    wait(ends, timeout=0.005)
                    assert server.poll() is None
                server.kill()
            for end, written in zip(ends, writers, strict=True):
                end.result()
                answered |= written.versions
    assert len(answered) >= 10


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "kthena_sandbox.apiserver", "--port", "0", "--kubeconfig",
               str(tmp_path / "kubeconfig")]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("kubernetes API on https://127.0.0.1:")
        server.send_signal(number)
        assert server.wait(timeout=60) == 0


def test_a_plugin_that_is_not_there_cannot_be_disabled(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--kubeconfig", "k", "--disable-admission-plugins"]
    settings = parse_settings([*given, "ServiceAccount"])
    assert settings.disabled_plugins == {"ServiceAccount"}
    with pytest.raises(SystemExit):
        parse_settings([*given, "ServiceAccount,Priority"])
    assert "cannot disable Priority, only ServiceAccount\n" in capsys.readouterr().err
