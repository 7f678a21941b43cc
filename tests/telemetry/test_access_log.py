import json
import logging
import re
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from kthena_router.settings import AccessLogSettings
from kthena_router.telemetry.access_log import (
    AccessLog,
    AccessRecord,
    AppendedFile,
    json_line,
    text_line,
)

ARRIVED = datetime(2026, 1, 9, 14, 35, 22, 147312, UTC)


def record(**fields: Any) -> AccessRecord:
    return AccessRecord(
        **{
            "arrived": ARRIVED,
            "method": "POST",
            "path": "/v1/chat/completions",
            "protocol": "HTTP/1.1",
            "status_code": 200,
            **fields,
        }
    )


SERVED = {
    "model_name": "llama",
    "model_route": "prod/r1",
    "model_server": "prod/s1",
    "selected_pod": "s1-0",
    "request_id": "6f1c",
    "backend_type": "model_server",
    "backend_name": "prod/s1",
    "upstream_model": "meta/llama",
    "upstream_status_code": 200,
    "upstream_attempts": 1,
    "gateway": "default/gw",
    "input_tokens": 41,
    "output_tokens": 120,
    "total": 2.3504,
    "request_processing": 0.0025,
    "upstream_processing": 2.3472,
}


def test_text_of_a_request_that_was_served_is_the_originals() -> None:
    assert (
        '[2026-01-09T14:35:22.147312Z] "POST /v1/chat/completions HTTP/1.1" 200 model_name=llama '
        "model_route=prod/r1 model_server=prod/s1 selected_pod=s1-0 request_id=6f1c "
        "backend_type=model_server backend_name=prod/s1 upstream_model=meta/llama "
        "upstream_status_code=200 upstream_attempts=1 gateway=default/gw tokens=41/120 "
        "timings=2350ms(2+2347+0)" == text_line(record(**SERVED))
    )


def test_text_of_a_request_that_failed_has_its_error_first_and_only_what_is_known() -> None:
    failed = record(
        status_code=429,
        error_type="input_rate_limit",
        error_message="input token rate limit exceeded",
        model_name="llama",
        input_tokens=41,
    )
    assert (
        '[2026-01-09T14:35:22.147312Z] "POST /v1/chat/completions HTTP/1.1" 429 '
        "error=input_rate_limit:input token rate limit exceeded model_name=llama tokens=41/0 "
        "timings=0ms(0+0+0)" == text_line(failed)
    )


def test_time_of_arrival_is_told_in_utc() -> None:
    there = ARRIVED.astimezone(timezone(timedelta(hours=2)))
    assert text_line(record(arrived=there)).startswith("[2026-01-09T14:35:22.147312Z] ")


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"model_name": "a b"}, r" model_name=a\x20b timings="),
        ({"model_name": "a model_route=prod/r9"}, r" model_name=a\x20model_route=prod/r9 timings="),
        ({"model_name": "a\nb"}, r" model_name=a\nb timings="),
        ({"request_id": "YWJj=="}, " request_id=YWJj== timings="),
        ({"path": '/v1/a b" 200 x'}, r'"POST /v1/a\x20b\x22\x20200\x20x HTTP/1.1" 200 timings='),
        (
            {"error_type": "proxy", "error_message": "no model_name=x for 'a b'"},
            r" error=proxy:no model_name\x3dx for 'a b' timings=",
        ),
    ],
)
def test_what_a_client_sends_cannot_forge_a_field(fields: dict[str, Any], part: str) -> None:
    assert part in text_line(record(**fields))


ANY = st.text(max_size=12) | st.sampled_from([" timings=0ms(0+0+0)", " error=x:y", '" 200 ', "=\\"])
LINE = re.compile(
    r'\[\S+\] "(?P<method>[^" ]+) (?P<path>[^" ]+) HTTP/1\.1" 500'
    r" error=proxy:(?P<message>[^=]*)"
    r" model_name=(?P<model>\S+) request_id=(?P<id>\S+) upstream_model=(?P<upstream>\S+)"
    r" timings=0ms\(0\+0\+0\)"
)


@given(ANY, ANY, ANY, ANY)
def test_every_line_parses_into_the_same_fields(
    path: str, message: str, model: str, upstream: str
) -> None:
    line = text_line(
        record(
            path=f"/{path}",
            status_code=500,
            error_type="proxy",
            error_message=message,
            model_name=f"m{model}",
            request_id="id",
            upstream_model=f"u{upstream}",
        )
    )
    assert 1 == len(line.splitlines())
    assert LINE.fullmatch(line)


def test_json_has_the_originals_keys_in_order_and_whole_milliseconds() -> None:
    failed = record(
        status_code=503,
        error_type="pod_discovery",
        error_message='no "pods" = none\n',
        **{**SERVED, "input_tokens": 5, "output_tokens": 0},
    )
    assert (
        '{"timestamp":"2026-01-09T14:35:22.147312Z","method":"POST","path":"/v1/chat/completions",'
        '"protocol":"HTTP/1.1","status_code":503,'
        '"error":{"type":"pod_discovery","message":"no \\"pods\\" = none\\n"},'
        '"model_name":"llama","model_route":"prod/r1","model_server":"prod/s1",'
        '"selected_pod":"s1-0","request_id":"6f1c","backend_type":"model_server",'
        '"backend_name":"prod/s1","upstream_model":"meta/llama","upstream_status_code":200,'
        '"upstream_attempts":1,"gateway":"default/gw","input_tokens":5,"duration_total":2350,'
        '"duration_request_processing":2,"duration_upstream_processing":2347,'
        '"duration_response_processing":0}' == json_line(failed)
    )


def test_json_always_has_model_name_status_and_durations() -> None:
    assert [
        "timestamp",
        "method",
        "path",
        "protocol",
        "status_code",
        "model_name",
        "duration_total",
        "duration_request_processing",
        "duration_upstream_processing",
        "duration_response_processing",
    ] == list(json.loads(json_line(record())))


def test_response_phase_is_the_rest_and_never_negative() -> None:
    assert (
        0.5
        == record(total=3.0, request_processing=1.0, upstream_processing=1.5).response_processing
    )
    assert (
        0.0
        == record(total=3.0, request_processing=2.0, upstream_processing=1.5).response_processing
    )


@pytest.mark.parametrize(("form", "first"), [("text", "["), ("json", "{")])
def test_entries_are_lines_of_the_chosen_form(form: Any, first: str) -> None:
    output = StringIO()
    log = AccessLog(AccessLogSettings(format=form), output)
    log.write(record())
    log.write(record())
    assert [first, first] == [line[0] for line in output.getvalue().splitlines()]


def test_log_that_is_switched_off_writes_and_opens_nothing(tmp_path: Path) -> None:
    log = AccessLog(AccessLogSettings(enabled=False, output=str(tmp_path / "access.log")))
    log.write(record())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_lines_go_to_the_stream_that_was_named(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    AccessLog(AccessLogSettings(output=name)).write(record())
    assert getattr(capfd.readouterr(), name[3:] if name == "stdout" else "err").startswith("[2026")


class Full:
    """An output that can be full."""

    def __init__(self) -> None:
        self.full = True
        self.lines: list[str] = []

    def write(self, text: str, /) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.lines.append(text)

    def flush(self) -> None:
        pass


def test_output_that_fails_is_reported_once_and_breaks_no_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    output = Full()
    log = AccessLog(AccessLogSettings(), output)
    with caplog.at_level(logging.WARNING):
        log.write(record())
        log.write(record())
        output.full = False
        log.write(record())
        output.full = True
        log.write(record())
    assert 1 == len(output.lines)
    assert 2 == len(caplog.records)
    assert "cannot be written: [Errno 28] No space left" in caplog.text


def test_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("before\n")
    file = AppendedFile(path)
    file.write("after\n")
    file.close()
    assert "before\nafter\n" == path.read_text()


def test_file_that_was_rotated_is_opened_anew(tmp_path: Path) -> None:
    path, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    file = AppendedFile(path)
    file.write("one\n")
    file.flush()
    path.rename(rotated)
    file.write("two\n")
    file.flush()
    path.unlink()
    path.write_text("")
    file.write("three\n")
    file.close()
    assert ("one\n", "three\n") == (rotated.read_text(), path.read_text())


def test_file_that_cannot_be_opened_anew_is_written_again_when_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = AccessLog(AccessLogSettings(), file := AppendedFile(folder / "access.log"))
    folder.rename(tmp_path / "old")
    log.write(record())
    folder.mkdir()
    log.write(record())
    file.close()
    assert 1 == len((folder / "access.log").read_text().splitlines())


def test_file_that_cannot_be_opened_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AccessLog(AccessLogSettings(output=str(tmp_path / "missing" / "access.log")))


async def test_lines_are_gathered_while_it_runs_and_none_is_lost_at_the_end(
    autojump_clock: MockClock,
) -> None:
    output = StringIO()
    log = AccessLog(AccessLogSettings(), output)

    def lines() -> int:
        return output.getvalue().count("\n")

    async with trio.open_nursery() as running:
        running.start_soon(log.run)
        await wait_all_tasks_blocked()
        log.write(record())
        log.write(record())
        assert 0 == lines()
        await trio.sleep(0.15)
        assert 2 == lines()
        log.write(record())
        running.cancel_scope.cancel()
    assert 3 == lines()
    log.write(record())
    assert 4 == lines()
