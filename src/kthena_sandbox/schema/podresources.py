"""What a pod asks for and may have: the sum over its containers, or what one of its init containers has if that is more."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from kthena_sandbox.schema.quantities import parse_quantity, written_quantity
from kthena_sandbox.schema.reading import maps, table_of

Document = dict[str, Any]
Table = Literal["limits", "requests"]


class Amount(NamedTuple):
    """A quantity; `binary` says that it is written in Ki, Mi, Gi."""

    value: Decimal
    binary: bool = False

    def __str__(self) -> str:
        return written_quantity(self.value, binary=self.binary)

    def plus(self, other: "Amount") -> "Amount":
        """The sum, written as the first was unless there was nothing of it."""
        return Amount(self.value + other.value, self.binary if self.value else other.binary)


NOTHING = Amount(Decimal(0))
Amounts = dict[str, Amount]


def amount_of(text: Any) -> Amount:
    """A quantity as it stands in an object."""
    return Amount(parse_quantity(str(text)) or Decimal(0), str(text).endswith("i"))


def amounts_of(table: Document) -> Amounts:
    """All of a table of quantities."""
    return {name: amount_of(text) for name, text in table.items()}


def containers_of(pod: Document) -> Iterator[tuple[str, Document]]:
    """All containers, each with what it is."""
    for entry in maps(pod, "spec.containers"):
        yield "container", entry
    for entry in maps(pod, "spec.initContainers"):
        yield "init container", entry


def resources_of(container: Document, table: Table) -> Amounts:
    """What one container asks for or may have."""
    return amounts_of(table_of(container, f"resources.{table}"))


def pod_resources(pod: Document, table: Table) -> Amounts:
    """What the whole pod asks for or may have."""
    total: Amounts = {}
    for container in maps(pod, "spec.containers"):
        total = added(total, resources_of(container, table))
    for container in maps(pod, "spec.initContainers"):
        for name, amount in resources_of(container, table).items():
            if name not in total or amount.value > total[name].value:
                total[name] = amount
    return total


def added(one: Amounts, other: Amounts) -> Amounts:
    """The sum of both."""
    return one | {name: one.get(name, NOTHING).plus(amount) for name, amount in other.items()}
