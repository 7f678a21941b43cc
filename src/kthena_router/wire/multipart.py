"""Find one plain field of a `multipart/form-data` body (RFC 7578), without touching the files beside it."""

import re
from collections.abc import Iterator

from kthena_router.wire.body import Span, TooComplex

Part = tuple[bytes, Span]  # the head, and where the content stands

MAX_BOUNDARY = 70  # RFC 2046 5.1.1
MAX_PARTS = 1_000  # as many as FastAPI takes by default
MAX_HEAD_BYTES = 8_192

# RFC 2045 5.1: `; name=token` or `; name="quoted"`
_PARAMETER = rb';[ \t]*+([^\s;="]++)=(?:"((?:[^"\\]++|\\.)*+)"|([^\s;"]++))[ \t]*+'
_PARAMETERS = re.compile(rb"[ \t]*+(?:" + _PARAMETER + rb")*+;?[ \t]*+")
_ONE_PARAMETER = re.compile(_PARAMETER)
_DISPOSITION = re.compile(rb"\r\ncontent-disposition:[ \t]*+form-data([^\r\n]*+)", re.IGNORECASE)
_BLANK = b"\r\n\r\n"


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary that a content type names, None where it names none that is valid."""
    _, semicolon, rest = content_type.encode("latin-1").partition(b";")
    boundary = _parameters(semicolon + rest).get(b"boundary", b"")
    return boundary if 0 < len(boundary) <= MAX_BOUNDARY else None


def field_spans(body: bytes, boundary: bytes, name: str) -> list[Span]:
    """Return where the values of the field *name* stand in *body*; a file of that name is none.

    Raises TooComplex for more than MAX_PARTS parts.
    """
    wanted = name.encode()
    spans = []
    for count, (head, span) in enumerate(_parts(body, boundary), 1):
        if count > MAX_PARTS:
            raise TooComplex(f"it has more than {MAX_PARTS} parts")
        if _field_name(head) == wanted:
            spans.append(span)
    return spans


def _parts(body: bytes, boundary: bytes) -> Iterator[Part]:
    """Return the parts up to the closing delimiter, or to the first that is malformed (RFC 2046 5.1.1)."""
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*+(?=\r\n|\Z)")
    begin = delimiter.search(body)
    while begin and not begin[1]:
        blank = body.find(_BLANK, begin.end(), begin.end() + MAX_HEAD_BYTES)
        if blank < 0:
            return
        start = blank + len(_BLANK)
        end = delimiter.search(body, start)
        if end is None:
            return
        yield body[begin.end() : blank], (start, end.start())
        begin = end


def _field_name(head: bytes) -> bytes | None:
    """Return the name of a plain field, None for a file and for what is not a part of a form."""
    dispositions = _DISPOSITION.findall(head)
    if len(dispositions) != 1:
        return None
    parameters = _parameters(dispositions[0])
    if b"filename" in parameters or b"filename*" in parameters:
        return None
    return parameters.get(b"name")


def _parameters(text: bytes) -> dict[bytes, bytes]:
    """Return parameters by their names in lower case; none where *text* is anything else."""
    if not _PARAMETERS.fullmatch(text):
        return {}
    return {name.lower(): quoted or plain for name, quoted, plain in _ONE_PARAMETER.findall(text)}
