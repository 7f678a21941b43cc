"""What a run of `go test -v`, or the report of Ginkgo, says about each test of a suite. Pure."""

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping

# A suite's own tests stand one level below its entry point: `    --- PASS: TestGatewayAPI/HTTPRouteMatching (1.20s)`.
_RESULT = re.compile(r"    --- (PASS|FAIL|SKIP): \w+/([^/\s]+) \((\d+\.\d+)s\)")

# Ginkgo's JUnit report: `<testcase name="[It] [sig-apps] Deployment …" classname="…" status="passed" …`.
_CASE = re.compile(r'<testcase name="\[It\] ([^"]*)" classname="[^"]*" status="(\w+)"')


def read_junit(report: str) -> dict[str, str]:
    """PASS or FAIL of each test that was run, by its name; what was interrupted has failed."""
    return {
        html.unescape(name): "PASS" if status == "passed" else "FAIL"
        for name, status in _CASE.findall(report)
        if status not in {"skipped", "pending"}
    }


def read_results(lines: Iterable[str]) -> dict[str, str]:
    """PASS, FAIL or SKIP of each test, by its short name."""
    found = (_RESULT.fullmatch(line.rstrip()) for line in lines)
    return {match[2]: match[1] for match in found if match is not None}


def summary(results: Mapping[str, str]) -> list[str]:
    """The tests by result, and how many there are of each."""
    lines = [
        f"{result} {name}"
        for result in ("PASS", "FAIL", "SKIP")
        for name in sorted(results)
        if results[name] == result
    ]
    counts = Counter(results.values())
    passed, failed, skipped = (counts[result] for result in ("PASS", "FAIL", "SKIP"))
    return [*lines, f"{passed} passed, {failed} failed, {skipped} skipped"]
