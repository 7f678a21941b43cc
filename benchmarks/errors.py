"""What can go wrong in a run: told to the user, and entered in the results as a row with its reason."""


class BenchmarkError(Exception):
    """The run cannot go on; the text says why."""


class Unavailable(BenchmarkError):
    """A peer cannot take part: not installed, or it does not start."""


class MeasurementFailed(BenchmarkError):
    """One measurement of one peer came to nothing."""
