"""The guide's resources, applied and waited for, so that the guide's requests are answered at once."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx

from kthena_sandbox.apiprocess import SandboxError
from kthena_sandbox.applying import apply, kind_of, read_documents
from kthena_sandbox.client import Client
from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.kinds import GATEWAYS, PODS, Document, Key
from kthena_sandbox.polling import holds_within
from kthena_sandbox.settings import Settings

BACKENDS = ("LLM-Mock-ds1.5b", "LLM-Mock-ds7b", "ModelServer-ds1.5b", "ModelServer-ds7b")
ROUTES = ("deepseek-default-route", "gateway-8081", "deepseek-route-8081")
APPS = ("deepseek-r1-1-5b", "deepseek-r1-7b")
ANSWERS = (
    "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B!",
    "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-7B!",
)
REQUEST = {
    "model": "deepseek-r1", "prompt": "What is Kubernetes?", "max_tokens": 100, "temperature": 0,
}  # fmt: skip
GATEWAY = ("gateway.networking.k8s.io/v1", "Gateway")
MODEL_ROUTE = ("networking.serving.volcano.sh/v1alpha1", "ModelRoute")
_READY_SECONDS = 60.0


def examples_folder() -> Path:
    """`examples/kthena-router` of the repository. Raises SandboxError where it is not at hand."""
    for base in (Path(__file__).parents[2], Path.cwd()):
        folder = base / "examples" / "kthena-router"
        if folder.is_dir():
            return folder
    raise SandboxError("the folder examples/kthena-router is not here: run this in the repository")


def guide_documents(name: str, settings: Settings) -> list[Document]:
    """The objects of one of the guide's files, on another port where 8081 is taken."""
    documents = read_documents(examples_folder() / f"{name}.yaml")
    for document in documents:
        if document["kind"] == "Gateway":
            for listener in document["spec"]["listeners"]:
                listener["port"] = settings.gateway_port
    return documents


def expected_start(answer: str) -> str:
    """How the guide's output begins."""
    return (
        '{"choices":[{"finish_reason":"length","index":0,"logprobs":null,"text":"' + answer + '"}],'
    )


async def ask(port: int) -> tuple[int, str]:
    """The guide's request on a port: status and body. Raises httpx.HTTPError."""
    url = f"http://127.0.0.1:{port}/v1/completions"
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
        response = await client.post(url, json=REQUEST)
    return response.status_code, response.text


async def _pods_ready(client: Client) -> bool:
    for app in APPS:
        pods = await client.list(PODS, "default", labelSelector=f"app={app}")
        if not pods or not all(is_true(pod, "Ready") for pod in pods):
            return False
    return True


async def _routes_accepted(client: Client) -> bool:
    """Whether the router has taken up Gateways and ModelRoutes, by their status."""
    gateways = await client.list(await kind_of(client, *GATEWAY))
    routes = await client.list(await kind_of(client, *MODEL_ROUTE), "default")
    parents = [(route.get("status") or {}).get("parents") or [] for route in routes]
    accepted = all(entries and all(map(is_accepted, entries)) for entries in parents)
    return len(gateways) > 1 and accepted and all(is_true(gate, "Programmed") for gate in gateways)


def is_accepted(parent: Document) -> bool:
    """Whether an entry of a route's `status.parents` says Accepted."""
    entries = parent.get("conditions") or []
    return any(entry["type"] == "Accepted" and entry["status"] == "True" for entry in entries)


async def _answered(port: int, answer: str) -> bool:
    try:
        status, body = await ask(port)
    except httpx.HTTPError:
        return False
    return status == 200 and body.startswith(expected_start(answer))


async def wait_until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask until it holds. Raises SandboxError after a minute."""
    if not await holds_within(_READY_SECONDS, holds):
        raise SandboxError(f"{what} after {_READY_SECONDS:.0f} s")


async def _default_gateway_serves(client: Client) -> bool:
    found = await client.find(GATEWAYS, Key("kthena-system", "default"))
    return found is not None and is_true(found, "Programmed")


async def wait_for_default_gateway(client: Client) -> None:
    """Until the router has made its Gateway and serves it. Raises SandboxError, ApiError, ApiAway."""
    look = partial(_default_gateway_serves, client)
    await wait_until(look, "the router's default Gateway is not programmed")


async def run_demo(client: Client, settings: Settings, say: Callable[[str], None]) -> None:
    """Apply everything, and wait for it. Raises SandboxError, ApplyError, ApiError, ApiAway."""
    for name in BACKENDS + ROUTES:
        for document in guide_documents(name, settings):
            say(await apply(client, document))
    await wait_until(partial(_pods_ready, client), "the pods are not ready")
    if not settings.router:
        return
    await wait_until(partial(_routes_accepted, client), "the routes are not accepted")
    for port, answer in zip((settings.router_port, settings.gateway_port), ANSWERS, strict=True):
        failure = f"the router does not answer the guide's request on port {port}"
        await wait_until(partial(_answered, port, answer), failure)
