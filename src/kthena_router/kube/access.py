"""Which cluster: `--kubeconfig`, in-cluster, `KUBECONFIG`, `~/.kube/config`, in this order."""

from collections.abc import Callable
from dataclasses import dataclass

from kthena_router.kube.client import NoCluster
from kthena_router.settings import ClusterAccess

WAYS = (
    "give --kubeconfig FILE, run in a pod with a service account, set KUBECONFIG, "
    "or have ~/.kube/config. To try the router without a cluster, run `kthena-router sandbox`"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Kubeconfig files (the first wins where they differ), or a service account's folder and the URL of its server."""

    kubeconfigs: tuple[str, ...] = ()
    context: str = ""
    service_account: str = ""
    server: str = ""

    def __str__(self) -> str:
        if self.kubeconfigs:
            return ", ".join(self.kubeconfigs)
        return f"service account in {self.service_account}"


def choose_access(access: ClusterAccess, exists: Callable[[str], bool]) -> Choice:
    """Return where to find the cluster. Raises NoCluster.

    As in client-go, a KUBECONFIG that leads nowhere is an error: the cluster of ~/.kube/config may be quite another.
    """
    if access.kubeconfig:
        if not exists(access.kubeconfig):
            raise NoCluster(f"--kubeconfig: there is no file {access.kubeconfig}")
        return Choice((access.kubeconfig,), context=access.context)
    mounted = exists(f"{access.service_account}/token")
    if access.service_host and access.service_port and mounted:
        host = f"[{access.service_host}]" if ":" in access.service_host else access.service_host
        server = f"https://{host}:{access.service_port}"
        return Choice(service_account=access.service_account, server=server)
    named = [path for path in access.environment_kubeconfig.split(":") if path]
    places = named or ([f"{access.home}/.kube/config"] if access.home else [])
    found = tuple(path for path in places if exists(path))
    if found:
        return Choice(found, context=access.context)
    if named:
        raise NoCluster(f"KUBECONFIG: there is no file {' or '.join(named)}; {WAYS}")
    raise NoCluster(f"no Kubernetes cluster found: {WAYS}")
