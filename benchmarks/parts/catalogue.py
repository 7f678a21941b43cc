"""All parts, in the order in which they are taken. The parts on fresh peers come last."""

from benchmarks.parts.base import Part
from benchmarks.parts.disconnects import Disconnects
from benchmarks.parts.memory import Memory, SlowReaders
from benchmarks.parts.requests import Requests
from benchmarks.parts.streams import FirstEvent, Paced, Streams

PARTS: tuple[Part, ...] = (
    Requests(),
    FirstEvent(),
    Streams(),
    Paced(),
    Disconnects(),
    Memory(),
    SlowReaders(),
)
