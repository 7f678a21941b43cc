"""What the handlers of one engine share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from kthena_sandbox.engine.adapters import Models
from kthena_sandbox.engine.faults import FaultBox
from kthena_sandbox.engine.metrics import Metrics
from kthena_sandbox.engine.observation import Observation
from kthena_sandbox.engine.sequences import Sequences
from kthena_sandbox.engine.settings import EngineSettings
from kthena_sandbox.httpd.exchange import Exchange
from kthena_sandbox.httpd.server import Address, Server


@dataclass
class EngineState:
    """One engine's state. `wall_clock` is in Unix seconds."""

    settings: EngineSettings
    models: Models
    sequences: Sequences
    address: Address
    wall_clock: Callable[[], float]
    make_id: Callable[[], str]
    faults: FaultBox = field(default_factory=FaultBox)
    metrics: Metrics = field(default_factory=Metrics)
    observed: Observation = field(default_factory=Observation)


Handler = Callable[[EngineState, Server, Exchange], Awaitable[None]]
Routes = dict[tuple[str, str], Handler]
