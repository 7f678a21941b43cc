"""Cut the body of a watch into lines, at line feeds and nowhere else."""


class LineSplitter:
    """Takes pieces as they come. `str.splitlines` would also cut at U+0085, which may stand unescaped in JSON."""

    def __init__(self) -> None:
        self._open: list[bytes] = []  # the pieces of the line that is not complete yet

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that *piece* completes, without empty ones."""
        first, *others = piece.split(b"\n")
        if not others:
            self._open.append(first)
            return []
        lines = [b"".join((*self._open, first)), *others[:-1]]
        self._open = [others[-1]]
        return [line for line in lines if line.strip()]
