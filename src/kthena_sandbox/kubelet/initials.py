"""Init containers: one after the other before all others, and sidecars, which go on until the pod ends.

https://kubernetes.io/docs/concepts/workloads/pods/init-containers/ and …/sidecar-containers/
"""

from collections.abc import Awaitable, Callable, Sequence

import trio

from kthena_sandbox.kubelet.containers import Container

_LEAST_SECONDS = 2.0  # for sidecars, when the others have taken all of the time
RunContainer = Callable[[Container], Awaitable[None]]
WaitUntil = Callable[[Callable[[], bool]], Awaitable[None]]


async def run_in_order(
    containers: Sequence[Container], run: RunContainer, until: WaitUntil, nursery: trio.Nursery
) -> bool:
    """Run them; True when the others may start, False where one has failed for good. Sidecars stay in *nursery*."""
    for container in containers:
        nursery.start_soon(run, container)
        if container.is_sidecar:
            await until(lambda: container.state.started)  # noqa: B023  waited for in this step
            continue
        await until(lambda: container.finished)  # noqa: B023
        if not container.has_succeeded:
            return False
    return True


async def stop_sidecars(containers: Sequence[Container], seconds: float) -> None:
    """End them one after the other, the last one first, within *seconds*."""
    began = trio.current_time()
    for container in reversed(containers):
        if container.is_sidecar:
            left = seconds - (trio.current_time() - began)
            await container.stop(max(left, _LEAST_SECONDS) if seconds else 0.0)
