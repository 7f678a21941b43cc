"""The documents that an engine answers with, in the shapes of vLLM's OpenAI server. Pure."""

from dataclasses import dataclass
from typing import Any

import msgspec

Document = dict[str, Any]
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Identity:
    """What all documents of one answer have in common; `created` is in Unix seconds."""

    id: str
    created: int
    model: str
    chat: bool


def usage(prompt_tokens: int, completion_tokens: int) -> Document:
    """Token counts."""
    return {
        "completion_tokens": completion_tokens,
        "prompt_tokens": prompt_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def completion(
    identity: Identity, texts: list[str], reasons: list[str], counts: Document
) -> Document:
    """A whole answer. The keys are sorted, as the original's mock engines sort them."""
    make = _chat_choice if identity.chat else _text_choice
    pairs = zip(texts, reasons, strict=True)
    return {
        "choices": [make(index, said, reason) for index, (said, reason) in enumerate(pairs)],
        "created": identity.created,
        "id": identity.id,
        "model": identity.model,
        "object": "chat.completion" if identity.chat else "text_completion",
        "system_fingerprint": None,
        "usage": counts,
    }


def _text_choice(index: int, said: str, reason: str) -> Document:
    return {"finish_reason": reason, "index": index, "logprobs": None, "text": said}


def _chat_choice(index: int, said: str, reason: str) -> Document:
    message = {"content": said, "role": "assistant"}
    return {"finish_reason": reason, "index": index, "logprobs": None, "message": message}


def event(document: Document) -> bytes:
    """One server-sent event."""
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def role_chunk(identity: Identity, index: int) -> Document:
    """The first chunk of a streamed chat answer."""
    return _chunk(identity, index, {"delta": {"role": "assistant", "content": ""}}, None)


def token_chunk(identity: Identity, index: int, piece: str, reason: str | None) -> Document:
    """One token; *reason* is set on the last one of the choice."""
    said = {"delta": {"content": piece}} if identity.chat else {"text": piece}
    return _chunk(identity, index, said, reason)


def _chunk(identity: Identity, index: int, said: Document, reason: str | None) -> Document:
    choice = {"index": index, **said, "logprobs": None, "finish_reason": reason}
    return {**_head(identity), "choices": [choice]}


def usage_chunk(identity: Identity, counts: Document) -> Document:
    """The chunk that `stream_options.include_usage` asks for."""
    return {**_head(identity), "choices": [], "usage": counts}


def _head(identity: Identity) -> Document:
    return {
        "id": identity.id,
        "object": "chat.completion.chunk" if identity.chat else "text_completion",
        "created": identity.created,
        "model": identity.model,
    }


def error(engine: str, status: int, kind: str, message: str, param: str | None) -> Document:
    """An error as vLLM words it, or flat as SGLang does."""
    body = {"message": message, "type": kind, "param": param, "code": status}
    return {"error": body} if engine == "vllm" else {"object": "error", **body}


def model_card(name: str, root: str, parent: str | None, **facts: Any) -> Document:
    """One entry of `/v1/models`; *facts* are `created`, `owned_by` and `max_model_len`."""
    card: Document = {
        "id": name,
        "object": "model",
        "root": root,
        "parent": parent,
        "permission": [],
    }
    return card | facts


def remote_prefill(engine_id: str, host: str, port: int, blocks: int) -> Document:
    """`kv_transfer_params` of a prefill answer, which the decode request takes over."""
    return {
        "do_remote_prefill": True,
        "do_remote_decode": False,
        "remote_engine_id": engine_id,
        "remote_host": host,
        "remote_port": port,
        "remote_block_ids": list(range(blocks)),
    }
