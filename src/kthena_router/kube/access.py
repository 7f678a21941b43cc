"""Which cluster: `--kubeconfig`, in-cluster, `KUBECONFIG`, `~/.kube/config`, in this order."""

from collections.abc import Callable
from dataclasses import dataclass

from kthena_router.kube.client import NoCluster
from kthena_router.settings import ClusterAccess


@dataclass(frozen=True, slots=True)
class Choice:
    """A kubeconfig file, or the service account's folder when it is empty."""

    kubeconfig: str
    service_account: str = ""
    context: str = ""


def choose_access(access: ClusterAccess, exists: Callable[[str], bool]) -> Choice:
    """Return where to find the cluster. Raises NoCluster."""
    if access.kubeconfig:
        if not exists(access.kubeconfig):
            raise NoCluster(f"--kubeconfig: there is no file {access.kubeconfig}")
        return Choice(access.kubeconfig, context=access.context)
    if access.service_host and exists(f"{access.service_account}/token"):
        return Choice("", access.service_account)
    places = [path for path in access.environment_kubeconfig.split(":") if path]
    if access.home:
        places.append(f"{access.home}/.kube/config")
    for path in places:
        if exists(path):
            return Choice(path, context=access.context)
    raise NoCluster(
        "no Kubernetes cluster found: give --kubeconfig FILE, run in a pod with a service account, set KUBECONFIG, "
        "or have ~/.kube/config. To try the router without a cluster, run `kthena-router sandbox`"
    )
