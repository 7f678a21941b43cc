"""JSON Web Tokens signed with ES256 (RFC 7515, RFC 7518 3.4). Pure."""

import base64
import binascii
import hashlib
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

Claims = dict[str, Any]
_SIZE = 32  # of each half of a signature on P-256
_ALGORITHM = ec.ECDSA(SHA256())


class BadToken(Exception):
    """The token is none of ours, or holds no more; the text says why."""


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def key_document(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The public key as a JWK; its id is its thumbprint (RFC 7638)."""
    numbers = key.public_numbers()
    point = {"crv": "P-256", "kty": "EC", "x": _encoded(numbers.x.to_bytes(_SIZE, "big")),
             "y": _encoded(numbers.y.to_bytes(_SIZE, "big"))}  # fmt: skip
    thumbprint = hashlib.sha256(msgspec.json.encode(point, order="sorted")).digest()
    return point | {"use": "sig", "alg": "ES256", "kid": _encoded(thumbprint)}


def sign(claims: Claims, key: ec.EllipticCurvePrivateKey) -> str:
    """The token that says *claims*."""
    header = {"alg": "ES256", "kid": key_document(key.public_key())["kid"]}
    parts = [_encoded(msgspec.json.encode(part)) for part in (header, claims)]
    signed = ".".join(parts)
    halves = decode_dss_signature(key.sign(signed.encode(), _ALGORITHM))
    signature = b"".join(half.to_bytes(_SIZE, "big") for half in halves)
    return f"{signed}.{_encoded(signature)}"


def verify(token: str, key: ec.EllipticCurvePublicKey) -> Claims:
    """What a token says, whatever the time. Raises BadToken for one that this key has not signed."""
    signed, _, signature = token.rpartition(".")
    try:
        header, claims = (_object(part) for part in signed.split("."))
        raw = _decoded(signature)
        if header.get("alg") != "ES256" or len(raw) != 2 * _SIZE:
            raise BadToken("invalid bearer token")
        halves = (int.from_bytes(raw[:_SIZE], "big"), int.from_bytes(raw[_SIZE:], "big"))
        key.verify(encode_dss_signature(*halves), signed.encode(), _ALGORITHM)
    except (ValueError, InvalidSignature, binascii.Error, msgspec.DecodeError) as error:
        raise BadToken("invalid bearer token") from error
    return claims


def _object(part: str) -> Claims:
    return msgspec.json.decode(_decoded(part), type=Claims)
