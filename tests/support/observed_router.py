"""The router as it is, in a process that can be asked what lives in it: `python -m tests.support.observed_router SOCKET …`.

What follows the path of the Unix socket are the router's own arguments. Each connection to the socket is answered with
one Inventory as JSON. The router is not touched: an instrument of trio's watches the tasks, a thread answers.
"""

import gc
import socket
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import msgspec
import trio

from kthena_router import cli


class Inventory(msgspec.Struct, frozen=True):
    """What lives in a router: its *tasks* by name, its *objects* by type, after a collection of garbage.

    *blocks* of memory are what Python has allocated for all that lives, also for what no collection looks at; the process
    itself is larger by what lies free between them.

    *longest_step* is the most CPU time, in seconds, that a task took since the last inventory without letting others have
    their turn, and the name of the task.
    """

    tasks: dict[str, int]
    objects: dict[str, int]
    blocks: int
    longest_step: tuple[float, str]


class TaskWatch(trio.abc.Instrument):
    """Counts the tasks that live, by name, and times their steps."""

    def __init__(self) -> None:
        self.living: Counter[str] = Counter()
        self.longest_step = (0.0, "")
        self._began = 0.0

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self.living[task.name] += 1

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        self.living[task.name] -= 1

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        took = time.thread_time() - self._began
        if took > self.longest_step[0]:
            self.longest_step = (took, task.name)


def take_inventory(path: Path) -> Inventory:
    """Ask the router whose socket is at *path*."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(path))
        with client.makefile("rb") as answer:
            return msgspec.json.decode(answer.read(), type=Inventory)


def answer_questions(listening: socket.socket, tasks: TaskWatch) -> None:
    """Answer for ever."""
    while True:
        client, _ = listening.accept()
        with client:
            gc.collect()
            blocks = sys.getallocatedblocks()
            types = Counter(type(one).__qualname__ for one in gc.get_objects())
            living = {name: count for name, count in dict(tasks.living).items() if count}
            found = Inventory(living, dict(types), blocks, tasks.longest_step)
            tasks.longest_step = (0.0, "")
            client.sendall(msgspec.json.encode(found))


def main() -> None:
    """Run the router with what stands after the path of the socket, to its exit."""
    path, *arguments = sys.argv[1:]
    tasks = TaskWatch()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    threading.Thread(target=answer_questions, args=(listening, tasks), daemon=True).start()
    trio.run = partial(trio.run, instruments=[tasks])  # type: ignore[assignment]
    sys.argv = ["kthena-router", *arguments]
    cli.main()


if __name__ == "__main__":
    main()
