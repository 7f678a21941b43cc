"""The access log: one line for each request below `/v1/`, in the original router's two formats."""

import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

import msgspec
import trio

from kthena_router.settings import AccessLogSettings
from kthena_router.telemetry.lines import one_line

log = logging.getLogger(__name__)


@dataclass(slots=True)
class AccessRecord:
    """What is known of one request; filled in as it goes through its stages. Durations are seconds."""

    arrived: datetime
    method: str
    path: str
    protocol: str
    status_code: int = 0
    error_type: str = ""
    error_message: str = ""
    model_name: str = ""
    model_route: str = ""
    model_server: str = ""
    selected_pod: str = ""
    request_id: str = ""
    backend_type: str = ""
    backend_name: str = ""
    upstream_model: str = ""
    upstream_status_code: int = 0
    upstream_attempts: int = 0
    error_origin: str = ""
    gateway: str = ""
    http_route: str = ""
    inference_pool: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    total: float = 0.0
    request_processing: float = 0.0
    upstream_processing: float = 0.0

    @property
    def response_processing(self) -> float:
        return max(self.total - self.request_processing - self.upstream_processing, 0.0)


_FIRST = ("model_name", "model_route", "model_server", "selected_pod")
_LAST = (
    "backend_type",
    "backend_name",
    "upstream_model",
    "upstream_status_code",
    "upstream_attempts",
    "error_origin",
    "gateway",
    "http_route",
    "inference_pool",
)
_OPTIONAL = (*_FIRST, "request_id", *_LAST)
_first_values, _last_values = attrgetter(*_FIRST), attrgetter(*_LAST)
_optional_values = attrgetter(*_OPTIONAL)
GATHER_SECONDS = 0.1
MOST_GATHERED = 1000  # lines
_VALUE_SPECIALS = " \\"
_QUOTED_SPECIALS = ' "\\'
_MESSAGE_SPECIALS = "=\\"


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _timestamp(moment: datetime) -> str:
    """Return *moment* as RFC 3339 has it, in UTC; the second is the same for many requests."""
    return f"{_second(int(moment.timestamp()))}.{moment.microsecond:06}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")


@lru_cache(maxsize=8192)
def _fields(names: tuple[str, ...], values: tuple[str | int, ...]) -> str:
    """Return those of the fields that have a value, each with a space before it; the same come again and again."""
    given = [
        f" {name}={one_line(value, _VALUE_SPECIALS) if isinstance(value, str) else value}"
        for name, value in zip(names, values, strict=True)
        if value
    ]
    return "".join(given)


@lru_cache(maxsize=1024)
def _request_line(method: str, path: str, protocol: str) -> str:
    method, path = (one_line(part, _QUOTED_SPECIALS) for part in (method, path))
    return f'"{method} {path} {protocol}"'


def text_line(record: AccessRecord) -> str:
    r"""Return the entry in text form.

    As with the original, nothing is quoted; but what comes from outside cannot forge a field. Escaped (as `\x20`) are
    spaces in values, `=` in the error message, whose spaces stay, and `"` in the request line. So every ` name=` begins a
    field, and a value ends at the next space, the message at the next field.
    """
    error = tokens = ""
    if record.error_type:
        error = f" error={record.error_type}:{one_line(record.error_message, _MESSAGE_SPECIALS)}"
    if record.input_tokens > 0 or record.output_tokens > 0:
        tokens = f" tokens={record.input_tokens}/{record.output_tokens}"
    request_id = one_line(record.request_id, _VALUE_SPECIALS)
    first, second = record.request_processing, record.upstream_processing
    return (
        f"[{_timestamp(record.arrived)}] {_request_line(record.method, record.path, record.protocol)}"
        f" {record.status_code}{error}{_fields(_FIRST, _first_values(record))}"
        f"{' request_id=' if request_id else ''}{request_id}"
        f"{_fields(_LAST, _last_values(record))}{tokens} timings={int(record.total * 1000)}ms"
        f"({int(first * 1000)}+{int(second * 1000)}+{int(record.response_processing * 1000)})"
    )


def json_line(record: AccessRecord) -> str:
    """Return the entry as one JSON object."""
    fields: dict[str, Any] = {
        "timestamp": _timestamp(record.arrived),
        "method": record.method,
        "path": record.path,
        "protocol": record.protocol,
        "status_code": record.status_code,
    }
    if record.error_type:
        fields["error"] = {"type": record.error_type, "message": record.error_message}
    fields["model_name"] = record.model_name
    counts = (record.input_tokens, record.output_tokens)
    values = (*_optional_values(record), *counts)
    names = (*_OPTIONAL, "input_tokens", "output_tokens")
    fields |= {name: value for name, value in zip(names, values, strict=True) if value}
    fields["duration_total"] = _milliseconds(record.total)
    fields["duration_request_processing"] = _milliseconds(record.request_processing)
    fields["duration_upstream_processing"] = _milliseconds(record.upstream_processing)
    fields["duration_response_processing"] = _milliseconds(record.response_processing)
    return msgspec.json.encode(fields).decode()


class Output(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


class AccessLog:
    """Writes entries; a write that fails is reported once and never breaks a request.

    While `run` runs, lines are gathered and written together a little later: a system call for each request costs more
    than its line.
    """

    def __init__(self, settings: AccessLogSettings, output: Output | None = None) -> None:
        self._enabled = settings.enabled
        self._line = json_line if settings.format == "json" else text_line
        self._output = (output or _open(settings.output)) if settings.enabled else None
        self._failed = False
        self._gathered: list[str] | None = None

    def write(self, record: AccessRecord) -> None:
        """Write the entry of a request that has ended."""
        if self._output is None:
            return
        line = self._line(record) + "\n"
        if self._gathered is None:
            self._put(self._output, line)
            return
        self._gathered.append(line)
        if len(self._gathered) >= MOST_GATHERED:
            self._put_gathered(self._output)

    async def run(self) -> None:
        """Gather lines for ever; what has been gathered is written at the end too."""
        if self._output is None:
            return
        self._gathered = []
        try:
            while True:
                await trio.sleep(GATHER_SECONDS)
                self._put_gathered(self._output)
        finally:
            self._put_gathered(self._output)
            self._gathered = None

    def _put_gathered(self, output: "Output") -> None:
        if self._gathered:
            text = "".join(self._gathered)
            self._gathered.clear()
            self._put(output, text)

    def _put(self, output: "Output", text: str) -> None:
        try:
            output.write(text)
            output.flush()
            self._failed = False
        except (OSError, ValueError) as error:
            if not self._failed:
                log.warning("the access log cannot be written: %s", error)
            self._failed = True


def _open(output: str) -> Output:
    if output == "stdout":
        return sys.stdout
    if output == "stderr":
        return sys.stderr
    return AppendedFile(Path(output))


class AppendedFile:
    """A file to append to that may be moved away at any time, as logrotate does. Raises OSError where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._open()

    def write(self, text: str, /) -> object:
        """Write to the file that has the name now (asking takes 1 us)."""
        if self._has_moved():
            moved = self._file
            self._open()
            moved.close()
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _open(self) -> None:
        self._file = open(self._path, "a", encoding="utf-8")  # noqa: PTH123, SIM115 - kept
        self._identity = _identity(os.fstat(self._file.fileno()))

    def _has_moved(self) -> bool:
        try:
            return _identity(os.stat(self._path)) != self._identity  # noqa: PTH116 - for each line
        except FileNotFoundError:
            return True


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
