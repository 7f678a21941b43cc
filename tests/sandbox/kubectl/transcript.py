"""A transcript of kubectl commands: what is run, what is printed, and what of it changes from run to run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

_CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r'("?resourceVersion"?: ?)"\d+"'), r"\1<version>"),
    (re.compile(r"(Resource Version: +|resource version to be \d+, was )\d+"), r"\1<version>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC"), "<time>"),
    (re.compile(r"^Warning: this sandbox .*\n", re.MULTILINE), ""),  # says what it does not do
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"), "<time>"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "<server>"),
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+\b"), "<address>"),
    (re.compile(r":3[0-2]\d{3}/TCP"), ":<port>/TCP"),
    (re.compile(r"(?<=\s)(\d+m)?\d+s(?=\s|$)", re.MULTILINE), "<age>"),
    (re.compile(r"/tmp/(LIVE|MERGED)-\d+"), r"\1"),
    (re.compile(r"\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000"), "\t<time>"),
    (re.compile(r"(?<=\S) {2,}(?=\S)"), "  "),
    (re.compile(r"^I\d{4} .*\n", re.MULTILINE), ""),  # that it had to wait, on a slow machine
    (re.compile(r"^[WE]\d{4} \S+ +\d+ \w+\.go:\d+\] ", re.MULTILINE), ""),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
    (re.compile(r"\n{3,}"), "\n\n"),
    (re.compile(r"\n+\Z"), "\n"),
)
_CAUSES = re.compile(r"(?:^\* .*\n){2,}", re.MULTILINE)
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
    """The text without what changes; columns are two spaces apart, and causes in order, since that of Go's maps is none."""
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    text = text if not text or text.endswith("\n") else f"{text}\n"
    return _CAUSES.sub(lambda found: "".join(sorted(found[0].splitlines(keepends=True))), text)


def written(by_version: Mapping[str, list[Step]]) -> str:
    """The transcript of the same commands in several versions of kubectl, which `read_steps` reads."""
    versions = tuple(by_version)
    together = zip(*by_version.values(), strict=True)
    return "\n".join(_block(dict(zip(versions, steps, strict=True))) for steps in together)


def _block(steps: Mapping[str, Step]) -> str:
    lines: list[tuple[str, list[str]]] = []
    for version, step in steps.items():
        lines = _merged(lines, version, _lines(step))
    (command,) = {step.command for step in steps.values()}
    shown = [
        line if len(printed_by) == len(steps) else f"[{','.join(printed_by)}] {line}"
        for line, printed_by in lines
    ]
    return "".join(f"{line}\n" for line in (f"{_PROMPT}{command}", *shown))


def _lines(step: Step) -> list[str]:
    return step.printed.splitlines() + ([f"(exit {step.code})"] if step.code else [])


def _merged(
    lines: list[tuple[str, list[str]]], version: str, printed: list[str]
) -> list[tuple[str, list[str]]]:
    """The lines of earlier versions with those of another one, in an order that is right for each."""
    matcher = SequenceMatcher(None, [line for line, _ in lines], printed, autojunk=False)
    merged: list[tuple[str, list[str]]] = []
    for what, start, end, other_start, other_end in matcher.get_opcodes():
        if what == "equal":
            merged += [(line, [*versions, version]) for line, versions in lines[start:end]]
        else:
            merged += lines[start:end]
            merged += [(line, [version]) for line in printed[other_start:other_end]]
    return merged
