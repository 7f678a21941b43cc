"""Sessions with kubectl against the bare API server, command by command, with what a cluster's API server has it print.

There are no controllers, so that nothing happens on its own. `transcripts` has the sessions, which `python -m tests.sandbox.kubectl`
writes down from a real API server; lines that only some versions print begin with those, as in `[1.27]`. Columns are set two spaces
apart, and what changes from run to run has a name.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.kubectl.support import (
    TRANSCRIPTS,
    VERSIONS,
    Terminal,
    api_server,
    installed,
)
from tests.sandbox.kubectl.transcript import Step, normal, read_steps, written

HERE = Path(__file__).parent / "transcripts"
# Each in the newest version, and the one that has something of everything in all of them.
SESSIONS = [(path.stem, VERSIONS[-1]) for path in TRANSCRIPTS]
SESSIONS += [("session", version) for version in VERSIONS[:-1]]
FOUND = {path.name.removeprefix("kubectl."): path for path in installed()}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    with api_server(tmp_path / "kubeconfig") as path:
        yield path


@pytest.mark.system
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("transcript", "version"), SESSIONS)
def test_a_session(transcript: str, version: str, kubeconfig: Path, tmp_path: Path) -> None:
    if version not in FOUND:
        pytest.skip(f"there is no kubectl {version} on the PATH")
    terminal = Terminal(FOUND[version], kubeconfig, tmp_path)
    steps = read_steps((HERE / f"{transcript}.txt").read_text("utf-8"), version)
    assert len(steps) >= 10
    for step in steps:
        assert terminal.run(step.command) == step


def test_reading_a_transcript() -> None:
    text = "$ kubectl a b\none\n[1.27] old\n[1.30,1.33] new\n\n$ kubectl c\nbad\n(exit 1)\n"
    assert read_steps(text, "1.27") == [Step("a b", "one\nold\n", 0), Step("c", "bad\n", 1)]
    assert read_steps(text, "1.33")[0].printed == "one\nnew\n"
    assert re.fullmatch(r"a  <age>\n", normal("a      3m2s"))


def test_writing_a_transcript() -> None:
    by_version = {
        "1.27": [Step("a b", "one\nold\n\nlast\n", 0), Step("c", "bad\n", 1), Step("d", "", 0)],
        "1.30": [Step("a b", "one\nnew\n\nlast\n", 0), Step("c", "worse\n", 1), Step("d", "", 0)],
        "1.33": [Step("a b", "one\nnew\n", 0), Step("c", "", 0), Step("d", "", 0)],
    }
    text = written(by_version)
    assert text == (
        "$ kubectl a b\none\n[1.27] old\n[1.30,1.33] new\n[1.27,1.30] \n[1.27,1.30] last\n"
        "\n$ kubectl c\n[1.27] bad\n[1.30] worse\n[1.27,1.30] (exit 1)\n"
        "\n$ kubectl d\n"
    )
    assert {version: read_steps(text, version) for version in by_version} == by_version
