"""What tests with kubectl start from: the versions that are installed, how to run one, and an API server as a process."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sandbox.kubectl.transcript import Step, normal

HERE = Path(__file__).parent
TRANSCRIPTS = sorted((HERE / "transcripts").glob("*.txt"))
VERSIONS = ("1.27", "1.30", "1.33")


def installed() -> list[Path]:
    """The kubectl on the PATH and its numbered siblings, which some distributions put beside it."""
    found = shutil.which("kubectl")
    if found is None:
        return []
    path = Path(found).resolve()
    numbered = [entry for entry in path.parent.glob("kubectl.1.*") if os.access(entry, os.X_OK)]
    return sorted(numbered, key=lambda entry: int(entry.name.rpartition(".")[2])) or [path]


@dataclass(frozen=True)
class Kubectl:
    """One of them, in a namespace of its own."""

    path: Path
    environment: dict[str, str]
    namespace: str

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run it and return what it printed on both streams."""
        command = [str(self.path), "-n", self.namespace, *arguments]
        done = subprocess.run(
            command, input=stdin, env=self.environment, text=True, timeout=60, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}: {done.stdout}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run it and return the document that it printed."""
        return json.loads(self.run(*arguments, "-o", "json"))


@contextmanager
def api_server(kubeconfig: Path) -> Iterator[Path]:
    """A bare API server on a port of its own, which writes the kubeconfig."""
    command = [sys.executable, "-m", "kthena_sandbox.apiserver", "--port", "0",
               "--disable-admission-plugins", "ServiceAccount",  # no controller makes accounts
               "--kubeconfig", str(kubeconfig)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("kubernetes API on ")
        try:
            yield kubeconfig
        finally:
            server.terminate()
            assert server.wait(timeout=60) == 0


class Terminal:
    """Runs commands in a folder with the files that they name, as a user of one kubeconfig with one kubectl."""

    def __init__(self, kubectl: Path, kubeconfig: Path, home: Path) -> None:
        self._folder = home / "files"
        shutil.copytree(HERE / "files", self._folder)
        self._kubectl = home / "kubectl"  # its name is that of the field manager
        self._kubectl.symlink_to(kubectl)
        self._environment = {"HOME": str(home), "KUBECONFIG": str(kubeconfig), "TZ": "UTC",
                             "PATH": os.environ["PATH"], "EDITOR": "sed -i s/red/green/"}  # fmt: skip

    def run(self, command: str) -> Step:
        """What a command prints, less what changes."""
        done = subprocess.run(
            [str(self._kubectl), *command.split(" ")], cwd=self._folder, env=self._environment,
            text=True, timeout=60, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return Step(command, normal(done.stdout), done.returncode)
