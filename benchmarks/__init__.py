"""The benchmark harness: our router and its peers, measured in turn against one backend.

`python -m benchmarks --help` is the front door; `benchmarks/README.md` tells what is measured and how.
"""
