"""What an interface shows of a delegated prefix, and when a new one counts."""

from ipaddress import IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.site import KnownPrefix
from reconciler.watch.shown import Follow, Held, Route, Table, shown, soonest

ONE, TWO, THREE = (IPv6Network(f"2001:db8:{number}::/64") for number in (1, 2, 3))
WIDE = IPv6Network("2001:db8:aa00::/56")
PERMANENT, DEPRECATED, TENTATIVE, TEMPORARY, OPTIMISTIC, FAILED = 0x80, 0x20, 0x40, 0x01, 0x04, 0x08
DEFAULT = Route(IPv6Network("::/0"), False, 9, ("wan0",))


def held(prefix: IPv6Network, flags: int = 0, preferred: int | None = 100, *, at: int = 5, on: str = "wan0") -> Held:
    return Held(on, prefix[at], prefix.prefixlen, flags, preferred)


def reject(prefix: IPv6Network, protocol: int = 16) -> Route:
    return Route(prefix, True, protocol, ("lo",))


@pytest.mark.parametrize("flags", [DEPRECATED, TENTATIVE, TEMPORARY, OPTIMISTIC, FAILED])
def test_what_will_not_last_shows_nothing(flags: int) -> None:
    assert shown(Table((held(ONE, flags),)), "wan0", (), None) is None
    assert shown(Table((held(ONE, flags), held(TWO))), "wan0", (), ONE) == TWO


@pytest.mark.parametrize("text", ["fe80::/64", "fd00:1:2:3::/64", "fec0::/64", "::/64", "ff02::/64", "4000::/64"])
def test_only_global_unicast_counts(text: str) -> None:
    network = IPv6Network(text)
    assert shown(Table((held(network),), (reject(network), DEFAULT)), "wan0", (), None) is None


def test_a_single_address_shows_no_prefix() -> None:
    alone = Held("wan0", IPv6Address("2001:db8::5"), 128, 0, 100)
    assert shown(Table((alone,)), "wan0", (), None) is None


def test_of_several_the_current_one_stays() -> None:
    table = Table((held(ONE), held(TWO, preferred=9999), held(THREE, preferred=None, on="lan0")))
    assert shown(table, "wan0", (), ONE) == ONE
    assert shown(table, "wan0", (), None) == TWO
    assert shown(table, "wan0", (), THREE) == TWO
    assert shown(table, "lan0", (), None) == THREE
    assert shown(table, "lan1", (), None) is None


def test_a_prefix_without_preferred_lifetime_has_gone() -> None:
    assert shown(Table((held(ONE, preferred=0), held(TWO))), "wan0", (), ONE) == TWO


def test_written_addresses_count_where_nothing_is_given() -> None:
    static = held(ONE, PERMANENT, None)
    assert shown(Table((static,)), "wan0", (), None) == ONE
    assert shown(Table((static, held(TWO))), "wan0", (), ONE) == TWO


def test_virtual_addresses_say_nothing() -> None:
    """The pair's manager leaves them on the interface when their prefix has gone."""
    virtual = Held("wan0", IPv6Address("2001:db8:1::ffff:c0a8:104"), 64, PERMANENT, None)
    assert shown(Table((virtual, held(TWO, PERMANENT, None))), "wan0", {0xFFFF_C0A8_0104}, ONE) == TWO
    assert shown(Table((virtual,)), "wan0", {0xFFFF_C0A8_0104}, None) is None


def test_a_delegation_is_that_of_the_interface_with_the_default_route() -> None:
    table = Table((held(ONE),), (reject(WIDE), DEFAULT))
    assert shown(table, "wan0", (), None) == WIDE
    assert shown(table, "lo", (), None) == WIDE
    assert shown(table, "lan0", (), None) is None
    both = Table((held(ONE),), (reject(WIDE), DEFAULT, DEFAULT._replace(interfaces=("wan1",))))
    assert shown(both, "wan0", (), None) == ONE, "whose it is cannot be told"
    assert shown(both, "lo", (), None) == WIDE


def test_of_nested_delegations_the_widest_counts() -> None:
    parts = [reject(part) for part in list(WIDE.subnets(new_prefix=60))[:3]]
    assert shown(Table(routes=(*parts, reject(WIDE), DEFAULT)), "wan0", (), None) == WIDE


@pytest.mark.parametrize(
    "route",
    [
        reject(WIDE, protocol=186),  # bird
        Route(WIDE, False, 16, ("lan0",)),
        reject(IPv6Network("2001:db8::/12", strict=False)),
        reject(IPv6Network("2001:db8::/96")),
        reject(IPv6Network("::/0")),
    ],
)
def test_routes_that_are_no_delegation(route: Route) -> None:
    assert shown(Table(routes=(route, DEFAULT)), "wan0", (), None) is None


def test_a_new_prefix_has_to_stand() -> None:
    follow = Follow(KnownPrefix(ONE, 7))
    assert not follow.step(TWO, 10, 100.0, 1000)
    assert follow.due(10, 104.0) == 6.0
    assert not follow.step(TWO, 10, 109.9, 1009)
    assert follow.known == KnownPrefix(ONE, 7)
    assert follow.step(TWO, 10, 110.0, 1010)
    assert follow.known == KnownPrefix(TWO, 1010)
    assert follow.due(10, 110.0) is None


def test_a_flap_begins_anew() -> None:
    follow = Follow(KnownPrefix(ONE, 7))
    for moment in range(0, 100, 9):
        assert not follow.step(TWO, 10, moment, moment)
        assert not follow.step(ONE, 10, moment + 4, moment)
    assert follow == Follow(KnownPrefix(ONE, 7), None, follow.first)


@given(st.lists(st.tuples(st.sampled_from([ONE, TWO, THREE, None]), st.integers(0, 15)), max_size=40))
def test_only_what_stood_long_enough_ever_counts(steps: list[tuple[IPv6Network | None, int]]) -> None:
    """Against the plain definition: seen at each look of the last ten seconds."""
    follow, now = Follow(), 0.0
    since: tuple[IPv6Network | None, float] = (None, 0.0)
    believed: IPv6Network | None = None
    for seen, wait in steps:
        now += wait
        if seen is None or seen == believed:
            since = (None, now)
        elif seen != since[0]:
            since = (seen, now)
        expected = since[0] is not None and now - since[1] >= 10
        if expected:
            believed, since = seen, (None, now)
        assert follow.step(seen, 10, now, int(now)) == expected
        assert (follow.known.prefix if follow.known else None) == believed


def test_the_soonest_is_waited_for() -> None:
    follows = {"a": Follow(candidate=ONE, first=5.0), "b": Follow(candidate=TWO, first=1.0), "c": Follow()}
    settle = {"a": 1.0, "b": 10.0, "c": 1.0}
    assert soonest(follows, settle, 5.5) == 0.5
    assert soonest({"c": Follow()}, settle, 5.5) is None
