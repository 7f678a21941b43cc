"""A session with kubectl against the bare API server, command by command, with what a cluster's API server would have it print.

There are no controllers, so that nothing happens on its own. `transcript.txt` is the session; lines that only some versions
print begin with those, as in `[1.27]`. Columns are set two spaces apart, and what changes from run to run has a name.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.kubectl.support import api_server, installed
from tests.sandbox.kubectl.transcript import Step, normal, read_steps

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
VERSIONS = ("1.27", "1.30", "1.33")
FOUND = {path.name.removeprefix("kubectl."): path for path in installed()}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    with api_server(tmp_path / "kubeconfig") as path:
        yield path


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session(version: str, kubeconfig: Path, tmp_path: Path) -> None:
    if version not in FOUND:
        pytest.skip(f"there is no kubectl {version} on the PATH")
    folder = tmp_path / "files"
    shutil.copytree(HERE / "files", folder)
    kubectl = tmp_path / "kubectl"  # its name is that of the field manager
    kubectl.symlink_to(FOUND[version])
    environment = {"HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig),
                   "PATH": os.environ["PATH"], "EDITOR": "sed -i s/red/green/"}  # fmt: skip
    steps = read_steps((HERE / "transcript.txt").read_text("utf-8"), version)
    assert len(steps) >= 80
    for step in steps:
        assert _run(kubectl, step, folder, environment) == step


def _run(kubectl: Path, step: Step, folder: Path, environment: dict[str, str]) -> Step:
    done = subprocess.run(
        [str(kubectl), *step.command.split(" ")], cwd=folder, env=environment, text=True,
        timeout=30, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return Step(step.command, normal(done.stdout), done.returncode)


def test_reading_a_transcript() -> None:
    text = "$ kubectl a b\none\n[1.27] old\n[1.30,1.33] new\n\n$ kubectl c\nbad\n(exit 1)\n"
    assert read_steps(text, "1.27") == [Step("a b", "one\nold\n", 0), Step("c", "bad\n", 1)]
    assert read_steps(text, "1.33")[0].printed == "one\nnew\n"
    assert re.fullmatch(r"a  <age>\n", normal("a      3m2s"))
