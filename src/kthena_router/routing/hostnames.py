"""Hostnames of requests against hostnames of listeners (Gateway API, Listener.hostname)."""


def normalise_host(host: str) -> str:
    """Return the name in a Host header: lower case, without port, without trailing dot, IPv6 in its brackets."""
    if host.startswith("["):
        return host[: host.find("]") + 1].lower()
    return host.partition(":")[0].rstrip(".").lower()


def hostname_rank(pattern: str, host: str) -> tuple[int, int] | None:
    """Return how well *pattern* fits the normalised *host*, greater is better, None where it does not.

    An exact name is better than a wildcard, a longer wildcard better than a shorter one, and no name fits any host.
    """
    if not pattern:
        return (0, 0)
    pattern = pattern.lower()
    if pattern.startswith("*."):
        suffix = pattern[1:]
        return (1, len(pattern)) if host.endswith(suffix) and len(host) > len(suffix) else None
    return (2, len(pattern)) if pattern == host else None
