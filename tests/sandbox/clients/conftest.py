"""A bare API server as a process of its own, since these clients block."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.kubectl.support import api_server


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    with api_server(tmp_path / "kubeconfig") as path:
        yield path
