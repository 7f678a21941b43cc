"""ValidatingAdmissionPolicies: rules in CEL that a write must fulfil where a binding says so. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kthena_sandbox.apiserver.errors import ApiError, Cause, forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.schema.cel.compiling import compiled
from kthena_sandbox.schema.cel.kinds import CelError
from kthena_sandbox.schema.cel.lexing import CelSyntaxError

Document = dict[str, Any]
_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that does not hold."""

    message: str
    reason: str = "Invalid"


@dataclass
class Variables(Mapping[str, Any]):
    """What expressions may name; those of the policy are computed when they are asked for."""

    given: Mapping[str, Any]
    expressions: Mapping[str, str]
    _computed: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """Raises KeyError, and CelError for a variable of the policy that has no value."""
        return _Computed(self) if name == "variables" else self.given[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self.given, "variables"])

    def __len__(self) -> int:
        return len(self.given) + 1

    def computed(self, name: str) -> Any:
        """The value of a variable of the policy. Raises CelError."""
        if name not in self._computed:
            self._computed[name] = _value(self.expressions[name], self)
        return self._computed[name]


class _Computed(dict[str, Any]):
    """`variables`, as CEL sees it: a map whose values are made when they are taken."""

    def __init__(self, owner: Variables) -> None:
        super().__init__(dict.fromkeys(owner.expressions))
        self._owner = owner

    def __getitem__(self, name: str) -> Any:
        return self._owner.computed(name)


def _value(expression: str, variables: Mapping[str, Any]) -> Any:
    try:
        return compiled(expression)(variables)
    except CelSyntaxError as error:
        raise CelError(str(error)) from error


def violations(policy: Document, given: Mapping[str, Any]) -> list[Violation]:
    """The rules of a policy that do not hold; those without a value count by its failurePolicy."""
    spec = policy["spec"]
    named = {entry["name"]: entry["expression"] for entry in spec.get("variables") or []}
    variables = Variables(given, named)
    found = []
    for rule in spec.get("validations") or []:
        try:
            held = _value(rule["expression"], variables)
        except CelError as error:
            if spec.get("failurePolicy") != "Ignore":
                text = f"expression '{rule['expression'].strip()}' resulted in error: {error}"
                found.append(Violation(text))
            continue
        if held is not True:
            found.append(Violation(_message(rule, variables), rule.get("reason") or "Invalid"))
    return found


def _message(rule: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    if expression := rule.get("messageExpression"):
        try:
            said = _value(expression, variables)
        except CelError:
            said = None
        if isinstance(said, str) and said.strip() and "\n" not in said:
            return said.strip()
    plain = (rule.get("message") or "").strip()
    return plain or f"failed expression: {rule['expression'].strip()}"


def described(policy: str, binding: str, violation: Violation, says: str) -> str:
    """What the client is told of a violation; *says* is `denied request` or `` for a warning."""
    return f"{policy_name(policy, binding)}{says}: {violation.message}"


def policy_name(policy: str, binding: str) -> str:
    """Both by their names."""
    return f"ValidatingAdmissionPolicy '{policy}' with binding '{binding}'"


def denied(attempt: Attempt, policy: str, binding: str, violation: Violation) -> ApiError:
    """The answer to a write that violates a policy."""
    message = described(policy, binding, violation, " denied request")
    cause = Cause("", message)
    error = forbidden(attempt.resource, attempt.key.name, message)
    details = error.details | {"causes": [{"message": cause.message}]}
    return ApiError(
        _CODES.get(violation.reason, 422), violation.reason, error.message, details
    )  # fmt: skip
