"""A client for each test, and one with a custom resource."""

import pytest
from tests.sandbox.apiserver.asgi_client import CRDS, Client, make_client, widget_definition


@pytest.fixture
def client() -> Client:
    return make_client()


@pytest.fixture
async def widgets() -> Client:
    client = make_client()
    answer = await client.post(CRDS, widget_definition())
    assert answer.code == 201, answer.body
    return client
