"""Expressions as functions of their variables."""

from functools import lru_cache

from kthena_sandbox.schema.cel.evaluating import Code, code_of
from kthena_sandbox.schema.cel.kinds import CelError
from kthena_sandbox.schema.cel.lexing import CelSyntaxError, Issue
from kthena_sandbox.schema.cel.parsing import parsed


@lru_cache(maxsize=1024)
def compiled(text: str) -> Code:
    """The expression as a function of its variables, which raises CelError. Raises CelSyntaxError."""
    node = parsed(text)
    try:
        return code_of(node)
    except CelError as error:
        raise CelSyntaxError([Issue(node.at, str(error))], text) from error
