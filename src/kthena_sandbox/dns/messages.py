"""Messages of DNS (RFC 1035, section 4), and what CoreDNS' plugin `whoami` answers. Pure."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

_HEADER = struct.Struct(">HHHHHH")
_QUESTION = struct.Struct(">HH")
_RECORD = struct.Struct(">HHIH")
_RESPONSE, _AUTHORITATIVE, _KEPT = (
    0x8000,
    0x0400,
    0x7910,
)  # opcode, RD and CD are those of the query
_A, _SRV = 1, 33
SERVER_FAILURE, NOT_IMPLEMENTED, REFUSED = 2, 4, 5


class NotAQuery(Exception):
    """Nothing that could be answered."""


@dataclass(frozen=True)
class Query:
    """A query. `name` is in lower case and ends with a dot; `question` is the section as it was sent."""

    number: int
    flags: int
    name: str
    kind: int
    family: int
    question: bytes

    @property
    def is_question(self) -> bool:
        """Whether it asks for records; other operations are not served."""
        return not self.flags & 0x7800


def read_query(datagram: bytes) -> Query:
    """The query with its first question. Raises NotAQuery."""
    try:
        number, flags, questions, *_ = _HEADER.unpack_from(datagram)
        labels, at = [], _HEADER.size
        while length := datagram[at]:
            labels.append(datagram[at + 1 : at + 1 + length].decode("latin-1"))
            at += 1 + length
        kind, family = _QUESTION.unpack_from(datagram, at + 1)
    except (struct.error, IndexError) as error:
        raise NotAQuery from error
    if flags & _RESPONSE or questions != 1:
        raise NotAQuery
    end = at + 1 + _QUESTION.size
    name = ".".join([*labels, ""]).lower() or "."
    return Query(number, flags, name, kind, family, datagram[_HEADER.size : end])


def refusal(query: Query, code: int) -> bytes:
    """An answer without records."""
    flags = _RESPONSE | query.flags & _KEPT | code
    return _HEADER.pack(query.number, flags, 1, 0, 0, 0) + query.question


def whoami(query: Query, address: str, port: int) -> bytes:
    """Who has asked, in the additional section: the address, and the port in a record for `_udp.NAME`."""
    flags = _RESPONSE | _AUTHORITATIVE | query.flags & _KEPT
    host = _record(_name(query.name), _A, query.family, IPv4Address(address).packed)
    service = struct.pack(">HHH", 0, 0, port) + _name(".")
    owner = _name("_udp." + query.name.removeprefix("."))
    extra = host + _record(owner, _SRV, query.family, service)
    return _HEADER.pack(query.number, flags, 1, 0, 0, 2) + query.question + extra


def _record(owner: bytes, kind: int, family: int, content: bytes) -> bytes:
    return owner + _RECORD.pack(kind, family, 0, len(content)) + content


def _name(name: str) -> bytes:
    labels = [label.encode("latin-1") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
