import json
import logging
import warnings
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from kthena_router.telemetry.logs import JsonFormatter, TextFormatter, request_id, set_up_logging

log = logging.getLogger("kthena_router.kube.reflector")


def record(message: str, *arguments: object, failure: Any = None) -> logging.LogRecord:
    made = log.makeRecord(log.name, logging.WARNING, "file", 1, message, arguments, failure)
    made.created = 1738324800.1234
    return made


def caught() -> Any:
    try:
        raise ValueError("no")
    except ValueError as error:
        return type(error), error, error.__traceback__


@pytest.fixture
def logging_restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("kthena_router")
    before = (list(root.handlers), root.level, ours.level)
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def test_a_text_line_has_time_level_room_and_message() -> None:
    assert (
        TextFormatter().format(record("%d pods", 3))
        == "2025-01-31T12:00:00.123Z WARNING kube.reflector: 3 pods"
    )


def test_a_text_line_names_its_request() -> None:
    token = request_id.set("abc")
    try:
        assert TextFormatter().format(record("slow")).endswith(": slow [abc]")
    finally:
        request_id.reset(token)


def test_a_message_cannot_forge_a_second_line() -> None:
    assert TextFormatter().format(record("%s", "a\nb\r")).endswith(": a\\nb\\r")


def test_a_traceback_follows_its_line() -> None:
    first, *_, last = TextFormatter().format(record("failed", failure=caught())).splitlines()
    assert first.endswith(": failed")
    assert last == "ValueError: no"


def test_a_json_line_is_one_object() -> None:
    line = JsonFormatter().format(record("two\nlines", failure=caught()))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields.pop("exception").endswith("ValueError: no")
    assert fields == {
        "time": "2025-01-31T12:00:00.123Z",
        "level": "warning",
        "logger": "kthena_router.kube.reflector",
        "message": "two\nlines",
    }


@pytest.mark.usefixtures("logging_restored")
def test_the_level_is_for_us_and_libraries_speak_from_warning() -> None:
    stream = StringIO()
    set_up_logging("text", "debug", stream=stream)
    log.debug("ours")
    logging.getLogger("httpx").info("theirs")
    logging.getLogger("httpx").warning("trouble")
    assert [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()] == [
        "DEBUG kube.reflector: ours",
        "WARNING httpx: trouble",
    ]


@pytest.mark.usefixtures("logging_restored")
def test_setting_up_twice_does_not_double_the_lines() -> None:
    stream = StringIO()
    set_up_logging("json", "error", stream=stream)
    set_up_logging("json", "error", stream=stream)
    log.error("once")
    log.warning("never")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.usefixtures("logging_restored")
def test_warnings_of_python_are_logged() -> None:
    stream = StringIO()
    set_up_logging("text", "info", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    assert "WARNING py.warnings: " in stream.getvalue()
