"""The token controller: fills Secrets of the type `kubernetes.io/service-account-token`, and deletes them with their account.

Their tokens are bound to the Secret and as good as never expire; a kube-controller-manager signs others, without an end.
"""

import base64

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.kinds import (
    SECRETS,
    SERVICE_ACCOUNTS,
    Document,
    Key,
    is_leaving,
    key_of,
    uid_of,
)
from kthena_sandbox.mirror import Mirror

TYPE = "kubernetes.io/service-account-token"
_NAME, _UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
_SECONDS = 1 << 32  # the longest that a token may be asked for


class TokenSecrets:
    """*secrets* may have nothing but metadata."""

    def __init__(self, client: Client, accounts: Mirror, secrets: Mirror) -> None:
        self._client = client
        self._secrets = secrets
        self.loop: Reconciler[Key] = Reconciler("token secrets", self._reconcile)
        secrets.subscribe(self._secret_changed)
        accounts.subscribe(self._account_changed)

    def _secret_changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None and account_of(after):
            self.loop.add(key_of(after))

    def _account_changed(self, before: Document | None, after: Document | None) -> None:
        """A Secret goes with its account."""
        account = key_of(after or before or {})
        if after is not None and not is_leaving(after):
            return
        for key, secret in self._secrets.objects.items():
            if Key(key.namespace, account_of(secret)) == account:
                self.loop.add(key)

    async def _reconcile(self, key: Key) -> float | None:
        secret = await self._client.find(SECRETS, key)
        if secret is None or is_leaving(secret) or secret.get("type") != TYPE:
            return None
        account = await self._client.find(SERVICE_ACCOUNTS, Key(key.namespace, account_of(secret)))
        if account is None or not _is_of(secret, account):
            await self._delete(secret)
        elif change := missing(secret, account, self._client.ca_pem):
            if not (secret.get("data") or {}).get("token"):
                change["data"]["token"] = _encoded(await self._token(account, secret))
            change["metadata"]["resourceVersion"] = secret["metadata"]["resourceVersion"]
            await self._client.patch(SECRETS, key, change)
        return None

    async def _delete(self, secret: Document) -> None:
        try:
            await self._client.delete(SECRETS, key_of(secret), uid_of(secret))
        except ApiError as error:
            if error.code != 404:
                raise

    async def _token(self, account: Document, secret: Document) -> str:
        bound = {
            "apiVersion": "v1", "kind": "Secret", "name": secret["metadata"]["name"], "uid": uid_of(secret),
        }  # fmt: skip
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _SECONDS, "boundObjectRef": bound},
        }
        path = SERVICE_ACCOUNTS.path(*key_of(account), "token")
        answer = await self._client.call("POST", path, body=body)
        return str(answer["status"]["token"])


def account_of(secret: Document) -> str:
    """The account that a Secret is for, "" for none."""
    return str((secret["metadata"].get("annotations") or {}).get(_NAME, ""))


def _is_of(secret: Document, account: Document) -> bool:
    """Whether it is for this account, and not for one of its name that is gone."""
    uid = secret["metadata"]["annotations"].get(_UID, "")
    return uid in {"", uid_of(account)}


def missing(secret: Document, account: Document, ca_pem: str) -> Document:
    """The merge patch with what a Secret lacks but for its token; empty where it has everything. Pure."""
    present = secret.get("data") or {}
    namespace = present.get("namespace") or _encoded(str(secret["metadata"]["namespace"]))
    wanted = {"ca.crt": _encoded(ca_pem), "namespace": namespace}
    annotations = {_UID: uid_of(account)}
    complete = bool(present.get("token")) and wanted.items() <= present.items()
    if complete and annotations.items() <= secret["metadata"]["annotations"].items():
        return {}
    return {"metadata": {"annotations": annotations}, "data": wanted}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
