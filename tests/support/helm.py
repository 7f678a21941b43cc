"""Helm where it is installed, and our chart."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import ROOT

CHART = ROOT / "deploy" / "charts" / "kthena-router"
NAMES = ("helm", "helm3", "helm4")
PREFIX = "networking.kthenaRouter"
SECONDS = 120


def helms() -> list[str]:
    """Return every Helm on the PATH, by the names that distributions give to its versions; each once."""
    found = [path for name in NAMES if (path := shutil.which(name))]
    return list({Path(path).resolve(): path for path in found}.values())


@dataclass(frozen=True)
class Helm:
    """One Helm with a home of its own, and *environment* to find its cluster by."""

    binary: str
    environment: dict[str, str]

    @classmethod
    def without_cluster(cls, binary: str, home: Path) -> "Helm":
        return cls(binary, {**os.environ, "HOME": str(home), "KUBECONFIG": os.devnull})

    def run(self, *arguments: str, code: int = 0) -> str:
        """Return the output, of both kinds where it fails as it should."""
        done = subprocess.run(
            [self.binary, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    @property
    def major(self) -> int:
        """Return 3 or 4."""
        return int(self.run("version", "--template={{.Version}}").removeprefix("v")[0])


def settings(**values: object) -> list[str]:
    """Return `--set` for values of the chart; `__` stands for a dot, `_` for a dash."""
    pairs = (
        f"{PREFIX}.{name.replace('__', '.').replace('_', '-')}={value}"
        for name, value in values.items()
    )
    return [word for pair in pairs for word in ("--set", pair)]
