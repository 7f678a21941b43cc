"""Rules of CertificateSigningRequests: what is asked for, and what others say of it.

They are asked only about objects whose fields have the types of the schema.
"""

import base64
import re
from typing import Any

from cryptography import x509

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError

Document = dict[str, Any]
USAGES = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment",
    "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system",
    "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc",
    "ocsp signing", "s/mime", "server auth", "signing", "timestamping",
)  # fmt: skip
APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"
_FINAL = (APPROVED, DENIED, FAILED)
_SHORTEST = 600
_BLOCK = re.compile(rb"-----BEGIN ([^-\n]+)-----\n.*?-----END \1-----", re.DOTALL)
_SIGNER_FORM = "must be a fully qualified domain and path of the form 'example.com/signer-name'"


def pem_request(document: Document) -> bytes:
    """The request as it was given; none where it is no base64."""
    try:
        return base64.b64decode((document.get("spec") or {}).get("request") or "")
    except ValueError:
        return b""


def request_rules(document: Document) -> list[FieldError]:
    """What a CertificateSigningRequest asks for."""
    spec = document.get("spec") or {}
    found = _request(document, spec.get("request"))
    usages = spec.get("usages") or []
    if not usages:
        found.append(errors.required("spec.usages"))
    for index, usage in enumerate(usages):
        path = f"spec.usages[{index}]"
        if usage not in USAGES:
            found.append(errors.not_supported(path, usage, USAGES))
        elif usage in usages[:index]:
            found.append(errors.duplicate(path, usage))
    found += _signer(spec.get("signerName", ""))
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SHORTEST:
        why = "may not specify a duration less than 600 seconds (10 minutes)"
        found.append(errors.invalid("spec.expirationSeconds", seconds, why))
    return found


def _request(document: Document, given: str | None) -> list[FieldError]:
    pem, path = pem_request(document), "spec.request"
    block = _BLOCK.search(pem)
    if block is None or block[1] != b"CERTIFICATE REQUEST":
        why = "PEM block type must be CERTIFICATE REQUEST"
        return [errors.invalid(path, given, why)]
    try:
        x509.load_pem_x509_csr(block[0])
    except ValueError as error:
        return [errors.invalid(path, given, f"asn1: structure error: {error}")]
    return []


def _signer(name: str) -> list[FieldError]:
    path = "spec.signerName"
    if not name:
        return [errors.required(path)]
    if name == "kubernetes.io/legacy-unknown":
        why = "the legacy signerName is not allowed via this API version"
        return [errors.invalid(path, name, why)]
    domain, slash, rest = name.partition("/")
    if not (domain and slash and rest) or "/" in rest:
        return [errors.invalid(path, name, _SIGNER_FORM)]
    labels = domain.split(".")
    found = [
        errors.invalid(path, label, f'validating label "{label}": {why}')
        for label in labels
        for why in names.label_problems(label)
    ]
    if len(labels) < 2:
        why = "should be a domain with at least two segments separated by dots"
        found.append(errors.invalid(path, domain, why))
    return found + [
        errors.invalid(path, rest, f'validating label "{rest}": {why}')
        for why in names.subdomain_problems(rest)
    ]


def verdict_rules(new: Document, old: Document, *, approving: bool) -> list[FieldError]:
    """What is written to the status, or by those who approve: verdicts stay, and a certificate too."""
    now, before = (one.get("status") or {} for one in (new, old))
    found = _conditions(now.get("conditions") or [])
    certificate, present = (one.get("certificate") or "" for one in (now, before))
    path = "status.certificate"
    if present and certificate != present:
        why = "updates may not modify existing certificate content"
        found.append(errors.forbidden(path, why))
    elif certificate and not _has_certificate(certificate):
        why = "must contain at least one CERTIFICATE PEM block"
        found.append(errors.invalid_shown(path, '"<certificate data>"', why))
    given, known = (
        {entry.get("type") for entry in one.get("conditions") or []} for one in (now, before)
    )
    for name in _FINAL:
        if name in known and name not in given:
            why = f'updates may not remove a condition of type "{name}"'
            found.append(errors.forbidden("status.conditions", why))
    for name in () if approving else (APPROVED, DENIED):
        if name in given and name not in known:
            why = f'updates may not add a condition of type "{name}"'
            found.append(errors.forbidden("status.conditions", why))
    return found


def _has_certificate(encoded: str) -> bool:
    try:
        pem = base64.b64decode(encoded)
        blocks = [block[0] for block in _BLOCK.finditer(pem) if block[1] == b"CERTIFICATE"]
        return bool(blocks) and all(x509.load_pem_x509_certificate(block) for block in blocks)
    except ValueError:
        return False


def _conditions(conditions: list[Document]) -> list[FieldError]:
    found: list[FieldError] = []
    seen: list[str] = []
    for index, entry in enumerate(conditions):
        path, kind, status = f"status.conditions[{index}]", entry.get("type", ""), entry.get("status", "")  # fmt: skip
        if not kind:
            found.append(errors.required(f"{path}.type"))
        known = ["True"] if kind in _FINAL else ["False", "True", "Unknown"]
        if not status:
            found.append(errors.required(f"{path}.status"))
        elif status not in known:
            found.append(errors.not_supported(f"{path}.status", status, known))
        if kind in seen:
            found.append(errors.duplicate(f"{path}.type", kind))
        seen.append(kind)
    if {APPROVED, DENIED} <= set(seen):
        why = "Approved and Denied conditions are mutually exclusive"
        last = next(kind for kind in reversed(seen) if kind in {APPROVED, DENIED})
        found.append(errors.invalid("status.conditions", last, why))
    return found
