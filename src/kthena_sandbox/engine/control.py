"""The paths under `/mock/`, which real engines do not have: set failures, and see what came."""

from kthena_sandbox.engine import faults
from kthena_sandbox.engine.faults import FaultError
from kthena_sandbox.engine.requests import bad_request, read_document
from kthena_sandbox.engine.state import EngineState, Routes
from kthena_sandbox.httpd.exchange import Exchange
from kthena_sandbox.httpd.server import Server


async def _stats(state: EngineState, server: Server, exchange: Exchange) -> None:
    now = {
        "running": state.sequences.running,
        "waiting": state.sequences.waiting,
        "generated_tokens": state.metrics.generated_tokens,
        "connections": {"open": server.connections, "accepted": server.accepted},
    }
    await exchange.respond_json(200, state.observed.document() | now)


async def _reset_stats(state: EngineState, _: Server, exchange: Exchange) -> None:
    state.observed.reset()
    await exchange.respond_json(200, state.observed.document())


async def _show_faults(state: EngineState, _: Server, exchange: Exchange) -> None:
    await exchange.respond_json(200, state.faults.current.document())


async def _set_faults(state: EngineState, server: Server, exchange: Exchange) -> None:
    try:
        fault = faults.read_document(read_document(exchange.request.body))
    except FaultError as error:
        raise bad_request(str(error)) from error
    state.faults.set(fault)
    if fault.refuse is not None:
        server.refuse(fault.refuse)
        await server.cut_idle()
    await exchange.respond_json(200, fault.document())


async def _clear_faults(state: EngineState, server: Server, exchange: Exchange) -> None:
    state.faults.clear()
    server.accept()
    await exchange.respond_json(200, {})


CONTROL: Routes = {
    ("GET", "/mock/stats"): _stats,
    ("DELETE", "/mock/stats"): _reset_stats,
    ("GET", "/mock/faults"): _show_faults,
    ("POST", "/mock/faults"): _set_faults,
    ("DELETE", "/mock/faults"): _clear_faults,
}
