"""Service account tokens for pods, asked for again before they expire (TokenRequest)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.conditions import parse_time
from kthena_sandbox.kinds import SERVICE_ACCOUNTS, Document
from kthena_sandbox.kubelet.volumes import TokenWish

_FRESH = 0.8  # of its life; then a kubelet asks for another one


class PodTokens:
    """The tokens of one pod."""

    def __init__(self, client: Client, wall_clock: Callable[[], datetime]) -> None:
        self._client = client
        self._wall_clock = wall_clock
        self._held: dict[TokenWish, tuple[str, datetime]] = {}  # with the time to ask again

    async def get(self, pod: Document, wish: TokenWish) -> str:
        """A token with enough of its life before it. Raises ApiError, ApiAway."""
        now = self._wall_clock()
        token, due = self._held.get(wish, ("", now))
        if now < due:
            return token
        answered = await self._ask(pod, wish)
        expiry = parse_time(answered["expirationTimestamp"])
        token = str(answered["token"])
        self._held[wish] = (token, now + (expiry - now) * _FRESH)
        return token

    async def _ask(self, pod: Document, wish: TokenWish) -> Document:
        metadata = pod["metadata"]
        spec: Document = {
            "expirationSeconds": wish.seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"],
                               "uid": metadata["uid"]},
        }  # fmt: skip
        if wish.audience:
            spec["audiences"] = [wish.audience]
        account = pod["spec"].get("serviceAccountName") or "default"
        path = SERVICE_ACCOUNTS.path(metadata["namespace"], account, "token")
        kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        answered = await self._client.call("POST", path, body=kind | {"spec": spec})
        status: Document = answered["status"]
        return status

    def seconds_left(self) -> float:
        """Until one of the tokens has to be asked for again."""
        now = self._wall_clock()
        left = [(due - now) for _, due in self._held.values()]
        return max(0.0, min(left, default=timedelta.max).total_seconds())
