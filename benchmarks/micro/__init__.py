"""The hot functions one by one, with pytest-benchmark: `python -m benchmarks micro`."""
