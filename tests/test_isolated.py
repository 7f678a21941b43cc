"""The interpreter of the test workers: a network of its own, with the addresses that tests use and no other."""

import socket
import subprocess
import sys

import pytest
from tests.support import isolated

LISTENS = """
import socket, sys
with socket.create_server(("127.9.9.9", int(sys.argv[1]))) as server:
    socket.create_connection(server.getsockname()).close()
print([name for _, name in socket.if_nameindex()])
"""


@pytest.mark.skipif(not isolated.worker_options(), reason="one CPU, or namespaces are forbidden")
def test_a_worker_has_only_loopback_addresses_and_all_of_their_ports() -> None:
    with socket.create_server(("127.9.9.9", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, isolated.__file__, "-c", LISTENS, port]

        done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ("['lo']\n", "") == (done.stdout, done.stderr)
