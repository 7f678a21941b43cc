"""Label selectors (`metav1.LabelSelector`)."""

from collections.abc import Mapping

from kthena_router.api.meta import Struct


class Requirement(Struct, frozen=True):
    key: str
    operator: str  # In, NotIn, Exists or DoesNotExist
    values: list[str] = []


class LabelSelector(Struct, frozen=True, rename="camel"):
    match_labels: dict[str, str] = {}
    match_expressions: list[Requirement] = []

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether *labels* satisfy every requirement; an empty selector matches everything."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            _satisfies(labels, requirement) for requirement in self.match_expressions
        )


def _satisfies(labels: Mapping[str, str], requirement: Requirement) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False  # an operator that we do not know selects nothing
