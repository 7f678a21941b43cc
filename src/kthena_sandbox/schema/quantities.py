"""Resource quantities such as `500m`, `1.5Gi` and `1e3` (k8s.io/apimachinery/pkg/api/resource)."""

import re
from decimal import ROUND_CEILING, ROUND_UP, Decimal

_FORM = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([A-Za-z]{0,2}|[eE][+-]?[0-9]+)")
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}

_NANO = Decimal("1e-9")


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


def whole_value(text: str) -> int:
    """The value of a quantity rounded up, 0 for a text that is none."""
    return int((parse_quantity(text) or Decimal(0)).to_integral_value(rounding=ROUND_CEILING))


def canonical_quantity(text: str) -> str:
    """The form that a kube-apiserver keeps: `0.5` is `500m`, `1024Mi` is `1Gi`, `1000` is `1k`.

    A text that is no quantity stays as it is.
    """
    value = parse_quantity(text)
    if value is None:
        return text
    exponent = "e" in text.lower() and text[-1].isdigit()
    return written_quantity(value, binary=text.endswith("i"), exponent=exponent)


def written_quantity(value: Decimal, *, binary: bool = False, exponent: bool = False) -> str:
    """The same of a value: in Ki, Mi, Gi, with an exponent, or with k, M, G."""
    if binary and abs(value) >= 1024 and value == value.to_integral_value():
        return _shortened(int(value), 1024, ["", *_BINARY])
    value = value.quantize(_NANO, rounding=ROUND_UP) if value % _NANO else value
    return _decimal(value, exponent=exponent)


def _shortened(number: int, base: int, suffixes: list[str]) -> str:
    step = 0
    while number and number % base == 0 and step + 1 < len(suffixes):
        number, step = number // base, step + 1
    return f"{number}{suffixes[step]}"


def _decimal(value: Decimal, *, exponent: bool) -> str:
    """Whole digits and a power of a thousand."""
    if not value:
        return "0"
    sign, digits, power = value.normalize().as_tuple()
    whole, power = int("".join(map(str, digits))), int(power)
    shift = power % 3
    number, power = whole * 10**shift, power - shift
    named = {step: name for name, step in _DECIMAL.items()}
    suffix = (f"e{power}" if power else "") if exponent or power not in named else named[power]
    return f"{'-' if sign else ''}{number}{suffix}"
