"""The TLS context of the default port."""

import ssl


class BadCertificate(Exception):
    """The certificate or its key cannot be used; the message is for the operator."""


def load_tls(certificate: str, key: str) -> ssl.SSLContext:
    """Return the context for a certificate chain and key in PEM files: TLS 1.2 or newer, HTTP/2 or HTTP/1.1 by ALPN.

    Raises BadCertificate.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9113 9.2
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise BadCertificate(f"cannot use {certificate} with {key}: {error}") from error
    return context
