"""Run Python in a network namespace of its own, so that test workers side by side cannot meet on a port.

As a program it is an interpreter: `isolated.py ARGUMENTS` is `python ARGUMENTS` with nothing but its own 127.0.0.0/8.
`isolated.py --workers` prints pytest-xdist's options for one such worker for each CPU, nothing where that cannot be:
only Linux has namespaces, and some containers forbid them. The options are quoted for PYTEST_ADDOPTS.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # sched.h
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914  # netdevice(7)
IFF_UP = 1


def enter_namespace() -> None:
    """Leave the machine's network for an empty one, by rights or as root of a user namespace. Raises OSError."""
    user, group = os.geteuid(), os.getegid()
    try:
        _unshare(CLONE_NEWNET)
    except PermissionError:
        _unshare(CLONE_NEWUSER | CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")  # user_namespaces(7): before gid_map
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def _unshare(flags: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def worker_options() -> str:
    """Return the options, "" where one worker is all that there can be."""
    count = os.cpu_count() or 1
    probe = [sys.executable, __file__, "-c", ""]
    if count < 2 or subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        return ""
    return f"--dist=worksteal --tx={count}*popen//python='{sys.executable} {Path(__file__)}'"


if __name__ == "__main__":
    if sys.argv[1:] == ["--workers"]:
        print(worker_options())
    else:
        enter_namespace()
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
