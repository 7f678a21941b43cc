"""What a library of functions is: their code, and what the checker of types is told of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Library:
    """`methods` are by the type of their target and their name.

    `signatures` are lines such as `split: string.(string, int) -> list(string)`; capital letters stand for any type.
    """

    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    methods: Mapping[tuple[type, str], Callable[..., Any]] = field(default_factory=dict)
    signatures: str = ""
