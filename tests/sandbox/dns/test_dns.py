"""The name server: its Corefile, its messages, and a socket."""

import pytest
import trio
from tests.support.stack import free_ports

from kthena_sandbox.dns.corefile import CorefileError, Zone, read_corefile, zone_of
from kthena_sandbox.dns.messages import NotAQuery, read_query
from kthena_sandbox.dns.server import NameServer

HOST = "127.0.0.1"
# Query 0x1234, recursion desired, for A of foo.Bar.com in class IN.
QUESTION = b"\x03foo\x03Bar\x03com\x00\x00\x01\x00\x01"
QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + QUESTION
COREFILE = """
# what the suite deploys
.:53 {
    forward . 8.8.8.8 {
        max_concurrent 10
    }
    log
}
foo.bar.com example.org:5353 {
  whoami
}
"""


def test_a_corefile() -> None:
    assert read_corefile(COREFILE) == [
        Zone(".", 53, frozenset({"forward", "log"})),
        Zone("foo.bar.com.", 53, frozenset({"whoami"})),
        Zone("example.org.", 5353, frozenset({"whoami"})),
    ]
    with pytest.raises(CorefileError, match="a server block is not closed"):
        read_corefile(".:53 {\n whoami\n")
    with pytest.raises(CorefileError, match="'a:b' has no port"):
        read_corefile("a:b {\n whoami\n}")


@pytest.mark.parametrize(
    ("name", "found"),
    [("a.foo.bar.com.", "foo.bar.com."), ("foo.bar.com.", "foo.bar.com."), ("xfoo.bar.com.", "."),
     (".", ".")],
)  # fmt: skip
def test_the_smallest_zone_answers(name: str, found: str) -> None:
    zone = zone_of(name, read_corefile(COREFILE))
    assert zone is not None
    assert zone.name == found
    assert zone_of("example.com.", [Zone("example.org.", 53, frozenset())]) is None


@pytest.mark.parametrize("datagram", [b"", QUERY[:20], b"\x12\x34\x81" + QUERY[3:], bytes(12)])
def test_what_is_no_query(datagram: bytes) -> None:
    with pytest.raises(NotAQuery):
        read_query(datagram)


async def test_answers() -> None:
    (port,) = free_ports(1)
    said: list[str] = []
    zones = [
        Zone("com.", port, frozenset({"forward"})), Zone("foo.bar.com.", port, frozenset({"whoami"})),
    ]  # fmt: skip
    async with trio.open_nursery() as nursery:
        await nursery.start(NameServer(zones, HOST, said.append).run)
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as asking:
            await asking.connect((HOST, port))
            ours = asking.getsockname()[1].to_bytes(2, "big")

            async def ask(query: bytes) -> bytes:
                await asking.send(b"no query")
                await asking.send(query)
                return await asking.recv(512)

            assert await ask(QUERY) == (
                b"\x12\x34\x85\x00\x00\x01\x00\x00\x00\x00\x00\x02" + QUESTION
                + b"\x03foo\x03bar\x03com\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7f\x00\x00\x01"
                + b"\x04_udp\x03foo\x03bar\x03com\x00\x00\x21\x00\x01\x00\x00\x00\x00\x00\x07"
                + b"\x00\x00\x00\x00" + ours + b"\x00"
            )  # fmt: skip
            elsewhere = QUERY.replace(b"\x03foo", b"\x03fox")
            assert (await ask(elsewhere))[:4] == b"\x12\x34\x81\x02"
            assert (await ask(QUERY.replace(b"com", b"org")))[:4] == b"\x12\x34\x81\x05"
            assert (await ask(b"\x12\x34\x28" + QUERY[3:]))[:4] == b"\x12\x34\xa8\x04"
        nursery.cancel_scope.cancel()
    assert said == [
        f"com.:{port}", f"foo.bar.com.:{port}",
        "[ERROR] plugin/errors: 2 fox.bar.com.: only whoami is served in the sandbox",
    ]  # fmt: skip
