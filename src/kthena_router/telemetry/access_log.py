"""The access log: one line for each request below `/v1/`, in the original router's two formats."""

import logging
import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

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


_OPTIONAL = (
    "model_name",
    "model_route",
    "model_server",
    "selected_pod",
    "request_id",
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
_VALUE_SPECIALS = " \\"
_QUOTED_SPECIALS = ' "\\'
_MESSAGE_SPECIALS = "=\\"


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _timestamp(moment: datetime) -> str:
    text = moment.isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def text_line(record: AccessRecord) -> str:
    r"""Return the entry in text form.

    As with the original, nothing is quoted; but what comes from outside cannot forge a field. Escaped (as `\x20`) are
    spaces in values, `=` in the error message, whose spaces stay, and `"` in the request line. So every ` name=` begins a
    field, and a value ends at the next space, the message at the next field.
    """
    method, path = (one_line(part, _QUOTED_SPECIALS) for part in (record.method, record.path))
    parts = [
        f"[{_timestamp(record.arrived)}]",
        f'"{method} {path} {record.protocol}"',
        str(record.status_code),
    ]
    if record.error_type:
        message = one_line(record.error_message, _MESSAGE_SPECIALS)
        parts.append(f"error={record.error_type}:{message}")
    parts += [
        f"{name}={one_line(str(value), _VALUE_SPECIALS)}"
        for name in _OPTIONAL
        if (value := getattr(record, name))
    ]
    if record.input_tokens > 0 or record.output_tokens > 0:
        parts.append(f"tokens={record.input_tokens}/{record.output_tokens}")
    phases = (record.request_processing, record.upstream_processing, record.response_processing)
    inner = "+".join(str(_milliseconds(phase)) for phase in phases)
    parts.append(f"timings={_milliseconds(record.total)}ms({inner})")
    return " ".join(parts)


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
    for name in (*_OPTIONAL, "input_tokens", "output_tokens"):
        if value := getattr(record, name):
            fields[name] = value
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
    """Writes entries; a write that fails is reported once and never breaks a request."""

    def __init__(self, settings: AccessLogSettings, output: Output | None = None) -> None:
        self._enabled = settings.enabled
        self._line = json_line if settings.format == "json" else text_line
        self._output = (output or _open(settings.output)) if settings.enabled else None
        self._failed = False

    def write(self, record: AccessRecord) -> None:
        """Write the entry of a request that has ended."""
        if self._output is None:
            return
        try:
            self._output.write(self._line(record) + "\n")
            self._output.flush()
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
        self._path = path
        self._file = path.open("a", encoding="utf-8")

    def write(self, text: str, /) -> object:
        """Write to the file that has the name now (asking takes 2 us)."""
        if self._has_moved():
            moved, self._file = self._file, self._path.open("a", encoding="utf-8")
            moved.close()
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _has_moved(self) -> bool:
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True
