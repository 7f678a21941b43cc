"""The service account controller: every namespace has the account `default`."""

import trio

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.kinds import SERVICE_ACCOUNTS, Document, Key, is_leaving, key_of
from kthena_sandbox.mirror import Mirror

DEFAULT = "default"


class ServiceAccounts:
    """Creates the account in namespaces that have none, and again when somebody deletes it."""

    def __init__(self, client: Client, namespaces: Mirror, accounts: Mirror) -> None:
        self._client = client
        self._namespaces = namespaces
        self._accounts = accounts
        self.loop: Reconciler[str] = Reconciler("serviceaccounts", self._reconcile)
        self._news = trio.Event()
        namespaces.subscribe(self._namespace_changed)
        accounts.subscribe(self._account_changed)

    def _namespace_changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None:
            self.loop.add(after["metadata"]["name"])
        self._news.set()

    def _account_changed(self, before: Document | None, after: Document | None) -> None:
        if before is not None and after is None and key_of(before).name == DEFAULT:
            self.loop.add(key_of(before).namespace)
        self._news.set()

    async def wait_complete(self) -> None:
        """Return when no namespace lacks its account, without which it can have no pods."""
        while any(self._is_missing(key.name) for key in self._namespaces.objects):
            self._news = trio.Event()
            await self._news.wait()

    def _is_missing(self, name: str) -> bool:
        namespace = self._namespaces.objects.get(Key("", name))
        if namespace is None or is_leaving(namespace):
            return False
        return Key(name, DEFAULT) not in self._accounts.objects

    async def _reconcile(self, name: str) -> float | None:
        if not self._is_missing(name):
            return None
        metadata = {"name": DEFAULT, "namespace": name}
        try:
            self._accounts.note(await self._client.create(SERVICE_ACCOUNTS, {"metadata": metadata}))
        except ApiError as error:
            if error.reason != "AlreadyExists" and error.code not in {403, 404}:  # it is going
                raise
        return None
