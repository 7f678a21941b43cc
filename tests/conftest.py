"""The order of the tests: workers that share them start with what takes long, and so end together."""

from itertools import islice

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal the files that start processes round, each worker's before its share of the others.

    pytest-xdist gives each worker a piece of the list, and to who has finished the end of another's.
    """
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    slow = {item.path: list[pytest.Item]() for item in items if item.get_closest_marker("system")}
    for item in items:
        slow.get(item.path, []).append(item)
    shares = [list[pytest.Item]() for _ in range(workers)]
    for file in slow.values():
        min(shares, key=len).extend(file)
    quick = iter([item for item in items if item.path not in slow])
    size = -(-len(items) // workers)
    for share in shares:
        share.extend(islice(quick, max(0, size - len(share))))
    items[:] = [item for share in shares for item in share]
