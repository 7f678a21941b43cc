"""One entry on one line: what comes from outside must neither end it nor look like a part of it."""

import re
from functools import cache


def one_line(text: str, specials: str = "") -> str:
    r"""Return *text* with all that is not printable, and all *specials*, as Python writes them: `\n`, `\x20`, `\u2028`.

    With the backslash among *specials* the original can be told from the result.
    """
    if text.isprintable() and _finder_of(specials).search(text) is None:
        return text
    return "".join(
        [c if c.isprintable() and c not in specials else _escaped(c, specials) for c in text]
    )


@cache
def _finder_of(specials: str) -> re.Pattern[str]:
    """Return what finds any of *specials*, of which there are few sets."""
    return re.compile(f"[{re.escape(specials)}]" if specials else r"(?!)")


def _escaped(character: str, specials: str) -> str:
    if character in specials and character != "\\":
        return f"\\x{ord(character):02x}"
    return character.encode("unicode_escape").decode()
