"""A client for each test, one with a custom resource, and each kubectl that is installed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.apiserver.asgi_client import CRDS, Client, make_client, widget_definition
from tests.sandbox.kubectl.support import Kubectl, api_server, installed

KUBECTLS = [pytest.param(path, id=path.name) for path in installed()] or [
    pytest.param(None, marks=pytest.mark.skip(reason="there is no kubectl on the PATH"))
]


@pytest.fixture
def client() -> Client:
    return make_client()


@pytest.fixture
async def widgets() -> Client:
    client = make_client()
    answer = await client.post(CRDS, widget_definition())
    assert answer.code == 201, answer.body
    return client


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with api_server(tmp_path_factory.mktemp("cluster") / "kubeconfig") as path:
        yield path


@pytest.fixture(params=KUBECTLS)
def kubectl(request: pytest.FixtureRequest, kubeconfig: Path, tmp_path: Path) -> Kubectl:
    namespace = "t" + str(abs(hash(request.node.name)))[:8]
    environment = {"HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig), "PATH": os.environ["PATH"]}
    made = Kubectl(request.param, environment, namespace)
    made.run("create", "namespace", namespace)
    return made
