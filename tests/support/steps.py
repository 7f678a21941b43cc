"""Do something when a task has given way for the n-th time: how tests reach every place where it can be interrupted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio


class AtStep(trio.abc.Instrument):
    def __init__(self, task: trio.lowlevel.Task, step: int, act: Callable[[], object]) -> None:
        self._task = task
        self._left = step
        self._act = act
        self.reached = False

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        nursery = task.parent_nursery
        if task is self._task or (nursery is not None and nursery.parent_task is self._task):
            self._left -= 1
            if self._left == 0:
                self.reached = True
                self._act()


@contextmanager
def at_step(step: int, act: Callable[[], object]) -> Iterator[AtStep]:
    """Call *act* when this task or one of its children has given way for the *step*-th time (1 is the first)."""
    instrument = AtStep(trio.lowlevel.current_task(), step, act)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield instrument
    finally:
        trio.lowlevel.remove_instrument(instrument)
