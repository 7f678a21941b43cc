"""What a client is told whose bytes are no HTTP/1.1 request that this server takes: one class for each status."""

from kthena_router.errors import InvalidRequest


class MalformedRequest(InvalidRequest):
    """The bytes break RFC 9112, or two servers could read them differently."""

    code = "malformed_request"


class TargetTooLong(InvalidRequest):
    """The request line is longer than this server takes (RFC 9110 15.5.15)."""

    status = 414
    code = "uri_too_long"


class HeadTooLarge(InvalidRequest):
    """The headers are more, or larger, than this server takes (RFC 6585 5)."""

    status = 431
    code = "headers_too_large"


class NotImplementedHere(InvalidRequest):
    """A method or a transfer coding that this server does not know (RFC 9110 15.6.2)."""

    status = 501
    code = "not_implemented"


class VersionNotSupported(InvalidRequest):
    """A version of HTTP that this connection does not speak (RFC 9110 15.6.6)."""

    status = 505
    code = "http_version_not_supported"
