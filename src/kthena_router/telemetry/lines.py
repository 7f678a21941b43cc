"""One entry on one line: what comes from outside must neither end it nor look like a part of it."""


def one_line(text: str, specials: str = "") -> str:
    r"""Return *text* with all that is not printable, and all *specials*, as Python writes them: `\n`, `\x20`, `\u2028`.

    With the backslash among *specials* the original can be told from the result.
    """
    if text.isprintable() and not any(special in text for special in specials):
        return text
    return "".join(
        [c if c.isprintable() and c not in specials else _escaped(c, specials) for c in text]
    )


def _escaped(character: str, specials: str) -> str:
    if character in specials and character != "\\":
        return f"\\x{ord(character):02x}"
    return character.encode("unicode_escape").decode()
