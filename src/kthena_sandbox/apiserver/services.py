"""Cluster addresses of Services, from 10.96.0.0/16 as in a cluster made by kubeadm."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Any

Document = dict[str, Any]

RANGE = IPv4Network("10.96.0.0/16")
_FAMILIES = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
_DEFAULTS = {"internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "type": "ClusterIP"}


def allocate_cluster_ip(document: Document, taken: Callable[[], frozenset[str]]) -> Document:
    """The Service with its address, and the fields that follow from it.

    An address or `None` (headless) chosen by the client stays; ExternalName has none.
    """
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return document
    if spec.get("type") == "ExternalName":
        return document | {"spec": {"sessionAffinity": "None"} | spec}
    address = spec.get("clusterIP") or free_address(taken())
    chosen = {"clusterIP": address, "clusterIPs": [address]}
    return document | {"spec": _DEFAULTS | _FAMILIES | spec | chosen}


def free_address(taken: frozenset[str]) -> str:
    """The lowest address that no Service has; the first ten are for those that ask for one."""
    first = int(RANGE.network_address) + 10
    candidates = (str(IPv4Address(first + step)) for step in range(RANGE.num_addresses - 11))
    return next(address for address in candidates if address not in taken)
