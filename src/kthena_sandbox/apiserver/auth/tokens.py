"""Tokens of service accounts: given out by TokenRequest, bound to objects, refused when one of those is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from kthena_sandbox.apiserver.auth.identity import (
    AUTHENTICATED,
    User,
    account_groups,
    account_name,
)
from kthena_sandbox.apiserver.auth.jwt import BadToken, Claims, key_document, sign, verify
from kthena_sandbox.apiserver.auth.rules import quoted
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import ApiError, Cause, bad_request, details_of
from kthena_sandbox.apiserver.metadata import timestamp
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
TOKEN_REQUEST = ResourceType(
    "authentication.k8s.io", "v1", "TokenRequest", "tokenrequests", "tokenrequest", namespaced=True,
    list_kind="",
)  # fmt: skip
ISSUER = "https://kubernetes.default.svc.cluster.local"
_SHORTEST = 600
_LONGEST = 1 << 32
_USUAL = 3600
_MOST_KNOWN = 1000
_BOUND = {"Pod": ("pods", "pod"), "Secret": ("secrets", "secret"), "Node": ("nodes", "node")}
_PRIVATE = "kubernetes.io"


@dataclass(frozen=True)
class Tokens:
    """Gives out and checks the tokens of one cluster."""

    cluster: Cluster
    key: ec.EllipticCurvePrivateKey
    _signed: dict[str, Claims] = field(default_factory=dict, compare=False, repr=False)

    def request(self, account: Key, document: Document) -> Document:
        """Answer a TokenRequest. Raises ApiError 400, 404, 409 or 422."""
        spec = document.get("spec") or {}
        seconds = spec.get("expirationSeconds") or _USUAL
        found = self.cluster.read(self.cluster.kind("", "v1", "serviceaccounts"), account)
        _check_seconds(seconds)
        bound = self._bound(account, spec.get("boundObjectRef") or {})
        now = self.cluster.clock().replace(microsecond=0)
        ends = now + timedelta(seconds=seconds)
        audiences = spec.get("audiences") or [ISSUER]
        own = {"name": account.name, "uid": found["metadata"]["uid"]}
        claims = {
            "aud": audiences, "iss": ISSUER, "sub": account_name(*account),
            "iat": int(now.timestamp()), "nbf": int(now.timestamp()), "exp": int(ends.timestamp()),
            "jti": self.cluster.uid(),
            _PRIVATE: {"namespace": account.namespace, "serviceaccount": own} | bound,
        }  # fmt: skip
        status = {"token": sign(claims, self.key), "expirationTimestamp": timestamp(ends)}
        shown = {"audiences": audiences, "expirationSeconds": seconds}
        if spec.get("boundObjectRef"):
            shown["boundObjectRef"] = spec["boundObjectRef"]
        metadata = {**own, "namespace": account.namespace,
                    "creationTimestamp": timestamp(now)}  # fmt: skip
        return {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
                "metadata": metadata, "spec": shown, "status": status}  # fmt: skip

    def _bound(self, account: Key, reference: Document) -> Document:
        """The claims about the object that the token is bound to."""
        if not reference:
            return {}
        version, kind = reference.get("apiVersion", ""), reference.get("kind", "")
        if version != "v1" or kind not in _BOUND:
            group, _, plain = version.rpartition("/")
            raise bad_request(f"cannot bind token to object of type {group}/{plain}, Kind={kind}")
        plural, claim = _BOUND[kind]
        home = "" if kind == "Node" else account.namespace
        found = self.cluster.read(
            self.cluster.kind("", "v1", plural), Key(home, reference.get("name", ""))
        )
        uid, asked = found["metadata"]["uid"], reference.get("uid")
        if asked and asked != uid:
            why = (
                f"the UID in the bound object reference ({asked}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            name = reference["name"]
            text = f'Operation cannot be fulfilled on {kind} "{name}": {why}'
            raise ApiError(409, "Conflict", text, details_of("", kind, name))
        bound = {claim: {"name": reference["name"], "uid": uid}}
        if kind == "Pod":
            bound |= self._node_of(account, found)
        return bound

    def _node_of(self, account: Key, pod: Document) -> Document:
        runs_as = pod["spec"].get("serviceAccountName") or "default"
        if runs_as != account.name:
            raise bad_request(
                f'cannot bind token for serviceaccount "{account.name}" to pod running with '
                "different serviceaccount name."
            )
        name = pod["spec"].get("nodeName", "")
        nodes = self.cluster.collection(self.cluster.kind("", "v1", "nodes")).documents
        node = nodes.get(Key("", name))
        return {"node": {"name": name, "uid": node["metadata"]["uid"]}} if node else {}

    def authenticate(self, token: str, audiences: Sequence[str] = ()) -> tuple[User, list[str]]:
        """Whose token it is, and for which of *audiences* (the API server itself, if none). Raises BadToken."""
        claims = self._claims(token)
        self._check_time(claims, self.cluster.clock())
        wanted, given = list(audiences) or [ISSUER], claims.get("aud") or []
        common = [entry for entry in wanted if entry in given]
        if not common:
            raise BadToken(
                f"token audiences {quoted(given)} is invalid for the target audiences {quoted(wanted)}"
            )
        return self._user(claims), common

    def _claims(self, token: str) -> Claims:
        """What a token of ours says. A signature is looked at once, since that takes 0.1 ms. Raises BadToken."""
        claims = self._signed.get(token)
        if claims is None:
            claims = verify(token, self.key.public_key())
            if len(self._signed) >= _MOST_KNOWN:
                self._signed.clear()
            self._signed[token] = claims
        return claims

    @staticmethod
    def _check_time(claims: Claims, now: datetime) -> None:
        if now >= datetime.fromtimestamp(claims["exp"], UTC):
            raise BadToken("service account token has expired")
        if now < datetime.fromtimestamp(claims["nbf"], UTC) - timedelta(minutes=1):
            raise BadToken("service account token is not valid yet")

    def _user(self, claims: Claims) -> User:
        private = claims[_PRIVATE]
        namespace, account = private["namespace"], private["serviceaccount"]
        self._check_present("serviceaccounts", "service account", namespace, account)
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims['jti']}",)}
        for plural, claim in _BOUND.values():
            bound: Mapping[str, str] | None = private.get(claim)
            if bound is None:
                continue
            if claim != "node":
                self._check_present(plural, claim, namespace, bound)
            if claim != "secret":
                extra[f"authentication.kubernetes.io/{claim}-name"] = (bound["name"],)
                extra[f"authentication.kubernetes.io/{claim}-uid"] = (bound["uid"],)
        groups = (*account_groups(namespace), AUTHENTICATED)
        return User(account_name(namespace, account["name"]), groups, account["uid"], extra)

    def _check_present(
        self, plural: str, called: str, namespace: str, bound: Mapping[str, str]
    ) -> None:
        resource = self.cluster.kind("", "v1", plural)
        found = self.cluster.collection(resource).documents.get(Key(namespace, bound["name"]))
        if found is None or found["metadata"]["uid"] != bound["uid"]:
            raise BadToken(f"{called} token has been invalidated: {plural} {bound['name']} is gone")

    def key_set(self) -> Document:
        """The keys by which others can check tokens (`/openid/v1/jwks`)."""
        return {"keys": [key_document(self.key.public_key())]}


def configuration(address: str) -> Document:
    """`/.well-known/openid-configuration` (OpenID Connect Discovery)."""
    return {
        "issuer": ISSUER, "jwks_uri": f"{address}/openid/v1/jwks",
        "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }  # fmt: skip


def _check_seconds(seconds: int) -> None:
    if seconds < _SHORTEST:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST:
        why = "may not specify a duration larger than 2^32 seconds"
    else:
        return
    text = f"Invalid value: {seconds}: {why}"
    cause = Cause("FieldValueInvalid", text, "spec.expirationSeconds")
    details = {
        "group": "authentication.k8s.io",
        "kind": "TokenRequest",
        "causes": [cause.document()],
    }
    message = f'TokenRequest.authentication.k8s.io "" is invalid: {cause}'
    raise ApiError(422, "Invalid", message, details)
