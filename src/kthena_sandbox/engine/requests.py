"""Reads completion requests as vLLM and SGLang do, and says what is wrong with them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from kthena_sandbox.engine import text


class RequestError(Exception):
    """To be answered with `status` in the OpenAI error shape."""

    def __init__(self, status: int, kind: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.param = param


def bad_request(message: str, param: str | None = None) -> RequestError:
    """A 400."""
    return RequestError(400, "BadRequestError", message, param)


def not_found(message: str, param: str | None = None) -> RequestError:
    """A 404."""
    return RequestError(404, "NotFoundError", message, param)


@dataclass(frozen=True, slots=True)
class Generation:
    """What to generate. `limit` is in tokens, None where the request has none; `prompts` has one text for each answer."""

    model: str
    chat: bool
    prompts: tuple[str, ...]
    prompt_tokens: int
    choices: int = 1
    limit: int | None = None
    at_least: int = 0
    ignore_end: bool = False
    stream: bool = False
    include_usage: bool = False
    continuous_usage: bool = False
    remote_decode: bool = False


def read_document(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises RequestError."""
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise bad_request(f"There was an error parsing the body: {error}") from error
    if not isinstance(document, dict):
        raise bad_request("the body must be a JSON object")
    return document


def read_generation(body: bytes, *, chat: bool, default_model: str) -> Generation:
    """The request in *body*. Raises RequestError 400."""
    document = read_document(body)
    prompts, tokens = _messages(document) if chat else _prompts(document)
    options = document.get("stream_options") or {}
    stream = document.get("stream") is True
    if options and not stream:
        raise bad_request(
            "Stream options can only be defined when `stream=True`.", "stream_options"
        )
    usage = options.get("include_usage") is True
    transfer = document.get("kv_transfer_params")
    return Generation(
        model=str(document.get("model") or default_model),
        chat=chat,
        prompts=prompts,
        prompt_tokens=tokens,
        choices=_whole(document, "n", 1) or 1,
        limit=_limit(document, chat=chat),
        at_least=_whole(document, "min_tokens", 0) or 0,
        ignore_end=document.get("ignore_eos") is True,
        stream=stream,
        include_usage=usage,
        continuous_usage=usage and options.get("continuous_usage_stats") is True,
        remote_decode=isinstance(transfer, dict) and transfer.get("do_remote_decode") is True,
    )


def _limit(document: Mapping[str, Any], *, chat: bool) -> int | None:
    later = _whole(document, "max_completion_tokens", 1) if chat else None
    return later or _whole(document, "max_tokens", 1)


def _whole(document: Mapping[str, Any], name: str, least: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_request(f"{name} must be an integer", name)
    if value < least:
        raise bad_request(f"{name} must be at least {least}, got {value}.", name)
    return value


def _prompts(document: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    prompt = document.get("prompt")
    if isinstance(prompt, str):
        return (prompt,), text.count(prompt)
    if not isinstance(prompt, list) or not prompt:
        raise bad_request("Field required: prompt must be a string or an array", "prompt")
    if all(isinstance(entry, str) for entry in prompt):
        return tuple(prompt), sum(map(text.count, prompt))
    if all(isinstance(entry, int) for entry in prompt):
        return ("",), len(prompt)
    if all(isinstance(entry, list) for entry in prompt):
        return ("",) * len(prompt), sum(map(len, prompt))
    raise bad_request("prompt must hold texts or token numbers", "prompt")


def _messages(document: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    messages = document.get("messages")
    if not isinstance(messages, list) or not all(isinstance(entry, dict) for entry in messages):
        raise bad_request("Field required: messages must be an array of objects", "messages")
    if not messages:
        raise bad_request("messages must not be empty", "messages")
    texts = [_content(entry.get("content")) for entry in messages]
    asked = [
        said for entry, said in zip(messages, texts, strict=True) if entry.get("role") == "user"
    ]
    return ((asked or texts)[-1],), sum(map(text.count, texts))


def _content(content: object) -> str:
    """The text of a message, whose content may be a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
