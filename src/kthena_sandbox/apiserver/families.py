"""The IP families of Services in a cluster that has IPv4 alone, as a kube-apiserver of such a cluster gives and refuses them.

A headless Service without a selector gets both: its endpoints are somebody else's, who knows what they speak.
"""

from typing import Any

from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.options import unsupported

Document = dict[str, Any]
_ALL = ("IPv4", "IPv6")
_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_SEVERAL = "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"


def families(spec: Document) -> Document:
    """The fields of a Service's families, given or not."""
    given = spec.get("ipFamilies") or ["IPv4"]
    if not _is_open(spec):
        return {"ipFamilies": given, "ipFamilyPolicy": spec.get("ipFamilyPolicy") or "SingleStack"}
    policy = spec.get("ipFamilyPolicy") or "RequireDualStack"
    both = [*given, *(family for family in _ALL if family not in given)]
    return {"ipFamilies": given if policy == "SingleStack" else both, "ipFamilyPolicy": policy}


def family_causes(spec: Document) -> list[Cause]:
    """What is wrong with the families that a client chose."""
    policy, chosen = spec.get("ipFamilyPolicy"), spec.get("ipFamilies") or []
    named = [(f"spec.ipFamilies[{index}]", family) for index, family in enumerate(chosen)]
    causes = [unsupported(field, family, _ALL) for field, family in named if family not in _ALL]
    if causes or policy not in _POLICIES:
        return causes  # what an unknown policy is, the schema's rules say
    if policy == "SingleStack" and len(chosen) > 1:
        return [_invalid("spec.ipFamilyPolicy", policy, _SEVERAL)]
    if _is_open(spec):
        return []
    if policy == "RequireDualStack":
        why = "this cluster is not configured for dual-stack services"
        causes.append(_invalid("spec.ipFamilyPolicy", policy, why))
    others = [(field, family) for field, family in named if family != "IPv4"]
    return causes + [_invalid(*other, "not configured on this cluster") for other in others]


def _is_open(spec: Document) -> bool:
    return spec.get("clusterIP") == "None" and not spec.get("selector")


def _invalid(field: str, value: str, why: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {why}', field)
