r"""Request smuggling: the known ways to make two servers disagree about where a request ends. Each is refused and the connection closed.

The techniques are public; where each is documented:
- Klein: "HTTP Request Smuggling in 2020" (Black Hat USA 2020), Linhart and others: "HTTP Request Smuggling" (2005).
- Kettle: "HTTP Desync Attacks" (2019), "Browser-Powered Desync Attacks" (2022), "HTTP/1.1 Must Die" (2025); their permutations
  are listed in PortSwigger/http-request-smuggler, those of defparam in its smuggler (`configs/exhaustive.py`).
- Garden: what narfindustries/http-garden found in servers and proxies, in its README.
- Chunks: "Funky chunks" (w4ke.info, June and October 2025) and the advisories that followed (h11 GHSA-vqfr-h8mv-ghfj, Netty
  GHSA-fghv-69vj-qj49 and GHSA-pwqr-wmgm-9rr8).
- llhttp: nodejs/llhttp, `test/request`.
"""

import re
from dataclasses import dataclass

import pytest
from tests.listeners.test_http1 import serving

from kthena_router.listeners.asgi import Receive, Scope, Send, respond

HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nhost: a\r\n"
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


@dataclass(frozen=True)
class Seen:
    """What became of some bytes: the status of each answer, the path and body of each request that was taken."""

    statuses: list[int]
    requests: list[tuple[str, bytes]]


async def send(message: bytes) -> Seen:
    """Say *message* on a connection of its own, and listen until the server closes it."""
    requests: list[tuple[str, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        at = len(requests)
        requests.append((scope["path"], b""))
        while True:
            event = await receive()
            requests[at] = (scope["path"], requests[at][1] + event.get("body", b""))
            if not event.get("more_body"):
                break
        await respond(send, 200, b"hello")

    async with serving(app) as served:
        await served.say(message)
        answer = await served.hear_to_the_end()
    return Seen([int(status) for status in STATUS.findall(answer)], requests)


def cl_te(line: bytes) -> bytes:
    """By its length the body holds the hidden request; by the coding it ends before."""
    body = LAST_CHUNK + HIDDEN
    return POST + b"content-length: %d\r\n%b\r\n\r\n%b" % (len(body), line, body)


def te_cl(line: bytes) -> bytes:
    """By the coding the body holds the hidden request; by its length it ends before."""
    chunk = b"%x\r\n" % len(HIDDEN)
    body = chunk + HIDDEN + b"\r\n" + LAST_CHUNK
    return POST + b"%b\r\ncontent-length: %d\r\n\r\n%b" % (line, len(chunk), body)


def te(line: bytes) -> bytes:
    """By the coding the body ends before the hidden request; without it there is no body at all."""
    return POST + line + b"\r\n\r\n" + LAST_CHUNK + HIDDEN


CODINGS = {
    # Kettle 2019, defparam
    "a space before the name": (b" Transfer-Encoding: chunked", 400),
    "a header, then a space before the name": (b"Foo: bar\r\n Transfer-Encoding: chunked", 400),
    "a header, then a tab before the name": (b"Foo: bar\r\n\tTransfer-Encoding: chunked", 400),
    "a space in the name": (b"Transfer Encoding: chunked", 400),
    "a space before the colon": (b"Transfer-Encoding : chunked", 400),
    "tabs around the colon": (b"Transfer-Encoding\t:\tchunked", 400),
    "a vertical tab before the value": (b"Transfer-Encoding: \x0bchunked", 400),
    "a form feed before the value": (b"Transfer-Encoding: \x0cchunked", 400),
    "a value on the next line": (b"Transfer-Encoding:\r\n chunked", 400),
    "a value on the next line after a tab": (b"Transfer-Encoding: \r\n\tchunked", 400),
    "a value after LF": (b"Transfer-Encoding:\n chunked", 400),
    "a value after LF and a vertical tab": (b"Transfer-Encoding: \n\x0bchunked", 400),
    "a colon after LF": (b"Transfer-Encoding\n : chunked", 400),
    "a colon on the next line": (b"Transfer-Encoding\r\n : chunked", 400),
    "a name after CR": (b"Foo: bar\rTransfer-Encoding: chunked", 400),
    "a name after LF": (b"Foo: bar\nTransfer-Encoding: chunked", 400),
    "a name after CRLF and CR": (b"Foo: bar\r\n\rTransfer-Encoding: chunked", 400),
    "a name after two LF": (b"Foo: bar\n\nTransfer-Encoding: chunked", 400),
    "CR in the name": (b"Tra\rnsfer-Encoding: chunked", 400),
    "a name in two lines": (b"Transfer-\r\nEncoding: chunked", 400),
    "CR at the end": (b"Transfer-Encoding: chunked\r", 400),
    "NUL at the end": (b"Transfer-Encoding: chunked\x00", 400),
    "a tab at the end": (b"Transfer-Encoding: chunked\t", 501),
    "NUL before the value": (b"Transfer-Encoding: \x00chunked", 400),
    "a no-break space before the value": (b"Transfer-Encoding:\xa0chunked", 501),
    "0xFF before the value": (b"Transfer-Encoding:\xffchunked", 501),
    "an accent in the name": (b"Transf\x82r-Encoding: chunked", 400),
    "an accent in the value": (b"Transfer-Encoding: ch\x96nked", 501),
    "double quotes": (b'Transfer-Encoding: "chunked"', 501),
    "single quotes": (b"Transfer-Encoding: 'chunked'", 501),
    "half the word": (b"Transfer-Encoding: chunk", 501),
    "a letter more": (b"Transfer-Encoding: xchunked", 501),
    "identity after it": (b"Transfer-Encoding: chunked, identity", 501),
    "identity before it": (b"Transfer-Encoding: identity, chunked", 501),
    "identity around it": (b"Transfer-Encoding: identity, chunked, identity", 501),
    "words around it": (b"Transfer-Encoding: cow chunked bar", 501),
    "another one first": (b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", 501),
    "another one next": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", 501),
    "another one in other case": (b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow", 501),
    # Klein 2020
    "a word before the colon": (b"Transfer-Encoding x: chunked", 400),
    "a backslash in the name": (b"Transfer\\Encoding: chunked", 400),
    "no colon": (b"Transfer-Encoding chunked", 400),
    "CR and a word before the value": (b"Transfer-Encoding: \rchunked", 400),
    # Garden
    "a comma before it": (b"Transfer-Encoding: ,chunked", 501),
    "a comma after it": (b"Transfer-Encoding: chunked,", 501),
    "twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
    "twice in a list": (b"Transfer-Encoding: chunked, chunked", 501),
    "a name with 0x85": (b"Transfer-Encoding\x85: chunked", 400),
    "a name with NUL": (b"Transfer-Encoding\x00: chunked", 400),
    "an empty name before it": (b":\r\nTransfer-Encoding: chunked", 400),
    # llhttp
    "empty": (b"Transfer-Encoding:", 501),
    "empty three times": (b"\r\n".join([b"Transfer-Encoding:"] * 3), 501),
    "an unknown coding": (b"Transfer-Encoding: pigeons", 501),
    "a parameter": (b"Transfer-Encoding: chunked;q=1", 501),
    "deflate before it": (b"Transfer-Encoding: deflate, chunked", 501),
    "chunkedchunked": (b"Transfer-Encoding: chunkedchunked", 501),
}


@pytest.mark.parametrize(("line", "status"), CODINGS.values(), ids=CODINGS)
async def test_obfuscated_codings_are_refused(
    line: bytes, status: int, autojump_clock: object
) -> None:
    assert await send(cl_te(line)) == Seen([400], [])
    assert await send(te_cl(line)) == Seen([400], [])
    assert await send(te(line)) == Seen([status], [])


SPELLINGS = {
    "as usual": b"Transfer-Encoding: chunked",
    "in mixed case": b"TrAnSFer-EnCODinG: cHuNkeD",
    "in upper case": b"TRANSFER-ENCODING: CHUNKED",
    "a tab before the value": b"Transfer-Encoding:\tchunked",
    "two spaces before the value": b"Transfer-Encoding:  chunked",
    "no space": b"Transfer-Encoding:chunked",
    "named by Connection": b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
}


@pytest.mark.parametrize("line", SPELLINGS.values(), ids=SPELLINGS)
async def test_valid_spellings_of_chunked_are_one_thing_and_never_beside_a_length(
    line: bytes, autojump_clock: object
) -> None:
    assert await send(cl_te(line)) == Seen([400], [])
    assert await send(te_cl(line)) == Seen([400], [])
    assert await send(te(line)) == Seen([200, 200], [("/x", b""), ("/hidden", b"")])


STRANGE_BYTES = [*range(0x20), *range(0x7F, 0x100)]
PLACES = {
    "before the name": b"%cTransfer-Encoding: chunked",
    "after the name": b"Transfer-Encoding%c: chunked",
    "before the value": b"Transfer-Encoding:%cchunked",
    "after the value": b"Transfer-Encoding: chunked%c",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_strange_byte_anywhere_in_a_coding_is_refused(
    place: bytes, autojump_clock: object
) -> None:
    for byte in STRANGE_BYTES:
        assert await send(cl_te(place % byte)) == Seen([400], []), hex(byte)


LENGTHS = {
    # Garden; `<n>` is the length of the hidden request
    "a plus": b"Content-Length: +<n>",
    "a minus": b"Content-Length: -<n>",
    "an underscore": b"Content-Length: 0_<n>",
    "a plus and an underscore": b"Content-Length: +0_<n>",
    "0x": b"Content-Length: 0x<n>",
    "0o": b"Content-Length: 0o<n>",
    "letters after it": b"Content-Length: <n>Z",
    "letters before it": b"Content-Length: Z<n>",
    "a fraction": b"Content-Length: <n>.0",
    "an exponent": b"Content-Length: <n>e0",
    "nothing": b"Content-Length: ",
    "nothing, then a number": b"Content-Length: \r\nContent-Length: <n>",
    "a number, then nothing": b"Content-Length: <n>\r\nContent-Length: ",
    "zero, then a number": b"Content-Length: 0\r\nContent-Length: <n>",
    "a number, then zero": b"Content-Length: <n>\r\nContent-Length: 0",
    "the same twice": b"Content-Length: <n>\r\nContent-Length: <n>",
    "a list": b"Content-Length: <n>, <n>",
    "a list of different ones": b"Content-Length: 0,<n>",
    "a comma": b"Content-Length: <n>,",
    "a space before the colon": b"Content-Length : <n>",
    "a tab before the colon": b"Content-Length\t: <n>",
    "no colon": b"Content-Length <n>",
    "0x85 after the name": b"Content-Length\x85: <n>",
    "0xA0 after the name": b"Content-Length\xa0: <n>",
    "NUL after the name": b"Content-Length\x00: <n>",
    "after CR": b"Foo: bar\rContent-Length: <n>",
    "after LF": b"Foo: bar\nContent-Length: <n>",
    "an empty name before it": b": x\r\nContent-Length: <n>",
    "a folded value": b"Content-Length:\r\n <n>",
    "a folded header": b"Foo: bar\r\n Content-Length: <n>",
    "a name in two lines": b"Content-\r\nLength: <n>",
    # Klein 2020, Kettle 2019 to 2025
    "a word before the colon": b"Content-Length abcde: <n>",
    "a space within": b"Content-Length: 0 <n>",
    "a semicolon": b"Content-Length: <n>;",
    "quotes": b'Content-Length: "<n>"',
    "a vertical tab before it": b"Content-Length: \x0b<n>",
    "a form feed after it": b"Content-Length: <n>\x0c",
    "NUL after it": b"Content-Length: <n>\x00",
    "CR after it": b"Content-Length: <n>\r",
    "digits of another script": "Content-Length: ٣٣".encode(),
    "a superscript": b"Content-Length: \xb2",
    "more than 64 bits": b"Content-Length: 18446744073709551649",
    # llhttp
    "a number of 400 digits": b"Content-Length: " + b"0" * 398 + b"<n>",
    "a length and half a number": b"Content-Length: 4 2",
}


@pytest.mark.parametrize("line", LENGTHS.values(), ids=LENGTHS)
async def test_odd_lengths_are_refused(line: bytes, autojump_clock: object) -> None:
    line = line.replace(b"<n>", b"%d" % len(HIDDEN))

    assert await send(POST + line + b"\r\n\r\n" + HIDDEN) == Seen([400], [])


async def test_zeros_before_a_length_are_decimal(autojump_clock: object) -> None:
    """Garden: a server read them as octal. RFC 9110 8.6 has digits only."""
    seen = await send(POST + b"Content-Length: 010\r\n\r\n0123456789" + HIDDEN)

    assert seen == Seen([200, 200], [("/x", b"0123456789"), ("/hidden", b"")])


CHUNKS = {
    # Garden
    "an underscore": b"0_21\r\n\r\n",
    "0x": b"0x21\r\n\r\n",
    "0x and an underscore": b"0x2_1\r\n\r\n",
    "a plus": b"+21\r\n\r\n",
    "a minus": b"-21\r\n\r\n",
    "minus zero": b"-0\r\n\r\n",
    "minus 0x0": b"1\r\nZ\r\n-0x0\r\n\r\n",
    "a space before the size": b" 0\r\n\r\n",
    "spaces before the size": b"           0\r\n\r\n",
    "a tab before the size": b"\t0\r\n\r\n",
    "a vertical tab before the size": b"\x0b0\r\n\r\n",
    "a space after the size": b"0 \r\n\r\n",
    "no size": b"\r\n\r\n",
    "no size after a chunk": b"1\r\nZ\r\n\r\n\r\n",
    "an empty line before the last chunk": b"1\r\nZ\r\n\r\n0\r\n\r\n",
    "letters after the size": b"1these-bytes-are-no-size\r\nZ\r\n0\r\n\r\n",
    "no hexadecimal": b"Z\r\nZZ\r\nZZZ\r\n\r\n",
    "CR before an extension": b"2\r\r;a\r\n02\r\n41\r\n0\r\n\r\n",
    "CRLF before an extension": b"1\r\n;a\r\nZ\r\n0\r\n\r\n",
    "CR, semicolon and letters": b"5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n",
    "LF after the last size": b"0\n\r\n",
    "LF twice": b"0\n\n",
    "LF after the data": b"a\r\n0123456789\n0\r\n\r\n",
    "an empty name of a trailer": b"0\r\n: x\r\n\r\n",
    "no colon in a trailer": b"0\r\nX\r\n\r\n",
    "CR in a trailer": b"0\r\nX: \rY: Z\r\n\r\n",
    "NUL in a trailer": b"0\r\nX: \x00\r\n\r\n",
    "CRLF, then CR": b"0\r\n\rX",
    "a length as trailer": b"0\r\nContent-Length: 33\r\n\r\n",
    "a coding as trailer": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a Host as trailer": b"0\r\nHost: b\r\n\r\n",
    # Chunks: an extension that is not ended as it should be, in both orders
    "LF ends an extension": b"2;\nxx\r\n21\r\n",
    "CR ends an extension": b"2;\rxx\r\n21\r\n",
    "CR and a letter end an extension": b"2;\rXxx\r\n21\r\n",
    "CR and CR end an extension": b"2;\r\rxx\r\n21\r\n",
    "LF in a named extension": b"2;a\nxx\r\n0\r\n\r\n",
    "CR in a named extension": b"2;a\rxx\r\n0\r\n\r\n",
    "CRLF in quotes": b'1;a="\r\nX\r\n0\r\n\r\n',
    "LF in quotes": b'1;a="\n"\r\nX\r\n0\r\n\r\n',
    "CR in quotes": b'1;a="\r"\r\nX\r\n0\r\n\r\n',
    "an escaped LF in quotes": b'1;a="\\\n"\r\nX\r\n0\r\n\r\n',
    "no name of an extension": b"1;=x\r\nX\r\n0\r\n\r\n",
    "no value of an extension": b"1;a=\r\nX\r\n0\r\n\r\n",
    "a space before an extension": b"1 ;a\r\nX\r\n0\r\n\r\n",
    # Chunks: data that is longer or shorter than its size says
    "a chunk ended by LF": b"5\r\nAAAAA\n21\r\n",
    "a chunk ended by CR": b"5\r\nAAAAA\r21\r\n",
    "a chunk ended by nothing": b"5\r\nAAAAA21\r\n",
    "a chunk ended by two letters": b"5\r\nAAAAAXX21\r\n",
    "a chunk ended by CR and a letter": b"5\r\nAAAAA\rX21\r\n",
    "a chunk ended by CR and CR": b"5\r\nAAAAA\r\r21\r\n",
    "a chunk that spills": b"5\r\nAAAAAXXX\r\n0\r\n\r\n",
    "a chunk that is one byte short": b"6\r\nAAAAA\r\n0\r\n\r\n",
    "a chunk that is two bytes short": b"7\r\nAAAAA\r\n0\r\n\r\n",
    "a size of 65 bits": b"10000000000000021\r\n\r\n",
    "a size of 128 bits": b"f" * 32 + b"\r\n\r\n",
    "a size of 17 zeros": b"0" * 17 + b"\r\n\r\n",
    "full-width digits": "０\r\n\r\n".encode(),  # noqa: RUF001 - that they look alike is the point
    # llhttp
    "no semicolon before an extension": b"2 erfrferferf\r\naa\r\n0 rrrr\r\n\r\n",
    "nothing after the semicolon": b"2;\r\naa\r\n0\r\n\r\n",
    "quotes that are left open": b'5;a="abc";b="def; ghi\r\nhello\r\n0\r\n\r\n',
    "a colon in the size": b"2:\r\naa\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
async def test_odd_chunks_are_refused(chunks: bytes, autojump_clock: object) -> None:
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"

    seen = await send(head + chunks + HIDDEN * 2)

    assert ([400], ["/x"]) == (seen.statuses, [path for path, _ in seen.requests])


async def test_a_request_in_a_trailer_is_none(autojump_clock: object) -> None:
    """Garden: a server ended the body two bytes after the last chunk."""
    body = b"0\r\nX:GET /hidden HTTP/1.1\r\n\r\n"

    seen = await send(POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body)

    assert seen == Seen([200], [("/x", b"")])


HEADS = {
    # Garden
    "LF in place of a space": (b"GET /\nHTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a header that begins with two LF": (b"GET / HTTP/1.1\r\nhost: a\r\nx:\n\n" + HIDDEN, 400),
    "LF, CR and NUL in a value": (b"GET / HTTP/1.1\r\nhost: a\r\nx: x\n\r\x00\r\n\r\n", 400),
    "LF, NUL and CR in a value": (b"GET / HTTP/1.1\r\nhost: a\r\nx: v\n\x00\ralue\r\n\r\n", 400),
    "CRLF, CR and a letter": (b"GET / HTTP/1.1\r\nhost: a\r\n\rZGET /hidden: H\r\n\r\n", 400),
    "an empty name": (b"GET / HTTP/1.1\r\n:\r\nhost: a\r\n\r\n", 400),
    "an empty name with a value": (b"GET / HTTP/1.1\r\n: x\r\nhost: a\r\n\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\nhost: a\r\nTest\r\n\r\n", 400),
    "LF in a name": (b"GET / HTTP/1.1\r\nhost: a\r\nTe\nst: x\r\n\r\n", 400),
    "NUL in a name": (b"GET / HTTP/1.1\r\nhost: a\r\nHea\x00der: x\r\n\r\n", 400),
    "NUL at the end of a value": (b"GET / HTTP/1.1\r\nhost: a\r\nx: evil\x00\r\n\r\n", 400),
    "NUL in the Host": (b"GET / HTTP/1.1\r\nhost: a\x00.b\r\n\r\n", 400),
    "NUL without a colon": (b"GET / HTTP/1.1\r\nhost: a\r\nc\x00\r\n\r\n", 400),
    "0xFF in a name": (b"GET / HTTP/1.1\r\nhost: a\r\n\xffoo: x\r\n\r\n", 400),
    "separators in a name": (b'GET / HTTP/1.1\r\nhost: a\r\n"(),/;<=>?@[/]{}: x\r\n\r\n', 400),
    "separators in the method": (b'G=":<>(e),[T];?" / HTTP/1.1\r\nhost: a\r\n\r\n', 400),
    "NUL as the method": (b"\x00 / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a target of one letter": (b"GET ! HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a version with more digits": (b"GET / HTTP/1.32\r\nhost: a\r\n\r\n", 400),
    "a version beyond 32 bits": (b"GET / HTTP/4294967295.255\r\nhost: a\r\n\r\n", 400),
    "a version of dots": (b"GET / HTTP/....0596.7407.\r\nhost: a\r\n\r\n", 400),
    "only LF": (b"GET / HTTP/1.1\nhost: a\nconnection: close\n\n", 400),
    "a space before the first name": (b"GET / HTTP/1.1\r\n host: a\r\n\r\n", 400),
    "a tab before the first name": (b"GET / HTTP/1.1\r\n\thost: a\r\n\r\n", 400),
    # Kettle 2022 and 2025: a Host that one of two servers does not see
    "a space before a second Host": (b"GET / HTTP/1.1\r\nhost: a\r\n host: b\r\n\r\n", 400),
    "a space after the name of Host": (b"GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
    "a second Host after a letter": (b"GET / HTTP/1.1\r\nhost: a\r\nxhost : b\r\n\r\n", 400),
    "a Host with a path": (b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
    "a Host with a user": (b"GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", 400),
    "a Host with a space": (b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
    "a target for another host": (b"GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    # Linhart 2005, Klein 2020
    "HTTP/0.9": (b"GET /hidden\r\n", 400),
    "HTTP/0.9 with a Host": (b"GET /hidden\r\nhost: a\r\n\r\n", 400),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nhost: a\r\n\r\n", 505),
    "a tunnel": (b"CONNECT b:80 HTTP/1.1\r\nhost: b:80\r\n\r\n", 501),
    "a line before the request": (b"\r\n" + HIDDEN, 400),
    "a space before the request": (b" " + HIDDEN, 400),
    "a tab between the words": (b"GET\t/\tHTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a coding in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
}


@pytest.mark.parametrize(("head", "status"), HEADS.values(), ids=HEADS)
async def test_odd_heads_are_refused(head: bytes, status: int, autojump_clock: object) -> None:
    assert await send(head + HIDDEN) == Seen([status], [])


BODIES = {
    # Kettle 2022 and 2025: CL.0, 0.CL, TE.0 and Expect, each read by its framing alone
    "a body of GET": (b"GET", b"content-length: 33\r\n"),
    "a body of HEAD": (b"HEAD", b"content-length: 33\r\n"),
    "a body of OPTIONS": (b"OPTIONS", b"content-length: 33\r\n"),
    "a body of DELETE": (b"DELETE", b"content-length: 33\r\n"),
    "a body that is expected": (b"POST", b"content-length: 33\r\nexpect: 100-continue\r\n"),
    "an odd expectation": (b"POST", b"content-length: 33\r\nexpect: y 100-continue\r\n"),
    "a length named by Connection": (b"POST", b"connection: content-length\r\ncontent-length: 33\r\n"),
    "a coding under another name": (b"POST", b"content-length: 33\r\ncontent-encoding: chunked\r\n"),
    "a coding with a percent sign": (b"POST", b"content-length: 33\r\ntransfer-%45ncoding: chunked\r\n"),
    "an underscore in the coding": (b"POST", b"content-length: 33\r\ntransfer_encoding: chunked\r\n"),
    "an underscore in a length": (b"POST", b"content-length: 33\r\ncontent_length: 0\r\n"),
    "an upgrade": (b"POST", b"content-length: 33\r\nconnection: upgrade\r\nupgrade: websocket\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "lines"), BODIES.values(), ids=BODIES)
async def test_a_request_in_a_body_is_none(
    method: bytes, lines: bytes, autojump_clock: object
) -> None:
    head = method + b" /x HTTP/1.1\r\nhost: a\r\n" + lines + b"\r\n"

    seen = await send(head + HIDDEN + HIDDEN.replace(b"/hidden", b"/next"))

    final = [status for status in seen.statuses if status != 100]
    assert ([200, 200], [("/x", HIDDEN), ("/next", b"")]) == (final, seen.requests)
