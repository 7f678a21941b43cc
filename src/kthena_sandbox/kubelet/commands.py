"""Commands of probes and hooks: the program of the container's own image, and waiting, which needs no program. Pure."""

from collections.abc import Sequence
from pathlib import PurePath

_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_ROUTER = "kthena-router"
_MODULE = ["-m", "kthena_router"]


def sleep_seconds(command: Sequence[str]) -> float | None:
    """How long `sleep N` waits, also where a shell is to run it; None for every other command."""
    words = list(command)
    if len(words) == 3 and PurePath(words[0]).name in _SHELLS and words[1] == "-c":
        words = words[2].split()
    if len(words) != 2 or PurePath(words[0]).name != "sleep":
        return None
    try:
        seconds = float(words[1].removesuffix("s"))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def router_arguments(command: Sequence[str]) -> list[str] | None:
    """What follows the router's program; None where the command is another one."""
    words = list(command)
    if words and PurePath(words[0]).name == _ROUTER:
        return words[1:]
    if words and PurePath(words[0]).name.startswith("python") and words[1:3] == _MODULE:
        return words[3:]
    return None


def refusal(command: Sequence[str]) -> str:
    """Why a command is not run."""
    shown = " ".join(command)
    return f"exec: the sandbox runs {_ROUTER} in its own containers, and sleep, but not: {shown}"
