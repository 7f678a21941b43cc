import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from kthena_sandbox.apiserver.auth.jwt import BadToken, key_document, sign, verify

KEY = ec.generate_private_key(ec.SECP256R1())
CLAIMS = {"sub": "system:serviceaccount:a:b", "aud": ["c"]}


def test_what_was_signed_can_be_read() -> None:
    token = sign(CLAIMS, KEY)
    assert verify(token, KEY.public_key()) == CLAIMS
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"alg": "ES256", "kid": key_document(KEY.public_key())["kid"]}


def _unsigned() -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    return f"{header}.{sign(CLAIMS, KEY).split('.')[1]}."


@pytest.mark.parametrize(
    "token",
    [
        "", "x", "a.b.c", "a.b.c.d", "....", "é.é.é", _unsigned(), sign(CLAIMS, KEY)[:-3],
        sign(CLAIMS, KEY) + "A", sign(CLAIMS, ec.generate_private_key(ec.SECP256R1())),
        ".".join([*sign(CLAIMS, KEY).split(".")[:2], sign({}, KEY).split(".")[2]]),
    ],
)  # fmt: skip
def test_others_are_refused(token: str) -> None:
    with pytest.raises(BadToken):
        verify(token, KEY.public_key())
