r"""$GENERATE: one line of a master file that stands for many (BIND 9 ARM, "The $GENERATE Directive")."""

import re

from reconciler.state.text import shown
from reconciler.state.types import Invalid

MAX_RECORDS = 65536
"""Records that one directive may make: a reverse zone for a /16."""

_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})(?:/([0-9]{1,9}))?", re.ASCII)
_PLACE = re.compile(r"\\.|\$\$|\$\{([^}]*)\}|\$\{|\$")
_MODIFIER = re.compile(r"(-?[0-9]{1,9})(?:,([0-9]{1,3})(?:,([doxXnN]))?)?", re.ASCII)


def steps(text: str) -> range:
    """The values of `start-stop` or `start-stop/step`. Raises Invalid."""
    match = _RANGE.fullmatch(text)
    if not match:
        raise Invalid(f"{shown(text)} is not a range", "write START-STOP or START-STOP/STEP")
    start, stop, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if start > stop or step == 0:
        raise Invalid(f"{shown(text)} is an empty range", "write the smaller number first, and a step over 0")
    values = range(start, stop + 1, step)
    if len(values) > MAX_RECORDS:
        raise Invalid(f"{shown(text)} makes {len(values)} records; the limit is {MAX_RECORDS}", "split it")
    return values


def fill(template: str, value: int) -> str:
    """The template with `$` and `${offset,width,base}` replaced. Raises Invalid."""
    return _PLACE.sub(lambda match: _replaced(match, value), template)


def _replaced(match: re.Match[str], value: int) -> str:
    found = match[0]
    if found == "$":
        return str(value)
    if found == "$$":
        return "$"
    if found[0] == "\\":
        return found
    modifier = _MODIFIER.fullmatch(match[1] or "")
    if not modifier:
        raise Invalid(f"{shown(found)} is not a place for a number", "write ${OFFSET,WIDTH,BASE}")
    number, width, base = value + int(modifier[1]), int(modifier[2] or 0), modifier[3] or "d"
    if number < 0:
        raise Invalid(f"{shown(found)} makes a negative number", "use an offset that does not")
    if base in "nN":
        return _nibbles(number, width, upper=base == "N")
    return format(number, f"0{width}{base}" if width else base)


def _nibbles(number: int, width: int, *, upper: bool) -> str:
    """Reversed hexadecimal digits with dots between; the width counts the dots too, an even one ends with a dot."""
    digits = format(number, "X" if upper else "x")[::-1]
    text = ".".join(digits.ljust((width + 1) // 2, "0"))
    return f"{text}." if len(text) < width else text
