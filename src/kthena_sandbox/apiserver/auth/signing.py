"""Signs requests for certificates of clients, once they are approved, and knows clients by theirs (the signer `kubernetes.io/kube-apiserver-client`)."""

import base64
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kthena_sandbox.apiserver import mutations, verdicts
from kthena_sandbox.apiserver.admission.certificates import CLIENTS, GROUP
from kthena_sandbox.apiserver.auth.authority import Authority, certificate_builder, key_usage
from kthena_sandbox.apiserver.auth.identity import AUTHENTICATED, User
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.options import WriteOptions
from kthena_sandbox.apiserver.storage import CollectionKey, Key
from kthena_sandbox.schema.reading import maps, text, texts, whole
from kthena_sandbox.schema.requestrules import APPROVED, DENIED, FAILED, pem_request

Document = dict[str, Any]
_REQUESTS = CollectionKey(GROUP, "certificatesigningrequests")
_MANAGER = "kube-controller-manager"
_ALLOWED = frozenset({"client auth", "digital signature", "key encipherment"})
_LONGEST = timedelta(days=365)


class Unsigned(Exception):
    """Why a request is not signed."""


def waits(request: Document) -> bool:
    """Whether a request is for this signer to sign."""
    given = {condition.get("type") for condition in maps(request, "status.conditions")}
    ours = text(request, "spec.signerName") == CLIENTS and not text(request, "status.certificate")
    return ours and APPROVED in given and not {DENIED, FAILED} & given


def signed(authority: Authority, request: Document, now: datetime) -> bytes:
    """The certificate that a request asks for, in PEM. Raises Unsigned."""
    usages = set(texts(request, "spec.usages"))
    if "client auth" not in usages or not usages <= _ALLOWED:
        raise Unsigned(f"invalid usages for client certificate: {sorted(usages)}")
    try:
        asked = x509.load_pem_x509_csr(pem_request(request))
        if not asked.is_signature_valid:
            raise Unsigned("unable to verify certificate request signature")
        key = asked.public_key()
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise Unsigned(f"unable to parse the request: {error}") from error
    seconds = whole(request, "spec.expirationSeconds")
    life = min(timedelta(seconds=seconds), _LONGEST) if seconds else _LONGEST
    ends = min(now + life, authority.ca_certificate.not_valid_after_utc)
    builder = certificate_builder(
        asked.subject, authority.ca_certificate.subject, key, now, ends - now
    )
    usage = key_usage(key_encipherment="key encipherment" in usages)
    builder = builder.add_extension(usage, critical=True)
    clients = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(clients, critical=False)
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    certificate = builder.add_extension(constraints, critical=True)
    return certificate.sign(authority.ca_key, SHA256()).public_bytes(serialization.Encoding.PEM)


def sign_waiting(cluster: Cluster, authority: Authority) -> None:
    """Sign all that wait; what cannot be signed is told in a condition, as Kubernetes' own signer does."""
    resource = cluster.kind(GROUP, "v1", "certificatesigningrequests")
    documents = cluster.store.collection(_REQUESTS).documents
    for name in [key.name for key, request in documents.items() if waits(request)]:

        def judged(request: Document) -> Document:
            status = dict(request["status"])
            try:
                pem = signed(authority, request, cluster.clock())
                status["certificate"] = base64.b64encode(pem).decode()
            except Unsigned as error:
                failed = {"type": FAILED, "status": "True", "reason": "SignerValidationFailure"}
                status["conditions"] = [*status["conditions"], failed | {"message": str(error)}]
            return request | {"status": status}

        options = WriteOptions(manager=_MANAGER, subresource="status")
        mutations.change(cluster, resource, Key("", name), judged, options, merge=verdicts.told)


async def run_signing(cluster: Cluster, authority: Authority) -> None:
    """Sign for ever."""
    while True:
        sign_waiting(cluster, authority)
        await cluster.store.collection(_REQUESTS).wait_changed()


def user_of_certificate(der: bytes, now: datetime) -> User | None:
    """Who a certificate, of which TLS knows that our authority has signed it, is about; None where it has ended or names nobody."""
    certificate = x509.load_der_x509_certificate(der)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return None
    names = [str(entry.value) for entry in _of(certificate, NameOID.COMMON_NAME)]
    if not names:
        return None
    groups = [str(entry.value) for entry in _of(certificate, NameOID.ORGANIZATION_NAME)]
    mark = f"X509SHA256={certificate.fingerprint(SHA256()).hex()}"
    extra = {"authentication.kubernetes.io/credential-id": (mark,)}
    return User(names[0], (*groups, AUTHENTICATED), extra=extra)


def _of(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[x509.NameAttribute[Any]]:
    return certificate.subject.get_attributes_for_oid(oid)
