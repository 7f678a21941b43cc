"""Who may ask for certificates, approve requests and sign them (the admission plugins CertificateApproval, -Signing and -SubjectRestriction)."""

from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from kthena_sandbox.apiserver.auth.authorizer import Authorizer
from kthena_sandbox.apiserver.auth.identity import MASTERS, User
from kthena_sandbox.apiserver.auth.rules import Attributes
from kthena_sandbox.apiserver.errors import forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.resources import is_request
from kthena_sandbox.schema.reading import at, text
from kthena_sandbox.schema.requestrules import pem_request

Document = dict[str, Any]
GROUP = "certificates.k8s.io"
CLIENTS = "kubernetes.io/kube-apiserver-client"
_USER = frozenset({"username", "uid", "groups", "extra"})


def completed(attempt: Attempt, user: User) -> Document:
    """A new request says who asks, whatever it said itself; later ones are about what was asked at first."""
    document = attempt.subject
    if not is_request(attempt.resource) or attempt.new is None or attempt.subresource:
        return document
    if attempt.old is not None:
        return document | {"spec": attempt.old.get("spec")}
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return document
    said = {name: value for name, value in spec.items() if name not in _USER}
    return document | {"spec": said | user.info()}


def check(authorizer: Authorizer, user: User, attempt: Attempt) -> None:
    """Raises ApiError 403 for who may not do that."""
    if not is_request(attempt.resource) or attempt.new is None:
        return
    request, signer = attempt.subject, text(attempt.subject, "spec.signerName")
    if attempt.subresource == "approval":
        _check_right(authorizer, user, attempt, "approve")
    elif attempt.subresource == "status":
        paths = ("status.certificate", "status.conditions")
        if any(at(request, path) != at(attempt.old, path) for path in paths):
            _check_right(authorizer, user, attempt, "sign")
    elif attempt.old is None and signer == CLIENTS and MASTERS in _organizations(request):
        why = f"use of {CLIENTS} signer with {MASTERS} group is not allowed"
        raise forbidden(attempt.resource, text(request, "metadata.name"), why)


def _check_right(authorizer: Authorizer, user: User, attempt: Attempt, verb: str) -> None:
    signer = text(attempt.old, "spec.signerName")
    for name in (signer, f"{signer.partition('/')[0]}/*"):
        if authorizer.decide(Attributes(user, verb, GROUP, "*", "signers", "", "", name)).allowed:
            return
    why = f'user not permitted to {verb} requests with signerName "{signer}"'
    raise forbidden(attempt.resource, text(attempt.old, "metadata.name"), why)


def _organizations(request: Document) -> Iterator[str]:
    """The groups that a certificate would have; of what is no request the rules tell."""
    try:
        asked = x509.load_pem_x509_csr(pem_request(request))
    except ValueError:
        return
    for entry in asked.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
        yield str(entry.value)
