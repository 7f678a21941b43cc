"""The log of the process: text or JSON lines on stderr, each with the id of the request it belongs to."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

from kthena_router.telemetry.lines import one_line

PACKAGE = "kthena_router"
# Set in the task of a request; tasks started from there inherit it.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def set_up_logging(
    form: Literal["text", "json"], level: str, *, stream: TextIO | None = None
) -> None:
    """Send all logging to *stream* (stderr): ours from *level* (`debug` to `error`), that of libraries from warning."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, _number(level)))
    logging.getLogger(PACKAGE).setLevel(_number(level))
    logging.captureWarnings(capture=True)


class TextFormatter(logging.Formatter):
    """`2025-01-31T12:00:00.123Z WARNING kube.reflector: message [request-id]`, a traceback on the lines after it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        request = f" [{identity}]" if (identity := request_id.get()) else ""
        line = f"{_time(record)} {record.levelname} {_room(record)}: {one_line(record.getMessage())}{request}"
        trace = _trace(self, record)
        return f"{line}\n{trace}" if trace else line


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, and where there are any request_id and exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            "exception": _trace(self, record),
        }
        return json.dumps({name: value for name, value in fields.items() if value})


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{PACKAGE}.")


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
