"""Ask an engine for the token usage of a stream, and change nothing else of the client's request.

OpenAI API reference, `stream_options.include_usage`: the stream then ends with one more chunk, with `usage` and without
choices. Engines do not send it unasked.
"""

from collections.abc import Mapping

import msgspec

from kthena_router.wire.body import Edit, after_opening, value_spans

ASKED = b'"include_usage":true'
_decode_options = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def usage_edits(body: bytes, values: Mapping[str, msgspec.Raw]) -> list[Edit]:
    """Return the edits of *body* that set the option; *values* is what `members` said of it.

    There are none where no stream is asked for, where the client asks for usage itself, and where its options are none
    that an engine would accept.
    """
    if bytes(values.get("stream", b"")) != b"true":
        return []
    if "stream_options" not in values:
        place = after_opening(body)
        return [(place, place, b'"stream_options":{%b},' % ASKED)]
    return [
        (start + first, start + last, value)
        for start, end in value_spans(body, values, "stream_options")
        for first, last, value in _option_edits(body[start:end])
    ]


def _option_edits(options: bytes) -> list[Edit]:
    if options == b"null":
        return [(0, len(options), b"{%b}" % ASKED)]
    try:
        members = _decode_options(options)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []  # not an object: the engine says so
    given = members.get("include_usage")
    if given is None:
        place = after_opening(options)
        return [(place, place, ASKED + b"," if members else ASKED)]
    if bytes(given) not in {b"false", b"null"}:
        return []
    return [(*span, b"true") for span in value_spans(options, members, "include_usage")]
