import ssl
from datetime import UTC, datetime

import pytest

from kthena_sandbox.apiserver.auth.authority import (
    SERVER_NAMES,
    decoded,
    new_authority,
    server_context,
)

NOW = datetime.now(UTC)


def test_what_was_kept_is_the_same_authority() -> None:
    authority = new_authority(NOW)
    again = decoded(authority.encoded())
    assert again.ca_pem == authority.ca_pem
    assert again.admin_token == authority.admin_token
    assert again.token_key.private_numbers() == authority.token_key.private_numbers()


def _handshake(server: ssl.SSLContext, ca_pem: str, name: str) -> None:
    client = ssl.create_default_context(cadata=ca_pem)
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(ours, theirs, server_hostname=name),
            server.wrap_bio(theirs, ours, server_side=True))  # fmt: skip
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_its_servers_are_known_by_it_alone() -> None:
    authority = new_authority(NOW)
    server = server_context(authority, SERVER_NAMES, NOW)
    for name in ("127.0.0.1", "127.96.0.1", "kubernetes.default.svc"):
        _handshake(server, authority.ca_pem, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, authority.ca_pem, "example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, new_authority(NOW).ca_pem, "127.0.0.1")
