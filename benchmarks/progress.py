"""What is told while a run goes on: one line on stderr, rewritten on a terminal."""

import sys
from typing import TextIO

import trio


class Progress:
    """Counts steps. On anything but a terminal it prints a line only where a new part begins."""

    def __init__(self, steps: int, stream: TextIO = sys.stderr) -> None:
        self._steps = steps
        self._done = 0
        self._stream = stream
        self._terminal = stream.isatty()
        self._part = ""
        self._start = trio.current_time()

    def tell(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        print(text, file=self._stream, flush=True)

    def step(self, part: str, text: str) -> None:
        """Say what is measured now."""
        self._done += 1
        seconds = trio.current_time() - self._start
        clock = f"{int(seconds) // 60}:{int(seconds) % 60:02}"
        if self._terminal:
            self.clear()
            line = f"[{self._done}/{self._steps} {clock}] {part}: {text}"
            print(line[:120], end="", file=self._stream, flush=True)
        elif part != self._part:
            self.tell(f"[{clock}] {part}")
        self._part = part

    def clear(self) -> None:
        """Take the line away."""
        if self._terminal:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
