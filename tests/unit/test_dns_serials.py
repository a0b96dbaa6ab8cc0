"""Serials: RFC 1982 and the three styles."""

from datetime import UTC, datetime, timedelta, timezone

import dns.serial
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reconciler.dns import serials
from reconciler.dns.serials import SerialStyle, next_serial

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SERIALS = st.integers(0, 2**32 - 1)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))


@given(SERIALS, SERIALS)
@example(5, 5 + 2**31)
@example(7, 7)
def test_compare_agrees_with_dnspython_and_leaves_nothing_open(a, b):
    if (a - b) % 2**32 == 2**31:
        assert serials.compare(a, b) == serials.compare(b, a) == -1
        return
    left, right = dns.serial.Serial(a), dns.serial.Serial(b)
    assert serials.compare(a, b) == (left > right) - (left < right)
    assert serials.newer(a, b) is (left > right)


@given(SERIALS, st.integers(1, serials.MAX_ADD))
def test_what_was_added_to_is_newer(serial, n):
    assert serials.newer(serials.add(serial, n), serial)


@pytest.mark.parametrize("n", [-1, 2**31])
def test_add_has_bounds(n):
    with pytest.raises(ValueError, match="added"):
        serials.add(1, n)


@given(st.sampled_from(SerialStyle), SERIALS, st.lists(st.integers(0, 2**31 - 3), max_size=4), MOMENTS)
def test_the_next_is_newer_than_all_known(style, start, distances, now):
    """Known serials within less than half the circle, as two servers and a manifest have them."""
    known = [(start + distance) % 2**32 for distance in distances]
    found = next_serial(style, known, now)
    assert 0 < found < 2**32
    assert all(serials.newer(found, serial) for serial in known if serial)


@given(st.sampled_from(SerialStyle), st.lists(SERIALS, max_size=4), MOMENTS)
def test_never_zero_and_always_moving(style, known, now):
    found = next_serial(style, known, now)
    assert 0 < found < 2**32
    assert found not in known or len(known) > 2


@given(SERIALS, MOMENTS)
def test_increment_only_counts(serial, now):
    assume(0 < serial < 2**32 - 1)
    assert next_serial(SerialStyle.INCREMENT, [serial], now) == serial + 1


@pytest.mark.parametrize(
    ("style", "known", "expected"),
    [
        (SerialStyle.DATE, [], 2026112001),
        (SerialStyle.DATE, [0, 0], 2026112001),
        (SerialStyle.DATE, [2026111999], 2026112001),
        (SerialStyle.DATE, [2026112001], 2026112002),
        (SerialStyle.DATE, [2026112099], 2026112100),  # the 100th change of the day
        (SerialStyle.DATE, [2026112100], 2026112101),
        (SerialStyle.DATE, [2026112001, 2026112007, 2026112003], 2026112008),  # the live one is ahead
        (SerialStyle.DATE, [1795176000], 2026112001),  # from unixtime: forward
        (SerialStyle.DATE, [3000000000], 3000000001),
        (SerialStyle.DATE, [14], 2026112001),
        (SerialStyle.UNIXTIME, [], 1795176000),
        (SerialStyle.UNIXTIME, [1795176000], 1795176001),  # twice in a second
        (SerialStyle.UNIXTIME, [2026112001], 2026112002),  # from date: until the clock overtakes
        (SerialStyle.DATE, [4173595639, 2026111981], 2026111982),  # the date would be too far from the first
        (SerialStyle.INCREMENT, [], 1),
        (SerialStyle.INCREMENT, [2**32 - 2, 5], 6),
        (SerialStyle.INCREMENT, [2026112001], 2026112002),
        (SerialStyle.INCREMENT, [3000000000], 3000000001),
        (SerialStyle.INCREMENT, [2**32 - 1], 1),  # over zero
    ],
)
def test_styles_by_example(style, known, expected):
    assert next_serial(style, known, NOW) == expected


def test_the_day_after_an_overflow_goes_on_in_style():
    assert next_serial(SerialStyle.DATE, [2026112100], NOW + timedelta(days=1)) == 2026112101
    assert next_serial(SerialStyle.DATE, [2026112105], NOW + timedelta(days=1)) == 2026112106
    assert next_serial(SerialStyle.DATE, [2026112105], NOW + timedelta(days=2)) == 2026112201


def test_dates_are_utc():
    early = datetime(2026, 11, 20, 1, 0, tzinfo=timezone(timedelta(hours=5)))
    assert next_serial(SerialStyle.DATE, [], early) == 2026111901
