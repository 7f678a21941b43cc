"""Conditions of a rule, compiled once. Regular expressions are RE2's: unanchored, and linear in time."""

from collections.abc import Callable, Mapping

import re2

from kthena_router.api.networking import ModelMatch, StringMatch

TextPredicate = Callable[[str], bool]


class BadPattern(Exception):
    """A regular expression that RE2 refuses."""


def compile_string(match: StringMatch) -> TextPredicate:
    """Return the condition of *match*. Raises BadPattern."""
    if match.exact is not None:
        return match.exact.__eq__
    if match.prefix is not None:
        prefix = match.prefix
        return lambda text: text.startswith(prefix)
    if match.regex is not None:
        return _compile_regex(match.regex)
    return lambda _: True


def _compile_regex(pattern: str) -> TextPredicate:
    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise BadPattern(
            f"{pattern!r} is not a regular expression that RE2 reads: {text}"
        ) from None
    return lambda text: search(text) is not None


class RequestPredicate:
    """All conditions of one ModelMatch; all must hold."""

    def __init__(self, match: ModelMatch) -> None:
        self._model = match.body.model if match.body else None
        self._uri = compile_string(match.uri) if match.uri else None
        self._headers = tuple(
            (name.lower(), compile_string(one)) for name, one in match.headers.items()
        )

    def holds(self, model: str, path: str, headers: Mapping[str, str]) -> bool:
        """Return whether a request satisfies them; a header that is missing counts as empty."""
        if self._model is not None and self._model != model:
            return False
        if self._uri is not None and not self._uri(path):
            return False
        return all(fits(headers.get(name, "")) for name, fits in self._headers)
