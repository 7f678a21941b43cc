"""How deeply YAML is nested, which is asked before libyaml composes it: its composer calls itself, and C has no end of
the stack that could be caught.
"""

from typing import Any

import yaml

_DEEPEST = 1000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENERS = (b"[", b"{", b"-", b"?", b":")  # of which each level has one at least


def check_nesting(text: bytes) -> None:
    """Raises yaml.YAMLError for what is nested too deeply, and for what is no YAML."""
    if sum(text.count(opener) for opener in _OPENERS) <= _DEEPEST:
        return
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"exceeded max depth of {_DEEPEST}")
