"""Find one plain field of a `multipart/form-data` body (RFC 7578), without touching the files beside it."""

import re

from kthena_router.wire.body import Span

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary that a content type names, None where there is none."""
    match = _BOUNDARY.search(content_type)
    return (match[1] or match[2]).encode("latin-1") if match else None


def field_spans(body: bytes, boundary: bytes, name: str) -> list[Span]:
    """Return where the values of the field *name* stand in *body*."""
    wanted = re.compile(
        rb'content-disposition:[^\r\n]*\bname="?'
        + re.escape(name.encode())
        + rb'"?\s*(?:[;\r\n]|$)',
        re.IGNORECASE,
    )
    marker = b"--" + boundary
    spans: list[Span] = []
    position = body.find(marker)
    while position >= 0:
        head = position + len(marker)
        end = body.find(b"\r\n" + marker, head)
        blank = body.find(b"\r\n\r\n", head)
        if 0 <= blank < end and wanted.search(body, head, blank):
            spans.append((blank + 4, end))
        position = end + 2 if end >= 0 else -1
    return spans
