"""Kinds that clients expect in every cluster and that nothing here would act on: they list as empty and take no objects.

`kubectl apply --prune`, `get all` and `describe namespace` ask for them without being told to.
"""

from kthena_sandbox.apiserver.errors import ApiError, qualified
from kthena_sandbox.resources import ResourceType


def _type(
    group: str, kind: str, names: str, *, version: str = "v1", cluster: bool = False
) -> ResourceType:
    """`names`: plural, short names, and `+all` for the category."""
    plural, *short = [name for name in names.split() if name != "+all"]
    return ResourceType(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        namespaced=not cluster,
        list_kind=f"{kind}List",
        short_names=tuple(short),
        categories=("all",) if "+all" in names else (),
        empty=True,
    )


ABSENT = (
    _type("storage.k8s.io", "CSIDriver", "csidrivers", cluster=True),
    _type("storage.k8s.io", "CSINode", "csinodes", cluster=True),
    _type("storage.k8s.io", "CSIStorageCapacity", "csistoragecapacities"),
    _type("storage.k8s.io", "VolumeAttachment", "volumeattachments", cluster=True),
    _type("storage.k8s.io", "VolumeAttributesClass", "volumeattributesclasses vac", cluster=True),
)  # fmt: skip


def refusal(resource: ResourceType) -> ApiError:
    """405: nothing of the kind can be made here."""
    message = f"{qualified(resource)} are not supported by this sandbox, which has nothing that would act on them"
    return ApiError(405, "MethodNotAllowed", message)
