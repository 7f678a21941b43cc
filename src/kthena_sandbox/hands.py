"""How a check handles the cluster: with kubectl where there is one, otherwise over the API."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import trio

from kthena_sandbox.applying import apply, kind_of
from kthena_sandbox.client import Client
from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.demo import GATEWAY, MODEL_ROUTE, guide_documents
from kthena_sandbox.kinds import PODS, SERVICES, Document, Key
from kthena_sandbox.polling import holds_within
from kthena_sandbox.settings import Settings

KINDS = {
    "modelroute": MODEL_ROUTE,
    "modelserver": ("networking.serving.volcano.sh/v1alpha1", "ModelServer"),
    "gateway": GATEWAY,
    "deployment": ("apps/v1", "Deployment"),
}
_KUBECTL_SECONDS = 90.0
_API_SECONDS = 60.0


class StepFailed(Exception):
    """A step of a check did not do what the guide says."""


class Hands(Protocol):
    """What the guide's commands do; each returns what was seen, or raises StepFailed."""

    name: str

    async def apply(self, file: str) -> str:
        """`kubectl apply -f`."""

    async def wait_ready(self, app: str) -> str:
        """`kubectl wait --for=condition=ready pod -l app=…`."""

    async def get(self, kind: str, name: str, namespace: str) -> tuple[Document, str]:
        """The object, and how `kubectl get` shows it."""

    async def router_address(self) -> str:
        """The guide's `ROUTER_IP`."""

    async def delete(self, kind: str, name: str) -> str:
        """`kubectl delete` in `default`, which waits until the object is gone."""


class ApiHands:
    """Over the API."""

    name = "the API (there is no kubectl on the PATH)"

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    async def apply(self, file: str) -> str:
        documents = guide_documents(file, self._settings)
        return ", ".join([await apply(self._client, document) for document in documents])

    async def wait_ready(self, app: str) -> str:
        async def ready() -> bool:
            pods = await self._client.list(PODS, "default", labelSelector=f"app={app}")
            return bool(pods) and all(is_true(pod, "Ready") for pod in pods)

        if not await holds_within(_API_SECONDS, ready):
            raise StepFailed(f"no ready pods of {app}")
        return "ready"

    async def get(self, kind: str, name: str, namespace: str) -> tuple[Document, str]:
        known = await kind_of(self._client, *KINDS[kind])
        return await self._client.get(known, Key(namespace, name)), f"{kind} {namespace}/{name}"

    async def router_address(self) -> str:
        key = Key("kthena-system", "kthena-router")
        service = await self._client.get(SERVICES, key)
        return str(service["status"]["loadBalancer"]["ingress"][0]["ip"])

    async def delete(self, kind: str, name: str) -> str:
        known = await kind_of(self._client, *KINDS[kind])
        key = Key("default", name)
        await self._client.delete(known, key)

        async def gone() -> bool:
            return await self._client.find(known, key) is None

        if not await holds_within(_API_SECONDS, gone):
            raise StepFailed(f"{kind} {name} is still there")
        return f"{kind} {name} deleted"


class KubectlHands:
    """With the kubectl on the PATH."""

    name = "kubectl"

    def __init__(self, kubeconfig: Path, environ: Mapping[str, str], settings: Settings) -> None:
        self._environ = dict(environ) | {"KUBECONFIG": str(kubeconfig)}
        self._settings = settings

    async def _kubectl(self, arguments: Sequence[str], content: bytes = b"") -> str:
        ended: subprocess.CompletedProcess[bytes] | None = None
        with trio.move_on_after(_KUBECTL_SECONDS):
            ended = await trio.run_process(
                ["kubectl", *arguments], stdin=content, env=self._environ, check=False,
                capture_stdout=True, capture_stderr=True,
            )  # fmt: skip
        shown = f"kubectl {' '.join(arguments)}"
        if ended is None:
            raise StepFailed(f"`{shown}` takes more than {_KUBECTL_SECONDS:.0f} s")
        if ended.returncode:
            raise StepFailed(f"`{shown}` says {ended.stderr.decode(errors='replace').strip()}")
        return ended.stdout.decode().strip()

    async def apply(self, file: str) -> str:
        listed = {
            "apiVersion": "v1",
            "kind": "List",
            "items": guide_documents(file, self._settings),
        }
        said = await self._kubectl(["apply", "-f", "-"], json.dumps(listed).encode())
        return said.replace("\n", ", ")

    async def wait_ready(self, app: str) -> str:
        wanted = ["wait", "--for=condition=ready", "pod", "-l", f"app={app}", "--timeout=80s"]
        return (await self._kubectl(wanted)).replace("\n", ", ")

    async def get(self, kind: str, name: str, namespace: str) -> tuple[Document, str]:
        shown = await self._kubectl(["get", kind, name, "-n", namespace, "--no-headers"])
        document: Any = json.loads(
            await self._kubectl(["get", kind, name, "-n", namespace, "-o", "json"])
        )
        return document, " ".join(shown.split())

    async def router_address(self) -> str:
        path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
        place = ["service", "kthena-router", "-n", "kthena-system"]
        return await self._kubectl(["get", *place, "-o", path])

    async def delete(self, kind: str, name: str) -> str:
        return await self._kubectl(["delete", kind, name, "-n", "default"])


def choose_hands(
    client: Client, settings: Settings, kubeconfig: Path, environ: Mapping[str, str]
) -> Hands:
    """The kubectl of the PATH, or the API where there is none."""
    if shutil.which("kubectl", path=environ.get("PATH")):
        return KubectlHands(kubeconfig, environ, settings)
    return ApiHands(client, settings)
