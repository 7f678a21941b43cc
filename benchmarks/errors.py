"""What can go wrong in a run: told to the user, and entered in the results as a row with its reason."""

from collections.abc import Mapping


class BenchmarkError(Exception):
    """The run cannot go on; the text says why."""


class Unavailable(BenchmarkError):
    """A peer cannot take part: not installed, or it does not start."""


class MeasurementFailed(BenchmarkError):
    """A measurement of a peer came to nothing, or to no more than *figures*."""

    def __init__(self, reason: str, figures: Mapping[str, float] | None = None) -> None:
        super().__init__(reason)
        self.figures = dict(figures or {})
