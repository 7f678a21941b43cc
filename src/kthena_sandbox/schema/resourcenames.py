"""Names of what pods, quotas and limit ranges count: `cpu`, `requests.memory`, `example.com/gpu`."""

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError

_AMOUNTS = ("cpu", "memory", "ephemeral-storage")
CONTAINER = frozenset(_AMOUNTS)
COMPUTE = frozenset(
    {
        name
        for amount in ("cpu", "memory")
        for name in (amount, f"requests.{amount}", f"limits.{amount}")
    }
)
OBJECTS = frozenset({
    "configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets", "services",
    "services.loadbalancers", "services.nodeports",
})  # fmt: skip
QUOTA = OBJECTS | COMPUTE | {
    "ephemeral-storage", "requests.ephemeral-storage", "limits.ephemeral-storage", "requests.storage",
}  # fmt: skip
_STANDARD = QUOTA | {"storage"}
_PAGES = ("hugepages-", "requests.hugepages-")


def is_pages(name: str) -> bool:
    """Huge pages, of which there are sizes."""
    return name.startswith(_PAGES)


def is_extended(name: str) -> bool:
    """What is neither Kubernetes' own nor the request for something, as devices are."""
    own = "kubernetes.io/" in name or name.startswith("requests.")
    return "/" in name and not own


def is_whole(name: str) -> bool:
    """Whether there are no parts of it."""
    return name in OBJECTS or is_extended(name)


def name_rules(name: str, path: str) -> list[FieldError]:
    """Any of these names."""
    problems = names.qualified_problems(name)
    if problems:
        return [errors.invalid(path, name, why) for why in problems]
    if "/" in name or name in _STANDARD or is_pages(name):
        return []
    return [errors.invalid(path, name, "must be a standard resource type or fully qualified")]


def quota_name_rules(name: str, path: str) -> list[FieldError]:
    """What a quota limits."""
    found = name_rules(name, path)
    if "/" in name or name in QUOTA or is_pages(name):
        return found
    return [*found, errors.invalid(path, name, "must be a standard resource for quota")]


def container_name_rules(name: str, path: str) -> list[FieldError]:
    """What a container has."""
    found = name_rules(name, path)
    if "/" in name or name in CONTAINER or name.startswith("hugepages-"):
        return found
    return [*found, errors.invalid(path, name, "must be a standard resource for containers")]
