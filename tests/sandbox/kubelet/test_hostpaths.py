"""The types of `hostPath` volumes."""

import socket
from pathlib import Path

import pytest
import trio
from tests.sandbox.house import engine_pod, running

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.kinds import EVENTS, PODS, Key
from kthena_sandbox.kubelet.hostpaths import prepare
from kthena_sandbox.kubelet.references import ConfigError


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("Directory", "a directory"),
        ("File", "a file"),
        ("Socket", "a socket file"),
        ("CharDevice", "a character device"),
        ("BlockDevice", "a block device"),
    ],
)
def test_what_is_not_there_is_refused(kind: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(ConfigError) as caught:
        prepare({"path": str(path), "type": kind})
    assert str(caught.value) == f"hostPath type check failed: {path} is not {what}"
    assert not path.exists()


def test_what_is_there_is_taken(tmp_path: Path) -> None:
    prepare({"path": str(tmp_path / "more" / "folder"), "type": "DirectoryOrCreate"})
    prepare({"path": str(tmp_path / "more" / "folder"), "type": "Directory"})
    prepare({"path": str(tmp_path / "file"), "type": "FileOrCreate"})
    prepare({"path": str(tmp_path / "file"), "type": "File"})
    prepare({"path": "/dev/null", "type": "CharDevice"})
    prepare({"path": str(tmp_path / "nowhere"), "type": ""})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        prepare({"path": str(tmp_path / "socket"), "type": "Socket"})
    assert (tmp_path / "file").read_bytes() == b""
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(ConfigError, match="is not a directory"):
        prepare({"path": str(tmp_path / "file"), "type": "DirectoryOrCreate"})


async def test_a_pod_waits_for_the_folder_that_it_asks_for(tmp_path: Path) -> None:
    wanted = tmp_path / "models"
    volume = {"name": "models", "hostPath": {"path": str(wanted), "type": "Directory"}}
    mount = {"name": "models", "mountPath": "/models"}
    async with running(tmp_path, kubelet=True) as cluster:
        spec = engine_pod(volumeMounts=[mount]) | {"volumes": [volume]}
        await cluster.create(PODS, "engine", spec=spec)

        async def told() -> bool:
            events = await cluster.client.list(EVENTS, "default")
            why = f"hostPath type check failed: {wanted} is not a directory"
            return f'MountVolume.SetUp failed for volume "models" : {why}' in [
                event["message"] for event in events
            ]

        async def ready() -> bool:
            return is_true(await cluster.client.get(PODS, Key("default", "engine")), "Ready")

        await cluster.until(told)
        assert not await ready()
        await trio.Path(wanted).mkdir()
        await cluster.until(ready)
