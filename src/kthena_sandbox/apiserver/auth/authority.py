"""The secrets of a cluster: its certificate authority, the key that signs tokens, and the token of its administrator."""

import ipaddress
import secrets
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kthena_sandbox.apiserver.services import KUBERNETES

_PEM = serialization.Encoding.PEM
_CA_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=365)
_SKEW = timedelta(hours=1)  # clocks of clients may be behind
SERVER_NAMES = (
    "127.0.0.1", "::1", KUBERNETES, "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)  # fmt: skip


class _Kept(msgspec.Struct, frozen=True):
    ca_certificate: str
    ca_key: str
    token_key: str
    admin_token: str


@dataclass(frozen=True)
class Authority:
    """What makes a cluster the same one after a restart."""

    ca_certificate: x509.Certificate
    ca_key: ec.EllipticCurvePrivateKey
    token_key: ec.EllipticCurvePrivateKey
    admin_token: str

    @property
    def ca_pem(self) -> str:
        """The certificate by which clients know the server."""
        return self.ca_certificate.public_bytes(_PEM).decode()

    def encoded(self) -> bytes:
        """All of it, to be kept."""
        kept = _Kept(self.ca_pem, _key_pem(self.ca_key), _key_pem(self.token_key), self.admin_token)
        return msgspec.json.encode(kept)


def decoded(kept: bytes) -> Authority:
    """What was kept. Raises ValueError or TypeError where it is something else."""
    parts = msgspec.json.decode(kept, type=_Kept)
    certificate = x509.load_pem_x509_certificate(parts.ca_certificate.encode())
    return Authority(certificate, _key(parts.ca_key), _key(parts.token_key), parts.admin_token)


def new_authority(now: datetime) -> Authority:
    """A new cluster's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    builder = certificate_builder(name, name, key.public_key(), now, _CA_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(key_usage(signs_certificates=True), critical=True)
    certificate = builder.sign(key, SHA256())
    token_key = ec.generate_private_key(ec.SECP256R1())
    return Authority(certificate, key, token_key, secrets.token_urlsafe(32))


def server_context(authority: Authority, names: Iterable[str], now: datetime) -> ssl.SSLContext:
    """TLS for a server of these names and addresses, with a certificate made for it now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    issuer = authority.ca_certificate.subject
    builder = certificate_builder(subject, issuer, key.public_key(), now, _SERVER_LIFE)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
    )
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(usage, critical=False)
    builder = builder.add_extension(key_usage(), critical=True)
    issued = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.ca_key.public_key())
    certificate = builder.add_extension(issued, critical=False).sign(authority.ca_key, SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority.ca_pem)
    context.verify_mode = ssl.CERT_OPTIONAL  # clients may have a certificate of this authority
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # only a file can be loaded; mode 0600
        pem = certificate.public_bytes(_PEM) + _key_pem(key).encode()
        Path(file.name).write_bytes(pem)
        context.load_cert_chain(file.name)
    return context


def certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:  # fmt: skip
    """What all certificates have."""
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _SKEW).not_valid_after(now + life)
    own = x509.SubjectKeyIdentifier.from_public_key(key)
    return builder.add_extension(own, critical=False)


def key_usage(*, signs_certificates: bool = False, key_encipherment: bool = False) -> x509.KeyUsage:
    """What a key may be used for, beside signatures."""
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=key_encipherment, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def _key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key is none on an elliptic curve")
    return key
