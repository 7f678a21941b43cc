"""Room for clients: each connection takes a file descriptor, and so does each to an engine."""

import resource


def raise_descriptor_limit() -> int:
    """Raise this process' limit on open files as far as it may by itself, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
