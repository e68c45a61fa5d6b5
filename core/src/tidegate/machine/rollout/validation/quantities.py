"""Quantities of resources: read, compared and written back in Kubernetes' canonical form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_FORM = re.compile(r"([+-]?)([0-9]*\.?[0-9]*)([eEinumkKMGTP]*[-+]?[0-9]*)")
_FORM_TEXT = r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_SUFFIX_TEXT = "unable to parse quantity's suffix"
# Longer ones are no quantity of anything, and 10**exponent would fill the memory.
_LARGEST_EXPONENT = 100


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount, and whether it is written in powers of 1024 ("Ki"), of ten ("e") or with a decimal suffix ("")."""

    amount: Fraction
    style: str = ""

    def __str__(self) -> str:
        """The canonical form: whole, with the largest suffix that keeps it so (`0.5` is `500m`, `1024Mi` is `1Gi`)."""
        amount = -(-self.amount * 10**9 // 1) / Fraction(10**9)  # nothing below a nano is kept, upwards
        if amount == 0:
            return "0"
        if self.style == "Ki" and amount.denominator == 1 and abs(amount) >= 1024:
            return _whole(int(amount), 1024, ["", *_BINARY])
        if self.style == "e":
            return _exponential(amount)
        return _whole(int(amount * 10**9), 1000, list(_DECIMAL))

    def in_thousandths(self) -> Quantity:
        """Rounded up to thousandths, as requests and limits are stored."""
        return Quantity(-(-self.amount * 1000 // 1) / Fraction(1000), self.style)


def _whole(number: int, base: int, suffixes: list[str]) -> str:
    index = 0
    while number % base == 0 and index < len(suffixes) - 1:
        number, index = number // base, index + 1
    return f"{number}{suffixes[index]}"


def _exponential(amount: Fraction) -> str:
    number, exponent = int(amount * 10**9), -9
    while number % 1000 == 0:
        number, exponent = number // 1000, exponent + 3
    return f"{number}e{exponent}" if exponent else str(number)


def quantity(value: object) -> Quantity:
    """Read a quantity: a number, or a number with a suffix. Raises ValueError with Kubernetes' text."""
    found = _FORM.fullmatch(str(value).strip())
    if found is None or not any(sign.isdigit() for sign in found[2]):
        raise ValueError(_FORM_TEXT)
    number = Fraction(found[2].rstrip(".") if found[2].endswith(".") else found[2])
    number, suffix = -number if found[1] == "-" else number, found[3]
    if suffix in _DECIMAL:
        return Quantity(number * Fraction(10) ** _DECIMAL[suffix])
    if suffix in _BINARY:
        return Quantity(number * 1024 ** _BINARY[suffix], "Ki")
    power = re.fullmatch("[eE]([+-]?[0-9]{1,9})", suffix)
    if power is None or abs(int(power[1])) > _LARGEST_EXPONENT:
        raise ValueError(_SUFFIX_TEXT)
    return Quantity(number * Fraction(10) ** int(power[1]), "e")
