"""A virtual environment for each peer from PyPI, made from its lock at first use."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.errors import Unavailable
from benchmarks.peers.base import Kit
from benchmarks.processes import last_words

LOCKS = Path(__file__).parents[2] / "requirements" / "bench"


def locked_version(name: str) -> str:
    """Return the version of *name* in its own lock."""
    for line in (LOCKS / f"{name}.txt").read_text().splitlines():
        if line.startswith(f"{name}=="):
            return line.split("==")[1].split()[0]
    raise Unavailable(f"requirements/bench/{name}.txt does not lock {name}")


def install(name: str, kit: Kit) -> Path:
    """Return the `bin` of the environment of *name*, made where the lock has changed. Raises Unavailable."""
    lock = LOCKS / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = kit.cache / "peers" / f"{name}-{digest}"
    if (folder / "installed").exists():
        return folder / "bin"
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--require-hashes", "-r", str(lock)]
    for command in ([sys.executable, "-m", "venv", str(folder)], pip):
        done = subprocess.run(
            command, env=dict(kit.environ), check=False, capture_output=True, text=True
        )
        if done.returncode:
            said = last_words(done.stderr or done.stdout)
            raise Unavailable(f"cannot be installed: {said}")
    (folder / "installed").touch()
    return folder / "bin"
