"""What an engine answers besides completions: models, adapters, tokens, health, metrics."""

from kthena_sandbox import __version__
from kthena_sandbox.engine import text
from kthena_sandbox.engine.metrics import CONTENT_TYPE, exposition
from kthena_sandbox.engine.requests import read_document, read_generation
from kthena_sandbox.engine.state import EngineState, Routes
from kthena_sandbox.httpd.exchange import Exchange
from kthena_sandbox.httpd.server import Server


async def _models(state: EngineState, _: Server, exchange: Exchange) -> None:
    await exchange.respond_json(200, {"object": "list", "data": state.models.cards()})


async def _load(state: EngineState, _: Server, exchange: Exchange) -> None:
    document = read_document(exchange.request.body)
    name, path = str(document.get("lora_name", "")), str(document.get("lora_path", ""))
    state.models.load(name, path)
    message = f"Success: LoRA adapter '{name}' added successfully."
    await exchange.respond_json(200, {"status": "success", "message": message})


async def _unload(state: EngineState, _: Server, exchange: Exchange) -> None:
    name = str(read_document(exchange.request.body).get("lora_name", ""))
    state.models.unload(name)
    message = f"Success: LoRA adapter '{name}' removed successfully."
    await exchange.respond_json(200, {"status": "success", "message": message})


async def _tokenize(state: EngineState, _: Server, exchange: Exchange) -> None:
    document = read_document(exchange.request.body)
    chat = "messages" in document
    read_generation(exchange.request.body, chat=chat, default_model="")
    said = str(document.get("prompt", ""))
    if chat:
        said = "\n".join(str(entry.get("content", "")) for entry in document["messages"])
    tokens = text.token_ids(said)
    length = state.settings.max_model_len
    await exchange.respond_json(
        200, {"count": len(tokens), "max_model_len": length, "tokens": tokens}
    )


async def _health(state: EngineState, _: Server, exchange: Exchange) -> None:
    await exchange.respond(503 if state.faults.current.unhealthy else 200, b"", "text/plain")


async def _metrics(state: EngineState, _: Server, exchange: Exchange) -> None:
    now, settings = state.sequences, state.settings
    gauges = (now.running, now.waiting, now.cache_use)
    shown = exposition(settings.engine, settings.models[0], gauges, state.metrics)
    await exchange.respond(200, shown.encode(), CONTENT_TYPE)


async def _version(_: EngineState, __: Server, exchange: Exchange) -> None:
    await exchange.respond_json(200, {"version": f"{__version__}+mock"})


SURFACE: Routes = {
    ("GET", "/v1/models"): _models,
    ("POST", "/v1/load_lora_adapter"): _load,
    ("POST", "/load_lora_adapter"): _load,  # SGLang's path
    ("POST", "/v1/unload_lora_adapter"): _unload,
    ("POST", "/unload_lora_adapter"): _unload,
    ("POST", "/tokenize"): _tokenize,
    ("GET", "/health"): _health,
    ("GET", "/metrics"): _metrics,
    ("GET", "/version"): _version,
}
