"""The published conformance suites, run by hand against the router in the sandbox."""
