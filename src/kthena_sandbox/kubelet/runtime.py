"""Makes what runs in a container: its command line, its environment, and its way to the API."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from kthena_sandbox.apiserver.kubeconfig import kubeconfig
from kthena_sandbox.dns.corefile import CorefileError, read_corefile
from kthena_sandbox.dns.server import NameServer
from kthena_sandbox.echo.server import EchoServer
from kthena_sandbox.echo.settings import SettingsError as EchoError, read_settings
from kthena_sandbox.engine import Engine, SettingsError as EngineError, parse_settings
from kthena_sandbox.entrance import Entrance
from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet import images
from kthena_sandbox.kubelet.environment import arguments_of, variables_of
from kthena_sandbox.kubelet.references import of_environment
from kthena_sandbox.kubelet.sources import SourceReader
from kthena_sandbox.kubelet.volumes import mounts_of, pointed
from kthena_sandbox.kubelet.workloads import (
    EngineWorkload,
    ProcessWorkload,
    ServerWorkload,
    StandIn,
    UsageError,
    Workload,
)
from kthena_sandbox.picker.server import PickerServer
from kthena_sandbox.picker.settings import (
    SettingsError as PickerError,
    read_settings as read_picker_settings,
)
from kthena_sandbox.processes import Children

_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_CONFIGURATION = "/etc/config"
_INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
_ENTRYPOINT = ["python", "-m", "kthena_router"]


@dataclass(frozen=True)
class Host:
    """What the node has of this machine. `home` gets a folder for each pod; processes reach the API through `entrance`."""

    entrance: Entrance
    home: Path
    environ: Mapping[str, str]
    children: Children

    def folder_of(self, pod: Document) -> Path:
        """The pod's own folder."""
        return self.home / "pods" / str(pod["metadata"]["uid"])


@dataclass(frozen=True)
class Runtime:
    """Makes the workloads of all pods."""

    host: Host
    sources: SourceReader

    async def make(
        self, container: Document, pod: Document, address: str, say: Callable[[str], None]
    ) -> Workload:
        """The workload of a container with a known image.

        Raises ConfigError, UsageError, ApiError, ApiAway, OSError.
        """
        namespace = pod["metadata"]["namespace"]
        sources = await self.sources.read(namespace, set(of_environment(container)))
        variables = variables_of(container, pod, address, sources)
        arguments = arguments_of(container, variables)
        match images.program_of(container["image"]):
            case "router":
                command = self._router_command(container, pod, arguments, variables)
                environ = self._environ(container, pod, variables)
                return ProcessWorkload(
                    self.host.children, [*command, f"--bind-address={address}"], environ, say
                )
            case "echo":
                mounts = mounts_of(container, pod, self.host.folder_of(pod), variables)
                known = {name: pointed(value, mounts) for name, value in variables.items()}
                return _echo(known, address, say)
            case "dns":
                mounts = mounts_of(container, pod, self.host.folder_of(pod), variables)
                return _name_server([pointed(one, mounts) for one in arguments], address, say)
            case "picker":
                folder = self.host.folder_of(pod)
                mounts = mounts_of(container, pod, folder, variables)
                return _picker(arguments, address, self._as_pod(mounts), say)
            case "stand-in":
                return StandIn(say, container["image"])
        return _engine(container["image"], arguments, variables, address, say)

    def _router_command(
        self, container: Document, pod: Document, arguments: list[str], variables: Mapping[str, str]
    ) -> list[str]:
        folder = self.host.folder_of(pod)
        mounts = mounts_of(container, pod, folder, variables)
        if (container.get("command") or [])[:3] == _ENTRYPOINT:
            arguments = arguments[2:]
        given = [f"--kubeconfig={self._kubeconfig(folder, mounts)}"]
        if _CONFIGURATION in mounts:  # where the router looks of itself
            given.append(f"--config={mounts[_CONFIGURATION] / 'routerConfiguration.yaml'}")
        given += [pointed(argument, mounts) for argument in arguments]
        return [sys.executable, "-m", "kthena_router", *given]

    def _environ(
        self, container: Document, pod: Document, variables: Mapping[str, str]
    ) -> dict[str, str]:
        """What the image, the kubelet and the pod set, in this order."""
        folder = self.host.folder_of(pod)
        found = {name: self.host.environ[name] for name in _INHERITED if name in self.host.environ}
        url = urlsplit(self.host.entrance.server)
        found |= {
            "HOSTNAME": str(pod["spec"].get("hostname") or pod["metadata"]["name"]),
            "HOME": str(folder),
            "KUBERNETES_SERVICE_HOST": url.hostname or "",
            "KUBERNETES_SERVICE_PORT": str(url.port or ""),
            "PYTHONUNBUFFERED": "1",
        }
        mounts = mounts_of(container, pod, folder, variables)
        return found | {name: pointed(value, mounts) for name, value in variables.items()}

    def _as_pod(self, mounts: Mapping[str, Path]) -> Entrance:
        """The way to the API with the token of the pod's account, or with none."""
        file = mounts[_ACCOUNT] / "token" if _ACCOUNT in mounts else None
        return replace(self.host.entrance, token="", token_file=file)

    def _kubeconfig(self, folder: Path, mounts: Mapping[str, Path]) -> Path:
        """In the place of what a client in a pod finds at a path that no process of the sandbox has."""
        document = kubeconfig(replace(self.host.entrance, token=""))
        if _ACCOUNT in mounts:
            document["users"][0]["user"] = {"tokenFile": str(mounts[_ACCOUNT] / "token")}
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "kubeconfig"
        file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return file


def _engine(
    image: str, arguments: list[str], variables: Mapping[str, str], address: str,
    say: Callable[[str], None],
) -> Workload:  # fmt: skip
    try:
        settings, ignored = parse_settings(arguments, variables, defaults=images.defaults_of(image))
    except EngineError as error:
        raise UsageError(str(error)) from error
    if ignored:
        say(f"INFO: not simulated: {' '.join(ignored)}")
    return EngineWorkload(Engine(replace(settings, host=address), log=say), say)


def _picker(
    arguments: list[str], address: str, entrance: Entrance, say: Callable[[str], None]
) -> Workload:
    try:
        settings = read_picker_settings(arguments)
    except PickerError as error:
        raise UsageError(str(error)) from error
    return ServerWorkload(PickerServer(settings, address, entrance, say))


def _name_server(arguments: list[str], address: str, say: Callable[[str], None]) -> Workload:
    given = dict(zip(arguments[::2], arguments[1::2], strict=False))
    try:
        text = Path(given["-conf"]).read_text(encoding="utf-8")
        return ServerWorkload(NameServer(read_corefile(text), address, say))
    except KeyError as error:
        raise UsageError("the name server of the sandbox needs the argument -conf") from error
    except (OSError, CorefileError) as error:
        raise UsageError(str(error)) from error


def _echo(variables: Mapping[str, str], address: str, say: Callable[[str], None]) -> Workload:
    try:
        settings = read_settings(variables)
    except EchoError as error:
        raise UsageError(str(error)) from error
    return ServerWorkload(EchoServer(settings, address, say))
