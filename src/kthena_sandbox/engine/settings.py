"""What an engine is to be, read from arguments and environment as the engines and their simulators name them."""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from kthena_sandbox.arguments import port_number

EngineName = Literal["vllm", "sglang"]
DEFAULT_PORTS: Mapping[EngineName, int] = {"vllm": 8000, "sglang": 30000}
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(us|ms|s|m)?")


class SettingsError(ValueError):
    """The arguments make no engine; the text says why."""


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """One engine. Times are seconds.

    `models` are the names it answers to, `root` is the model behind them. `tokens` is how long an
    answer is where the request sets no limit, 0 for the length of the sentence. The cache has
    `kv_blocks` blocks of `block_size` tokens; `max_num_seqs` requests run at a time.
    """

    engine: EngineName = "vllm"
    models: tuple[str, ...] = ("mock-model",)
    root: str = "mock-model"
    host: str = "127.0.0.1"
    port: int = 8000
    lora: tuple[tuple[str, str], ...] = ()
    echo: bool = False
    tokens: int = 0
    time_to_first_token: float = 0.0
    inter_token_latency: float = 0.0
    prefill_time_per_token: float = 0.0
    max_num_seqs: int = 256
    max_model_len: int = 32768
    kv_blocks: int = 8192
    block_size: int = 16
    keep_alive: float = 5.0


def parse_duration(text: str) -> float:
    """Seconds of `100ms`, `1.5s`, or of a bare number of milliseconds. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write it as 100ms or 1.5s")
    return float(match[1]) * _UNITS[match[2] or "ms"]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(f"{text!r} is not positive")
    return number


def _lora(text: str) -> tuple[str, str]:
    """`name=path`, or the JSON form of vLLM. Raises ValueError."""
    if text.startswith("{"):
        given = json.loads(text)
        if "name" not in given:
            raise ValueError("an adapter without a name")
        return str(given["name"]), str(given.get("path", ""))
    name, _, path = text.partition("=")
    return name, path


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message)


def _parser(environ: Mapping[str, str], *, command: bool) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m kthena_sandbox engine", allow_abbrev=False, add_help=command,
        description="A mock engine. Durations are written as 100ms or 1.5s; a bare number is milliseconds. "
        "Faults are set with POST /mock/faults or the header x-mock-fault, GET /mock/stats tells what it saw.",
    )  # fmt: skip
    add = parser.add_argument
    add("--engine", choices=("vllm", "sglang"), default=environ.get("ENGINE", "vllm").lower())
    add("--model", "--model-path", default=environ.get("MODEL_NAME"), help="model behind the names")
    add("--served-model-name", nargs="+", help="names to answer to; default: the model")
    add("--host", default="127.0.0.1")
    add("--port", type=port_number(), help="default 8000, SGLang 30000; 0: any")
    add("--lora-modules", nargs="+", type=_lora, default=[], metavar="NAME=PATH")
    add("--mode", choices=("simulated", "random", "echo"), default="simulated")
    add("--tokens", type=_count, default=0, help="length of an answer without limits")
    add("--time-to-first-token", type=parse_duration, default=0.0)
    add("--inter-token-latency", type=parse_duration, default=0.0)
    add("--prefill-time-per-token", type=parse_duration, default=0.0)
    add("--max-num-seqs", type=_count, default=256, help="requests that run at a time")
    add("--max-model-len", type=_count, default=32768)
    add("--kv-cache-size", type=_count, default=8192, help="blocks of the KV cache")
    add("--block-size", type=_count, default=16, help="tokens of a block")
    add("--keep-alive", type=parse_duration, default=5.0, help="idle time of a connection")
    return parser


def _settings(given: argparse.Namespace) -> EngineSettings:
    root = given.model or (given.served_model_name or ["mock-model"])[0]
    engine: EngineName = given.engine
    return EngineSettings(
        engine=engine,
        models=tuple(given.served_model_name or [root]),
        root=root,
        host=given.host,
        port=DEFAULT_PORTS[engine] if given.port is None else given.port,
        lora=tuple(given.lora_modules),
        echo=given.mode == "echo",
        tokens=given.tokens,
        time_to_first_token=given.time_to_first_token,
        inter_token_latency=given.inter_token_latency,
        prefill_time_per_token=given.prefill_time_per_token,
        max_num_seqs=given.max_num_seqs,
        max_model_len=given.max_model_len,
        kv_blocks=given.kv_cache_size,
        block_size=given.block_size,
        keep_alive=given.keep_alive,
    )


def parse_settings(
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    defaults: Mapping[str, Any] | None = None,
    command: bool = False,
) -> tuple[EngineSettings, tuple[str, ...]]:
    """The settings, and the arguments that mean nothing here (real engines have hundreds).

    *defaults* replace built-in defaults, by their argument names with `_`. The *command* knows --help, which ends the
    process. Raises SettingsError.
    """
    parser = _parser(environ, command=command)
    parser.set_defaults(**(defaults or {}))
    given, unknown = parser.parse_known_args([str(entry) for entry in argv])
    if given.engine not in DEFAULT_PORTS:
        raise SettingsError(f"unknown engine {given.engine!r}: vllm or sglang")
    return _settings(given), tuple(unknown)
