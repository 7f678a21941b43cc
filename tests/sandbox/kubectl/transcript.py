"""A transcript of kubectl commands: what is run, what is printed, and what of it changes from run to run."""

import re
from dataclasses import dataclass

_CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r'(resourceVersion: )"\d+"'), r"\1<version>"),
    (re.compile(r"\b127\.\d+\.\d+\.\d+\b"), "<address>"),
    (re.compile(r":3[0-2]\d{3}/TCP"), ":<port>/TCP"),
    (re.compile(r"(?<=\s)(\d+m)?\d+s$", re.MULTILINE), "<age>"),
    (re.compile(r"/tmp/(LIVE|MERGED)-\d+"), r"\1"),
    (re.compile(r"\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000"), "\t<time>"),
    (re.compile(r"(?<=\S) {2,}(?=\S)"), "  "),
    (re.compile(r"^[WE]\d{4} \S+ +\d+ \w+\.go:\d+\] ", re.MULTILINE), ""),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
    (re.compile(r"\n{3,}"), "\n\n"),
    (re.compile(r"\n+\Z"), "\n"),
)
_VERSIONS = re.compile(r"\[(1\.\d+(?:,1\.\d+)*)\] (.*)")
_EXIT = re.compile(r"\(exit (\d+)\)\n\Z")
_PROMPT = "$ kubectl "


@dataclass(frozen=True)
class Step:
    """One command with what it prints on both streams, and its exit code."""

    command: str
    printed: str
    code: int


def read_steps(text: str, version: str) -> list[Step]:
    """The steps as a version of kubectl shows them."""
    blocks = re.split(rf"^{re.escape(_PROMPT)}", text, flags=re.MULTILINE)[1:]
    return [_step(block, version) for block in blocks]


def _step(block: str, version: str) -> Step:
    command, _, rest = block.partition("\n")
    shown = [_of_version(line, version) for line in rest.rstrip("\n").split("\n")]
    printed = "".join(f"{line}\n" for line in shown if line is not None)
    found = _EXIT.search(printed)
    if found is None:
        return Step(command, "" if printed == "\n" else printed, 0)
    return Step(command, printed[: found.start()], int(found[1]))


def _of_version(line: str, version: str) -> str | None:
    found = _VERSIONS.fullmatch(line)
    if found is None:
        return line
    return found[2] if version in found[1].split(",") else None


def normal(text: str) -> str:
    """The text without what changes; columns are two spaces apart."""
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return text if not text or text.endswith("\n") else f"{text}\n"
