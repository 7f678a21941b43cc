"""What a request asks for, and of which host: RFC 9112 3.2, and RFC 9113 8.3.1 for HTTP/2. Pure."""

import re
from collections.abc import Sequence

from kthena_router.listeners.http1_refusals import MalformedRequest, NotImplementedHere

_HOST = re.compile(
    rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"  # RFC 3986 3.2.2
)
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]+)(?:[/?].*)?")


def the_host(hosts: Sequence[bytes], *, required: bool) -> bytes | None:
    """Return the one Host. RFC 9112 3.2: one there must be, and only one, and a valid one."""
    if not hosts and not required:
        return None
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise MalformedRequest(
            "Host must be given once, as a name or an address with or without port"
        )
    return hosts[0]


def check_target(method: bytes, target: bytes, host: bytes | None) -> None:
    """RFC 9112 3.2: a path, or a whole URI that names the Host, or for OPTIONS an asterisk."""
    if method == b"CONNECT":
        raise NotImplementedHere("this server is no tunnel")
    if b"#" in target:
        raise MalformedRequest("a request target has no fragment")
    if target[:1] == b"/" or (target == b"*" and method == b"OPTIONS"):
        return
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise MalformedRequest("a request target is a path or a URI of http or https")
    if host is not None and absolute[1].lower() != host.lower():
        raise MalformedRequest("the request target names another host than Host")
