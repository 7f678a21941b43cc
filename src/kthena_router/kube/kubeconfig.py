"""From kubeconfig files or a service account to the one cluster and user that are meant (client-go's clientcmd)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from kthena_router.kube.access import Choice

_CLUSTER_FILES = ("certificate-authority",)
_USER_FILES = ("client-certificate", "client-key", "tokenFile")


class BadKubeconfig(Exception):
    """The files cannot be used; the text says why."""


class _Entry(msgspec.Struct, frozen=True):
    name: str
    cluster: dict[str, Any] | None = None
    user: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


class _File(msgspec.Struct, frozen=True, rename={"current_context": "current-context"}):
    clusters: list[_Entry] | None = None
    users: list[_Entry] | None = None
    contexts: list[_Entry] | None = None
    current_context: str | None = None


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One cluster and one user in the notation of a kubeconfig; paths are absolute or relative to our own folder."""

    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    context: str = ""  # the name under which it was found

    def document(self) -> dict[str, Any]:
        """Return it as a kubeconfig of its own."""
        return {
            "clusters": [{"name": "one", "cluster": dict(self.cluster)}],
            "users": [{"name": "one", "user": dict(self.user)}],
            "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
            "current-context": "one",
        }

    def files(self) -> tuple[str, ...]:
        """Return the files it names: what is in them may be replaced at any time."""
        named = [self.cluster.get(name) for name in _CLUSTER_FILES]
        named += [self.user.get(name) for name in _USER_FILES]
        return tuple(str(path) for path in named if path)


def read_kubeconfig(choice: Choice) -> Kubeconfig:
    """Read the files of *choice*. Raises OSError and BadKubeconfig."""
    if not choice.kubeconfigs:
        return in_cluster(choice)
    documents = []
    for path in choice.kubeconfigs:
        try:
            document = yaml.safe_load(Path(path).read_bytes())
        except yaml.YAMLError as error:
            raise BadKubeconfig(f"{path} is not YAML: {error}") from error
        documents.append((path, document))
    return select(documents, choice.context)


def in_cluster(choice: Choice) -> Kubeconfig:
    """Return what a pod's service account amounts to."""
    folder = choice.service_account
    cluster = {"server": choice.server, "certificate-authority": f"{folder}/ca.crt"}
    return Kubeconfig(cluster, {"tokenFile": f"{folder}/token"})


def select(documents: Iterable[tuple[str, object]], context: str = "") -> Kubeconfig:
    """Merge *documents*, each with the path it came from, and return what *context* or the current one names.

    The first file that has a name wins with all it says of it, as it does with `current-context`; paths are
    relative to the file they stand in. Raises BadKubeconfig.
    """
    clusters: dict[str, dict[str, Any]] = {}
    users: dict[str, dict[str, Any]] = {}
    contexts: dict[str, dict[str, Any]] = {}
    for path, document in documents:
        found = _read(path, document)
        folder = Path(path).parent
        for one in found.clusters or ():
            clusters.setdefault(one.name, _with_paths(one.cluster, folder, _CLUSTER_FILES))
        for one in found.users or ():
            users.setdefault(one.name, _with_command(one.user, folder))
        for one in found.contexts or ():
            contexts.setdefault(one.name, one.context or {})
        context = context or found.current_context or ""
    if not context and len(contexts) == 1:
        context = next(iter(contexts))
    if not context:
        raise BadKubeconfig(f"no current-context (there are: {_list(contexts)}): give --context")
    chosen = _named("context", context, contexts)
    cluster = _named("cluster", str(chosen.get("cluster") or ""), clusters)
    if not cluster.get("server"):
        raise BadKubeconfig(f"cluster {chosen['cluster']!r} has no server")
    user = str(chosen.get("user") or "")
    return Kubeconfig(cluster, _named("user", user, users) if user else {}, context)


def _read(path: str, document: object) -> _File:
    try:
        return msgspec.convert(document or {}, _File)
    except msgspec.ValidationError as error:
        raise BadKubeconfig(f"{path} is not a kubeconfig: {error}") from error


def _named(what: str, name: str, among: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if name in among:
        return among[name]
    raise BadKubeconfig(f"there is no {what} {name!r} (there are: {_list(among)})")


def _list(among: Mapping[str, object]) -> str:
    return ", ".join(sorted(among)) or "none"


def _with_paths(
    entry: dict[str, Any] | None, folder: Path, names: tuple[str, ...]
) -> dict[str, Any]:
    found = dict(entry or {})
    return found | {name: str(folder / str(found[name])) for name in names if found.get(name)}


def _with_command(entry: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    """Return a user with its paths; a credential plugin's command is one where it has a slash in it."""
    found = _with_paths(entry, folder, _USER_FILES)
    plugin = found.get("exec")
    if isinstance(plugin, dict) and "/" in str(plugin.get("command", "")):
        found["exec"] = plugin | {"command": str(folder / plugin["command"])}
    return found
