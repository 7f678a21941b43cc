"""Which version of a kind is preferred (Kubernetes documentation, "Version priority")."""

import re

_KUBE_VERSION = re.compile(r"^v(\d+)(?:(alpha|beta)(\d+))?$")
_STABILITY = {"alpha": 0, "beta": 1, None: 2}


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sort key of API versions, greatest is preferred: v2 > v1 > v2beta1 > v1alpha1 > others."""
    found = _KUBE_VERSION.match(version)
    if found is None:
        return (-1, 0, 0, version)
    major, stability, minor = found.groups()
    return (_STABILITY[stability], int(major), int(minor or 0), "")
