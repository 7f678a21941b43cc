"""Patterns of RFC 9110 5 and RFC 9112 5 that heads and trailers share. Quantifiers are possessive: no input makes them slow."""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# Lines of headers and the blank line. No white space before the colon, no folded lines, no control characters.
FIELDS = re.compile(rb"(?:" + TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\r\n)*+\r\n")
FIELD = re.compile(rb"(" + TOKEN + rb"):[\t\x20-\x7e\x80-\xff]*+\r\n")
# Where no whole line is there yet: what no line may contain.
STRAY = re.compile(rb"(?<!\r)\n|\r[^\n]|\x00")
