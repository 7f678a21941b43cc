"""Programs on client-go and controller-runtime, with informers, reflectors and leader election of their own, against the API server.

By hand, against any cluster: `go run . KUBECONFIG` in their folders, with KUBE_FEATURE_WatchListClient=true.
"""

import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from tests.sandbox.kubectl.support import api_server

HERE = Path(__file__).parent
PARTS = {
    "program": (
        "discovery", "openapi", "objects", "retry on conflict", "pages", "server-side apply", "scale",
        "informer with resync", "watch list", "retry watcher", "metadata informer", "dynamic client",
        "leader election", "events", "access",
    ),
    "controller": ("copied", "followed", "made anew", "finalized"),
}  # fmt: skip
_BUILD_SECONDS = 600.0
pytestmark = [pytest.mark.system, pytest.mark.timeout(_BUILD_SECONDS + 60)]


def built(folder: Path, target: Path) -> Path:
    """The program, from the modules that this machine has."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go")
    offline = os.environ | {"GOPROXY": "off", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    done = subprocess.run([go, "build", "-o", str(target), "."], cwd=folder, env=offline, text=True,
                          capture_output=True, check=False, timeout=_BUILD_SECONDS)  # fmt: skip
    if "module lookup disabled by GOPROXY=off" in done.stderr or "requires go >=" in done.stderr:
        pytest.skip(f"the modules of {folder.name}/go.mod are not on this machine")
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize("name", PARTS)
def test_a_program(name: str, tmp_path: Path) -> None:
    program = built(HERE / name, tmp_path / "built")
    with api_server(tmp_path / "kubeconfig") as kubeconfig:
        done = subprocess.run(
            [str(program), str(kubeconfig)], text=True, capture_output=True, check=False, timeout=60,
            env={"KUBE_FEATURE_WatchListClient": "true"},
        )  # fmt: skip
    assert done.stdout.splitlines() == [f"ok: {part}" for part in PARTS[name]], done.stderr
    assert done.returncode == 0


def test_the_table_of_protobuf_fields_is_that_of_the_types(tmp_path: Path) -> None:
    program = built(HERE / "fields", tmp_path / "built")
    done = subprocess.run([str(program)], text=True, capture_output=True, check=True, timeout=60)
    table = resources.files("kthena_sandbox.apiserver") / "protobuf_fields.txt"
    assert done.stdout == table.read_text(encoding="utf-8")
