"""SOA serial numbers: arithmetic on a circle of 2^32 (RFC 1982), and the next serial in three styles."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

SIZE = 2**32
HALF = 2**31
MAX_ADD = HALF - 1
"""The most that can be added to a serial at once (RFC 1982 section 3.1)."""


class SerialStyle(StrEnum):
    """How a zone's serial is made: YYYYMMDDnn, seconds since 1970, or plus one."""

    DATE = "date"
    UNIXTIME = "unixtime"
    INCREMENT = "increment"


def add(serial: int, n: int) -> int:
    """The serial plus n, which is 0 to 2^31 - 1 (ValueError otherwise)."""
    if not 0 <= n <= MAX_ADD:
        raise ValueError(f"{n} cannot be added to a serial: 0 to {MAX_ADD} can")
    return (serial + n) % SIZE


def compare(a: int, b: int) -> int:
    """-1, 0 or 1 as serial a is older than, equal to or newer than b (RFC 1982 section 3.2).

    At a distance of exactly 2^31 the RFC leaves the order open. Here a is then older: who asks whether it
    is new enough gets no for an answer, and moves on.
    """
    distance = (a - b) % SIZE
    if distance == 0:
        return 0
    return 1 if distance < HALF else -1


def newer(a: int, b: int) -> bool:
    """Whether secondaries that have b would take a."""
    return compare(a, b) > 0


def next_serial(style: SerialStyle, known: Iterable[int], now: datetime) -> int:
    """A serial that is newer than every known one (file, live, last deployed); never 0.

    `now` is an aware datetime; dates are in UTC. Zeros in `known` mean "none yet". The style's own number is
    taken when it is newer than all known, else the newest known plus one. So after 99 changes a day the date
    style runs on into the next day's 00, and after a change of style, or with a live serial ahead of
    ours, it counts up by one until the style's number is the newer again.

    Known serials that lie half the circle or more apart have no common successor; then the result is newer
    than the newest of them, as comparing them in the given order tells.
    """
    serials = [serial for serial in known if serial]
    if not serials:
        return _in_style(style, now)
    if style is not SerialStyle.INCREMENT:
        wanted = _in_style(style, now)
        if all(newer(wanted, serial) for serial in serials):
            return wanted
    latest = serials[0]
    for serial in serials[1:]:
        if newer(serial, latest):
            latest = serial
    return add(latest, 1) or 1


def _in_style(style: SerialStyle, now: datetime) -> int:
    moment = now.astimezone(UTC)
    if style is SerialStyle.DATE:
        return (moment.year * 10000 + moment.month * 100 + moment.day) * 100 + 1
    if style is SerialStyle.UNIXTIME:
        return int(moment.timestamp()) % SIZE or 1
    return 1
