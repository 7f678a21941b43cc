"""The two paths that generate: read the request, apply the fault, do the work, count how it ended."""

from kthena_sandbox.engine import answers, faults
from kthena_sandbox.engine.answers import Identity
from kthena_sandbox.engine.faults import Fault, FaultError
from kthena_sandbox.engine.generation import Work
from kthena_sandbox.engine.requests import Generation, RequestError, bad_request, read_generation
from kthena_sandbox.engine.settings import EngineSettings
from kthena_sandbox.engine.state import EngineState, Routes
from kthena_sandbox.httpd.exchange import ClientGone, CutConnection, Exchange
from kthena_sandbox.httpd.server import Server


async def _complete(state: EngineState, _: Server, exchange: Exchange) -> None:
    await _generate(state, exchange, chat=False)


async def _chat(state: EngineState, _: Server, exchange: Exchange) -> None:
    await _generate(state, exchange, chat=True)


async def _generate(state: EngineState, exchange: Exchange, *, chat: bool) -> None:
    fault = _fault_of(state, exchange)
    if fault.status is not None:
        message = f"This engine was told to answer {fault.status}."
        raise RequestError(fault.status, "MockFault", message)
    default = state.settings.models[0]
    request = read_generation(exchange.request.body, chat=chat, default_model=default)
    state.models.check(request.model)
    _check_length(request, state.settings)
    await _work(state, exchange, _make_work(state, request, fault))


def _fault_of(state: EngineState, exchange: Exchange) -> Fault:
    header = exchange.request.header(faults.HEADER)
    try:
        return faults.read_header(header) if header else state.faults.take()
    except FaultError as error:
        raise bad_request(f"{faults.HEADER}: {error}") from error


def _check_length(request: Generation, settings: EngineSettings) -> None:
    most, limit = settings.max_model_len, request.limit or 0
    if request.prompt_tokens + limit > most:
        raise bad_request(
            f"This model's maximum context length is {most} tokens. However, you requested "
            f"{request.prompt_tokens + limit} tokens ({request.prompt_tokens} in the prompt, "
            f"{limit} in the completion)."
        )


def _make_work(state: EngineState, request: Generation, fault: Fault) -> Work:
    prefix = "chatcmpl-" if request.chat else "cmpl-"
    created = int(state.wall_clock())
    identity = Identity(prefix + state.make_id(), created, request.model, request.chat)
    work = Work(request, identity, state.settings, fault)
    if request.remote_decode:
        blocks = state.sequences.blocks(request.prompt_tokens)
        at = state.address
        work.prefill = answers.remote_prefill(identity.id, at.host, at.port, blocks)
    return work


async def _work(state: EngineState, exchange: Exchange, work: Work) -> None:
    async def complete() -> None:
        await work.complete(exchange, state.sequences, state.metrics)

    try:
        if work.takes_time or not state.sequences.has_room:
            await exchange.until_gone(complete)
        else:
            await complete()
    except ClientGone:
        state.observed.aborted += 1
        state.metrics.finished["abort"] += 1
        raise
    except CutConnection:
        state.observed.cut += 1
        state.metrics.finished["error"] += 1
        raise
    state.observed.completed += 1


COMPLETIONS: Routes = {
    ("POST", "/v1/completions"): _complete,
    ("POST", "/v1/chat/completions"): _chat,
}
