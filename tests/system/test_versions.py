"""The same requests over every version of HTTP that the router speaks get the same answers: curl, the OpenAI SDK, h2load."""

import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
import trustme
from tests.support.churn import GATEWAYS, ROUTES, gateway_document, open_api, route_document
from tests.support.http1 import HTTP1
from tests.support.oracle import Listener
from tests.support.stack import free_ports, open_router, open_stack
from tests.support.traffic import wait_until_served
from tests.support.workloads import serve_models

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
MODEL = "one"


@dataclass(frozen=True)
class Way:
    """How curl is told to ask, the version that it has to find, and whether over TLS."""

    arguments: tuple[str, ...]
    version: str
    tls: bool


WAYS = {
    "HTTP/1.1": Way(("--http1.1",), "1.1", tls=False),
    "HTTP/1.1 over TLS": Way(("--http1.1",), "1.1", tls=True),
    "HTTP/2 over TLS": Way(("--http2",), "2", tls=True),
    "HTTP/2 by prior knowledge": Way(("--http2-prior-knowledge",), "2", tls=False),
}
UPGRADE = Way(("--http2",), "2", tls=False)


@dataclass(frozen=True)
class Served:
    """A router with TLS on its default port, and a Gateway on a port in clear text."""

    secure: str
    plain: str
    authority: Path

    def url(self, *, tls: bool) -> str:
        return self.secure if tls else self.plain


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("versions")
    authority, certificate, key = (folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(authority))
    issued = issuer.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(key))
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(certificate), append=True)
    secure, plain = free_ports(2)
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with (
        open_stack(folder, "--no-router") as sandbox,
        open_router(folder, sandbox.kubeconfig, secure, *tls),
    ):
        trio.run(serve_models, sandbox.api, {MODEL: ("--inter-token-latency", "5ms")})
        trio.run(open_plain_port, sandbox.api, plain)
        yield Served(f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{plain}", authority)


async def open_plain_port(url: str, port: int) -> None:
    """Serve the model on a Gateway of its own too."""
    async with open_api(url) as api:
        await api.create(GATEWAYS, gateway_document("plain", [Listener(port, "")]))
        await api.create(ROUTES, route_document("plain", MODEL, MODEL))
    await wait_until_served(port, MODEL)


@dataclass(frozen=True)
class Answer:
    """What must not depend on the version of HTTP."""

    status: int
    headers: dict[str, str]
    body: Any


# A connection's own, or another one each time.
NOT_COMPARED = {"connection", "date", "keep-alive", "transfer-encoding"}


def curl(served: Served, way: Way, path: str, *arguments: str) -> Answer:
    """Ask with curl, and require that it got the version of HTTP that it was to use."""
    command = [
        *("curl", "--silent", "--show-error", "--include", "--no-buffer", "--max-time", "20"),
        *("--cacert", str(served.authority), "--header", "x-request-id: mine", *way.arguments),
        *arguments,
        served.url(tls=way.tls) + path,
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    while re.match(rb"HTTP/[0-9.]+ 1", head):  # 100 Continue, 101 Switching Protocols
        head, _, body = body.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    version, status = first.split()[:2]
    assert f"HTTP/{way.version}" == version
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert "date" in headers
    kept = {name: value for name, value in headers.items() if name not in NOT_COMPARED}
    return Answer(int(status), kept, comparable(body))


def comparable(body: bytes) -> Any:
    """Return a body without what an engine makes anew for each answer: its id and time."""
    if body.startswith(b"data: "):
        return [comparable(event.removeprefix(b"data: ")) for event in body.split(b"\n\n")]
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return {name: value for name, value in document.items() if name not in {"id", "created"}}


def asking(**fields: Any) -> tuple[str, ...]:
    body = {"model": MODEL, "prompt": "hi", "max_tokens": 8, "ignore_eos": True, **fields}
    return ("--header", "content-type: application/json", "--data", json.dumps(body))


COMPLETIONS = "/v1/completions"
REQUESTS = {
    "a whole answer": (200, (COMPLETIONS, *asking())),
    "a large question": (200, (COMPLETIONS, *asking(prompt="x " * 10_000))),
    "a question in chunks": (200, (COMPLETIONS, *asking(), "--header", "expect: 100-continue")),
    "a stream": (200, (COMPLETIONS, *asking(stream=True))),
    "a stream with usage": (
        200,
        (COMPLETIONS, *asking(stream=True, stream_options={"include_usage": True})),
    ),
    "a list": (200, ("/v1/models",)),
    "a list, and only its head": (200, ("/v1/models", "--head")),
    "a compressed list": (200, ("/v1/models", "--header", "accept-encoding: gzip")),
    "a query": (200, (f"/v1/models/{MODEL}?x=y%20z",)),
    "an unknown model": (404, (COMPLETIONS, *asking(model="unknown"))),
    "no model": (400, (COMPLETIONS, "--data", "{}")),
    "no JSON": (400, (COMPLETIONS, "--data", "{")),
    "an engine's refusal": (400, (COMPLETIONS, *asking(max_tokens=-1))),
    "another method": (405, ("/v1/models", "--request", "DELETE")),
    "nothing there": (404, ("/elsewhere",)),
    "an odd Host": (400, ("/v1/models", "--header", "host: a/b")),
    "a fragment": (400, ("/v1/models", "--request-target", "/v1/models#x")),
    "a faulty engine": (502, (COMPLETIONS, *asking(), "--header", "x-mock-fault: die-before")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_version_gets_the_same_answer(served: Served, name: str) -> None:
    status, (path, *arguments) = REQUESTS[name]
    answers = {way: curl(served, WAYS[way], path, *arguments) for way in WAYS}

    first = answers["HTTP/1.1"]
    assert status == first.status
    assert dict.fromkeys(WAYS, first) == answers


def test_an_upgrade_to_http2_changes_nothing_either(served: Served) -> None:
    """curl asks for one in clear text; a request with a body is answered in HTTP/1.1 (RFC 7540 3.2 leaves that open)."""
    asked = ("/v1/models",)
    assert curl(served, WAYS["HTTP/1.1"], *asked) == curl(served, UPGRADE, *asked)


def test_a_cut_stream_is_a_cut_in_every_version(served: Served) -> None:
    """curl says in its exit status that an answer is not whole: 18 (HTTP/1.1), 92 (HTTP/2).

    In HTTP/2 it does not always show the last event, where that came together with the end of the stream.
    """
    arguments = (*asking(stream=True), "--header", "x-mock-fault: die-after=3")
    for way in WAYS.values():
        with pytest.raises(subprocess.CalledProcessError) as caught:
            curl(served, way, COMPLETIONS, *arguments)
        assert {"1.1": 18, "2": 92}[way.version] == caught.value.returncode
        if way.version == "1.1":
            *_, last, end = caught.value.stdout.split(b"\n\n")
            assert b"" == end
            assert "server_error" == json.loads(last.removeprefix(b"data: "))["error"]["type"]


def open_sdk(served: Served, *, tls: bool, http2: bool) -> openai.OpenAI:
    context = ssl.create_default_context(cafile=str(served.authority))
    http = openai.DefaultHttpxClient(
        http1=not http2, http2=http2, verify=context, trust_env=False, timeout=20
    )
    url = f"{served.url(tls=tls)}/v1"
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0, http_client=http)


def ask_with_sdk(client: openai.OpenAI) -> list[Any]:
    """Return what the SDK makes of a whole answer, a stream and an error."""
    made = {"id", "created"}
    whole = client.completions.create(model=MODEL, prompt="hi", max_tokens=8)
    stream = client.completions.create(model=MODEL, prompt="hi", max_tokens=8, stream=True)
    chunks = [chunk.model_dump(exclude=made) for chunk in stream]
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model="unknown", prompt="hi")
    return [whole.model_dump(exclude=made), chunks, caught.value.body]


def test_the_openai_sdk_sees_no_difference(served: Served) -> None:
    answers = []
    for tls, http2 in ((False, False), (False, True), (True, False), (True, True)):
        with open_sdk(served, tls=tls, http2=http2) as client:
            answers.append(ask_with_sdk(client))

    whole, chunks, error = answers[0]
    assert "This is simulated message from one!" == whole["choices"][0]["text"]
    assert 7 == len(chunks)
    assert "model_not_found" == error["code"]
    assert [answers[0]] * 4 == answers


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load (of nghttp2) is not installed")
@pytest.mark.skipif(HTTP1 == "h11", reason="its HTTP/2 is the same, its HTTP/1.1 is not for load")
@pytest.mark.parametrize("tls", [True, False], ids=["over TLS", "in clear text"])
@pytest.mark.parametrize("arguments", [(), ("--h1",)], ids=["HTTP/2", "HTTP/1.1"])
def test_thousands_of_requests_in_parallel_all_succeed(
    served: Served, tmp_path: Path, arguments: tuple[str, ...], tls: bool
) -> None:
    body = tmp_path / "body"
    body.write_text(json.dumps({"model": MODEL, "prompt": "hi", "max_tokens": 1}))
    command = [
        *("h2load", "--requests", "3000", "--clients", "20", "--max-concurrent-streams", "10"),
        *("--data", str(body), "--header", "content-type: application/json", *arguments),
        served.url(tls=tls) + COMPLETIONS,
    ]

    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout

    assert (
        "requests: 3000 total, 3000 started, 3000 done, 3000 succeeded, 0 failed, 0 errored" in said
    )
    assert "status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx" in said
    assert ("Application protocol: h2" in said) == (not arguments)
