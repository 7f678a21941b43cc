"""Resource quantities such as `500m`, `1.5Gi` and `1e3` (k8s.io/apimachinery/pkg/api/resource)."""

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([A-Za-z]{0,2}|[eE][+-]?[0-9]+)")
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def parse_quantity(text: str) -> Decimal | None:
    """The value of a quantity, None for a text that is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    amount, suffix = Decimal(found[1]), found[2]
    if suffix in _BINARY:
        return amount * _BINARY[suffix]
    if suffix in _DECIMAL:
        return amount.scaleb(_DECIMAL[suffix])
    if suffix[0] in "eE" and len(suffix) > 1 and int(suffix[1:]) < 1000:
        return amount.scaleb(int(suffix[1:]))
    return None
