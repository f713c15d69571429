"""Resource quantities ("500m", "1536Mi", "12e6"): value, and the canonical form in which the server keeps them.

Rules of apimachinery's resource.Quantity: precision is one nano, smaller parts are rounded up (away from zero);
the canonical form has an integer mantissa and the largest suffix of its format that allows that.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

Format = Literal["decimal", "binary", "exponent"]

NANO = 10**9
_LIMIT = (2**63 - 1) * NANO

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")
_SHAPE = re.compile(r"[+-]?[0-9.]+[eEinumkKMGTP]*[-+]?[0-9]*")

FORMAT_ERROR = r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
SUFFIX_ERROR = "unable to parse quantity's suffix"


class Quantity(NamedTuple):
    nano: int  # the value in billionths
    format: Format

    @property
    def milli(self) -> int:
        """In thousandths, rounded up."""
        return -(-self.nano // 10**6)

    @property
    def value(self) -> int:
        """In whole units, rounded up."""
        return -(-self.nano // NANO)


@lru_cache(8192)
def parse(text: str) -> Quantity:
    """ValueError with the server's sentence when the text is no quantity."""
    if not _SHAPE.fullmatch(text):
        raise ValueError(FORMAT_ERROR)
    match = _NUMBER.match(text)
    if match is None or not (match[2] or match[3]):
        raise ValueError(FORMAT_ERROR)
    sign, whole, fraction = match[1], match[2] or "", match[3] or ""
    suffix = text[match.end() :]
    digits, scale = int(whole + fraction or "0"), -len(fraction)
    binary_power = 0
    kind: Format = "decimal"
    if suffix in _DECIMAL:
        scale += _DECIMAL[suffix]
    elif suffix in _BINARY:
        kind, binary_power = "binary", _BINARY[suffix]
    elif suffix[0] in "eE" and re.fullmatch(r"[+-]?\d{1,3}", suffix[1:]):
        kind = "exponent"
        scale += int(suffix[1:])
    else:
        raise ValueError(SUFFIX_ERROR)
    nano = _scaled(digits * 1024**binary_power, scale + 9)
    nano = min(nano, _LIMIT)
    return Quantity(-nano if sign == "-" else nano, kind)


def _scaled(digits: int, exponent: int) -> int:
    if exponent >= 0:
        return digits * _power_of_ten(min(exponent, 400))
    return -(-digits // _power_of_ten(-exponent))


def _power_of_ten(exponent: int) -> int:
    return int(10**exponent)


def render(quantity: Quantity) -> str:
    nano, kind = quantity
    if kind == "binary":
        if -1024 * NANO < nano < 1024 * NANO:
            kind = "decimal"
        else:
            return _render_binary(nano)
    if nano == 0:
        return "0"
    exponent = -9
    while nano % 1000 == 0 and exponent < 18:
        nano //= 1000
        exponent += 3
    if kind == "exponent":
        return f"{nano}e{exponent}" if exponent else str(nano)
    return f"{nano}{_SUFFIX_OF[exponent]}"


_SUFFIX_OF = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIXES = ("", *_BINARY)


def _render_binary(nano: int) -> str:
    sign = "-" if nano < 0 else ""
    value = -(-abs(nano) // NANO)
    power = 0
    while value % 1024 == 0 and power < 6:
        value //= 1024
        power += 1
    return f"{sign}{value}{_BINARY_SUFFIXES[power]}"


@lru_cache(8192)
def canonical(text: str) -> str:
    """The form in which the server stores and shows the quantity; ValueError as in parse()."""
    return render(parse(text))
