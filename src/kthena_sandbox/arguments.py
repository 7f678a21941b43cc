"""Types of command line arguments."""

import argparse
from collections.abc import Callable


def port_number(least: int = 0) -> Callable[[str], int]:
    """The type of a port from *least* on; 0 stands for any free one."""

    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else -1
        if not least <= number <= 65535:
            raise argparse.ArgumentTypeError(f"must be a port from {least} to 65535: {text!r}")
        return number

    return parse
