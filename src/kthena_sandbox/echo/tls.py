"""TLS of the echo server, and what it tells about a connection."""

import re
import ssl
from collections.abc import Callable
from typing import Any

_SUITE = re.compile(r"(ECDHE)-(RSA|ECDSA)-(AES128|AES256|CHACHA20)-(GCM|POLY1305)(?:-(SHA\d+))?")


def server_context(
    certificate: str, key: str, client_ca: str, named: Callable[[str], None]
) -> ssl.SSLContext:
    """For one connection: *named* is told the name that the client asks for. Raises OSError, which ssl's errors are.

    A client may show a certificate, and it has to be one of *client_ca* then.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL

    def note(_: object, name: str | None, __: object) -> None:
        named(name or "")

    context.sni_callback = note
    return context


def described(stream: Any, name: str) -> dict[str, Any]:
    """The `tls` part of an answer, for a stream of trio's after its handshake."""
    suite, *_ = stream.cipher() or ("",)
    found = {"version": stream.version()}
    if peer := stream.getpeercert(binary_form=True):
        found["peerCertificates"] = [ssl.DER_cert_to_PEM_cert(peer)]
    found["serverName"] = name
    if protocol := stream.selected_alpn_protocol():
        found["negotiatedProtocol"] = protocol
    return found | {"cipherSuite": registered_name(suite)}


def registered_name(suite: str) -> str:
    """A cipher suite's name in the registry of IANA; OpenSSL has its own for those before TLS 1.3."""
    match = _SUITE.fullmatch(suite)
    if match is None:
        return suite
    exchange, signature, cipher, kind, digest = match.groups()
    sizes = {"AES128": "AES_128", "AES256": "AES_256", "CHACHA20": "CHACHA20"}
    return f"TLS_{exchange}_{signature}_WITH_{sizes[cipher]}_{kind}_{digest or 'SHA256'}"
