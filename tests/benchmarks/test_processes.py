import subprocess
import sys
from pathlib import Path

import trio

from benchmarks.parts.disconnects import delays_ms
from benchmarks.peers.ours import ENDPOINTS, GATEWAYS, manifests
from benchmarks.processes import (
    Usage,
    free_ports,
    last_words,
    parse_core,
    parse_resident,
    parse_stat,
    start,
)

STAT = (
    "77 (a (b) c) S 1 70 70 0 -1 4194560 100 0 0 0 150 50 20 30 20 0 4 0 100 1000 200 "
    "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0"
)


def test_a_process_line_gives_group_and_cpu_time_whatever_the_command_is_called() -> None:
    assert parse_stat(STAT, 100) == Usage(group=70, cpu_seconds=2.5)


def test_resident_memory_is_read_in_bytes() -> None:
    assert parse_resident("00400000-7ff [rollup]\nRss:      12 kB\nPss:   9 kB\n") == 12288
    assert parse_resident("") == 0


def test_waiting_for_a_disk_does_not_count_as_busy() -> None:
    text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 10 0 20 60 5 0 3 2 7 0\nintr 0\n"

    assert parse_core(text, 1) == (35, 100)
    assert parse_core(text, 5) == (0, 0)


def test_the_last_words_of_a_log_are_its_last_lines_with_letters() -> None:
    assert last_words("one\n  | two: it failed\n\n  +-----\n three\n") == "two: it failed; three"


def test_delays_are_of_those_that_were_seen_and_sorted() -> None:
    left = [(1, 1_000_000), (2, 2_000_000), (3, 3_000_000)]

    assert delays_ms(left, [(2, 2_500_000), (1, 4_000_000), (9, 1)]) == [0.5, 3.0]


async def test_a_group_is_weighed_and_ends_with_its_children(tmp_path: Path) -> None:
    script = "import subprocess, sys; print('here', flush=True); subprocess.run(['sleep', '60'])"
    log = tmp_path / "log"
    group = start([sys.executable, "-c", script], core=None, log=log, environ={})
    with trio.fail_after(60):
        while "here" not in log.read_text():  # noqa: ASYNC110  another process writes it
            await trio.sleep(0.01)

    assert group.cpu_seconds() > 0
    assert group.resident_bytes() > 1_000_000
    await group.stop()

    assert not group.alive
    assert group.resident_bytes() == 0


def test_ports_are_consecutive_and_free() -> None:
    first = free_ports(3)

    assert 20000 <= first < 32000


def test_the_configuration_is_complete() -> None:
    addresses = [f"127.77.0.{number + 1}" for number in range(ENDPOINTS)]

    kinds = [item["kind"] for item in manifests(addresses, 8000, 20000)["items"]]

    assert {kind: kinds.count(kind) for kind in kinds} == {
        "ModelServer": 1,
        "Pod": 100,
        "Gateway": GATEWAYS,
        "ModelRoute": 200,
    }


def test_the_front_door_lists_what_there_is_and_refuses_what_there_is_not() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"], capture_output=True, text=True, check=True
    )
    refused = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nonsense"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "peer  kthena-router\n" in listed.stdout
    assert refused.returncode == 1
    assert refused.stderr == "benchmarks: no such part: nonsense; see --list\n"
