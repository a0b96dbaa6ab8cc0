"""The public address: which count, what answers say, who is believed, when something is sent."""

import itertools
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.state.wan import Family
from reconciler.wan import answer, found, publication
from reconciler.wan.found import Answer, Found, Verdict, agree, follow, next_question
from reconciler.wan.public import Address, Held, Refusal, flaw, of_interface
from reconciler.wan.publication import Cached, Do, Outcome, Record, Seen, Situation, decide

# Public by IANA's registries, and nobody's: the anycast address of 6to4 relays (RFC 7526), 6bone (RFC 3701).
NEW, OLD, V6 = ip_address("192.88.99.20"), ip_address("192.88.99.10"), ip_address("3ffe::20")


NOT_PUBLIC = """
10.1.2.3 172.16.0.1 192.168.1.4 100.64.0.1 169.254.1.1 127.0.0.1 0.0.0.0 224.0.0.1 255.255.255.255 240.0.0.1 203.0.113.7
198.51.100.7 192.0.2.7 198.18.0.1 ::1 :: fe80::1 fd12::1 ff02::1 2001:db8::1 2002:c058:6314::1 64:ff9b::c058:6314
::ffff:192.88.99.20 ::192.88.99.20 2001::1
"""


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_not_public(text: str) -> None:
    assert flaw(ip_address(text)) is not None


@pytest.mark.parametrize("address", [NEW, OLD, V6, ip_address("100.63.255.255"), ip_address("2601:40f:4100:13c2::1")])
def test_public(address: Address) -> None:
    assert flaw(address) is None


@pytest.mark.parametrize(
    ("held", "family", "wanted"),
    [
        ([Held(NEW)], "ipv4", NEW),
        ([Held(ip_address("192.168.1.2")), Held(NEW), Held(V6)], "ipv4", NEW),
        ([Held(NEW), Held(OLD, 0x01)], "ipv4", NEW),
        ([Held(V6), Held(ip_address("3ffe::1"), 0x01), Held(ip_address("fe80::1"))], "ipv6", V6),
        ([Held(V6, 0x80), Held(ip_address("3ffe::1"), 0x20)], "ipv6", V6),
        ([Held(V6, 0x40)], "ipv6", "tentative"),
        ([Held(V6, 0x48)], "ipv6", "failed its check"),
        ([Held(V6, 0x01)], "ipv6", "temporary"),
        ([Held(NEW), Held(OLD)], "ipv4", "2 public ipv4 addresses: 192.88.99.10, 192.88.99.20"),
        ([], "ipv4", "has no public ipv4 address"),
        ([Held(ip_address("10.0.0.1"))], "ipv4", "10.0.0.1 is private"),
    ],
)
def test_of_interface(held: list[Held], family: str, wanted: Any) -> None:
    said = of_interface("wan0", held, Family(family))
    assert wanted in said.reason if isinstance(said, Refusal) else said == wanted


def test_virtual_ips_are_not_the_public_address() -> None:
    said = of_interface("wan0", [Held(NEW), Held(OLD)], Family.IPV4, {NEW})
    assert said == OLD
    assert "is a virtual IP" in of_interface("wan0", [Held(NEW)], Family.IPV4, {NEW}).reason  # type: ignore[union-attr]


@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_no_answer_is_believed_by_mistake(data: bytes) -> None:
    for family in Family:
        said = answer.read(data, family)
        if isinstance(said, Refusal):
            assert said.reason.isprintable()
        else:
            assert ip_address(data.decode().strip()) == said
            assert said.version == family.version and flaw(said) is None


@given(st.ip_addresses(), st.sampled_from(["", "\n", " ", "\r\n"]), st.sampled_from(Family))
def test_an_address_alone_is_believed_if_it_is_public(address: Address, end: str, family: Family) -> None:
    said = answer.read(f"{address}{end}".encode(), family)
    assert (said == address) == (address.version == family.version and flaw(address) is None)


def test_records() -> None:
    assert answer.read_records(["192.88.99.20"], Family.IPV4) == NEW
    assert answer.read_records(["192.88.99.20", "edns0-client-subnet 1.2.3.0/24"], Family.IPV4) == NEW
    for texts in ([], ["192.88.99.20", "192.88.99.10"], ["x"], ["x" * 300]):
        assert isinstance(answer.read_records(texts, Family.IPV4), Refusal)


SAID = st.sampled_from([NEW, OLD, Refusal("no")])


@given(st.lists(SAID, min_size=1, max_size=6), st.integers(1, 4))
def test_agreement(said: list[Address | Refusal], need: int) -> None:
    asked: list[int] = []

    def ask(index: int) -> Answer:
        asked.append(index)
        return Answer(f"s{index}", said[index])

    verdict, answers = agree([lambda index=index: ask(index) for index in range(len(said))], need)
    assert asked == list(range(len(answers))), "in order, each once, none that is not needed"
    if isinstance(verdict.said, Refusal):
        assert len(answers) == len(said)
        assert all(said.count(address) < need for address in (NEW, OLD))
    else:
        assert len(verdict.by) == need
        assert [said[int(name[1:])] for name in verdict.by] == [verdict.said] * need


@given(st.lists(st.tuples(SAID, st.floats(0, 100)), max_size=8))
def test_a_refusal_changes_nothing_and_since_is_when_it_came(steps: list[tuple[Address | Refusal, float]]) -> None:
    now, believed = 0.0, None
    for said, later in steps:
        now += later
        after = follow(believed, Verdict(said, ("s",)), now)
        if isinstance(said, Refusal):
            assert after is believed
        else:
            assert after is not None and after.address == said
            kept = believed is not None and believed.address == said
            assert after.since == (believed.since if kept and believed else now)
        believed = after


@given(st.floats(0, 1e9), st.floats(1, 1e5), st.integers(0, 100), st.floats(0, 1))
def test_a_source_is_never_asked_more_often_than_configured(
    asked: float, every: float, failures: int, by: float
) -> None:
    due = next_question(asked, every, failures, by)
    assert asked + every <= due <= asked + max(every, 3600.0) * (1 + found.JITTER) + 1


NOW = 1_000_000.0
SHOWS_NEW = Seen(NOW - 1, {"a.": {str(NEW)}})
SHOWS_OLD = Seen(NOW - 0.5, {"a.": {str(OLD)}})


def situation(**options: Any) -> Situation:
    default: dict[str, Any] = {
        "address": NEW,
        "settled_at": NOW - 100,
        "record": Record(),
        "seen": SHOWS_OLD,
        "cache": Cached(),
        "digest": "d",
        "every": 300.0,
        "looks": 0,
    }
    return Situation(**{**default, **options})


def sent(outcome: Outcome, ago: float, **options: Any) -> Record:
    return replace(Record(address=str(NEW), sent=NOW - ago, outcome=outcome, digest="d", text="no"), **options)


@pytest.mark.parametrize(
    ("case", "do"),
    [
        (situation(), Do.SEND),
        (situation(settled_at=NOW + 1), Do.WAIT),
        (situation(seen=None), Do.LOOK),
        (situation(seen=replace(SHOWS_OLD, at=NOW - 150)), Do.LOOK),
        (situation(seen=replace(SHOWS_NEW, at=NOW - 300)), Do.CONFIRM),
        (situation(seen=replace(SHOWS_NEW, at=NOW - 3700)), Do.LOOK),
        # A clock that was set back: what was noted lies in the future.
        (situation(seen=replace(SHOWS_NEW, at=NOW + 9999)), Do.LOOK),
        (situation(record=sent(Outcome.FAILED, -99999, not_before=NOW + 99999)), Do.SEND),
        (situation(seen=SHOWS_NEW), Do.CONFIRM),
        (situation(seen=SHOWS_NEW, record=Record(confirmed=str(NEW), confirmed_at=NOW - 9)), Do.WAIT),
        (situation(seen=Seen(NOW - 0.5, {}, "down")), Do.WAIT),
        (situation(seen=Seen(NOW - 0.5, {"a.": {str(NEW)}, "b.": {str(OLD)}})), Do.SEND),
        (situation(seen=Seen(NOW - 0.5, {"a.": {str(NEW), str(OLD)}})), Do.SEND),
        (situation(seen=Seen(NOW - 0.5, {"a.": frozenset()})), Do.SEND),
        (situation(record=sent(Outcome.GOOD, 400)), Do.WAIT),
        (situation(record=sent(Outcome.GOOD, 400, digest="other")), Do.SEND),
        (situation(record=sent(Outcome.GOOD, 400, address=str(OLD))), Do.SEND),
        (situation(record=sent(Outcome.GOOD, 299, address=str(OLD))), Do.WAIT),
        (situation(record=sent(Outcome.SENDING, 299)), Do.WAIT),
        (situation(record=sent(Outcome.SENDING, 301)), Do.SEND),
        (situation(record=sent(Outcome.SENDING, 9), cache=Cached(str(NEW), True, NOW - 8)), Do.ADOPT),
        (situation(cache=Cached(str(NEW), True, NOW - 8)), Do.ADOPT),
        (situation(cache=Cached(str(OLD), True, NOW - 8)), Do.SEND),
        (situation(cache=Cached(str(NEW), False, NOW - 8)), Do.SEND),
        (situation(cache=Cached(wait_until=NOW + 60)), Do.WAIT),
        (situation(record=sent(Outcome.FAILED, 400, not_before=NOW + 1)), Do.WAIT),
        (situation(record=sent(Outcome.FAILED, 400, not_before=NOW - 1)), Do.SEND),
        (situation(record=sent(Outcome.FAILED, 400, not_before=NOW + 1, address=str(OLD))), Do.WAIT),
        (situation(record=sent(Outcome.FAILED, 400, not_before=NOW + 1, digest="other")), Do.SEND),
        (situation(record=sent(Outcome.REFUSED, 1e6)), Do.WAIT),
        (situation(record=sent(Outcome.REFUSED, 1e6, address=str(OLD))), Do.WAIT),
        (situation(record=sent(Outcome.REFUSED, 1e6, digest="other")), Do.SEND),
        # The address went and came back, and what was sent in between is still to show.
        (situation(seen=SHOWS_NEW, record=sent(Outcome.GOOD, 400, address=str(OLD))), Do.LOOK),
        (
            situation(
                seen=replace(SHOWS_NEW, at=NOW - 0.5),
                record=sent(Outcome.GOOD, 400, address=str(OLD), confirmed=str(NEW), confirmed_at=NOW - 900),
            ),
            Do.SEND,
        ),
    ],
)
def test_decisions(case: Situation, do: Do) -> None:
    step = decide(case, NOW)
    assert step.do is do, step
    if do is Do.WAIT:
        assert step.until > NOW, "it would be asked again and again"
        assert step.why


@pytest.mark.parametrize(
    ("case", "stuck"),
    [
        (situation(record=sent(Outcome.GOOD, 400)), False),
        (situation(record=sent(Outcome.GOOD, publication.PATIENCE + 1)), True),
        (situation(record=sent(Outcome.REFUSED, 400)), True),
        (situation(seen=Seen(NOW - 0.5, {}, "down")), True),
    ],
)
def test_who_is_told(case: Situation, stuck: bool) -> None:
    assert decide(case, NOW).stuck is stuck


ADDRESSES = st.sampled_from([NEW, OLD])


@given(st.data())
def test_whatever_happens_no_address_is_sent_twice_in_a_row_while_it_is_on_its_way(data: st.DataObject) -> None:
    """A world in which the provider takes everything, and public DNS follows after a while."""
    now, record, shown, pending = NOW, Record(), str(OLD), (0.0, str(OLD))
    address, since = NEW, now
    sendings: list[tuple[float, str]] = []
    seen: Seen | None = None
    for _ in range(60):
        if data.draw(st.integers(0, 9)) == 0:
            address, since, seen = data.draw(ADDRESSES), now, None
        if now >= pending[0]:
            shown = pending[1]
        if data.draw(st.integers(0, 19)) == 0:
            seen = None  # A failover.
        case = situation(address=address, settled_at=since, record=record, seen=seen, every=300.0)
        step = decide(case, now)
        if step.do is Do.LOOK:
            seen = Seen(now, {"a.": {shown}})
            now += 0.01
        elif step.do is Do.CONFIRM:
            record = replace(record, confirmed=str(address), confirmed_at=now)
        elif step.do is Do.SEND:
            sendings.append((now, str(address)))
            record = replace(record, address=str(address), sent=now, outcome=Outcome.GOOD, digest="d")
            pending = (now + data.draw(st.floats(0, 900)), str(address))
        else:
            now = max(min(step.until, now + 600), now + 0.01)
    for (before, first), (after, second) in itertools.pairwise(sendings):
        assert first != second
        assert after - before >= 300


def test_failures_wait_longer_each_time_up_to_six_hours() -> None:
    waits = [publication.after_failure(count) for count in range(1, 40)]
    assert waits[:3] == [300.0, 600.0, 1200.0]
    assert waits == sorted(waits)
    assert waits[-1] == 6 * 3600


def test_found_settles() -> None:
    assert found.settled(Found(NEW, 5.0, ()), 10.0) == 15.0
