"""Dynamic zones on a real named, changed by signed updates: alone, beside others, and with what goes wrong."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import dns.rcode
import pytest
from bindlab import Lab, dynamic, site, zone
from servers import wait_until

from reconciler.dns import serials
from reconciler.dns.records import RRset
from reconciler.dns.serials import SerialStyle
from reconciler.errors import ApplyFailed, Temporary
from reconciler.services.bind import sender
from reconciler.services.bind.keys import read_key_file
from reconciler.services.bind.render import key_clause
from reconciler.services.bind.rndc import Rndc
from reconciler.services.bind.sender import Sender
from reconciler.services.bind.update import _Session
from reconciler.site import SiteZone
from reconciler.state.schema import KeepRule

pytestmark = pytest.mark.real

Z = "dyn.net."
PLACE = ("dyn.net", "IN", "_default")
KEPT = (KeepRule(name="_acme-challenge", types=["TXT"]),)


@pytest.fixture
def freezes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Zones that were frozen, which means that a new file was written."""
    found: list[str] = []
    freeze = Rndc.freeze
    monkeypatch.setattr(Rndc, "freeze", lambda rndc, name: (found.append(name), freeze(rndc, name))[1])
    return found


def leased(item: SiteZone, *names: str) -> SiteZone:
    """All RRsets of these owners, or of owners that begin with `lease`, come from leases."""
    owners = {f"{name}.{item.zone.name}" for name in names}
    keys = (key for key in item.zone.rrsets if key[0] in owners or key[0].startswith("lease"))
    return replace(item, leases=frozenset(keys))


def with_leases(count: int, *records: str, first: int = 0, ttl: int = 60) -> SiteZone:
    """A zone with `count` leases, each with an A and an AAAA."""
    item = dynamic(Z, *records)
    rrsets = dict(item.zone.rrsets)
    for n in range(first, first + count):
        owner = f"lease{n}.{Z}"
        rrsets[owner, "A"] = RRset(owner, ttl, "A", (f"10.0.{n // 256}.{n % 256}",))
        rrsets[owner, "AAAA"] = RRset(owner, ttl, "AAAA", (f"2001:db8::{n + 1:x}",))
    return leased(replace(item, zone=replace(item.zone, rrsets=rrsets)))


def raised(error: Exception) -> None:
    raise error


def before_each_send(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], object]) -> list[int]:
    """Call `act` with the number of the message, from 0, right before it is sent; gives those numbers."""
    send, numbers = Sender.send, list[int]()

    def acted(own: Sender, *arguments: object, **options: object) -> dns.rcode.Rcode:
        numbers.append(len(numbers))
        act(numbers[-1])
        return send(own, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Sender, "send", acted)
    return numbers


def test_one_record_is_served_without_touching_the_file(lab: Lab, freezes: list[str]) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    before, file = lab.zone_deployed(Z), lab.file("dyn.net").read_bytes()
    outcome = lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.3")))
    assert outcome is not None
    assert lab.ask("b.dyn.net.") == ["192.0.2.3"]
    assert outcome.zones[Z].serial == lab.serial(Z) == before.serial + 1
    assert outcome.zones[Z].file_digest == before.file_digest
    assert outcome.actions == ("dynamic update of dyn.net",)
    assert outcome.drift == ()
    assert freezes == []
    assert lab.file("dyn.net").read_bytes() == file
    assert lab.drift(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.3"))) == ()
    assert lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.3"))) is None


STATES: tuple[tuple[str, ...], ...] = (
    (
        "a 60 A 192.0.2.1",
        "a 60 A 192.0.2.2",
        "a 60 AAAA 2001:db8::1",
        "m 60 MX 10 a",
        't 60 TXT "x y"',
        "* 60 A 192.0.2.9",
    ),
    ("a 60 A 192.0.2.2", "a 60 A 192.0.2.3", "m 30 MX 20 a", 't 60 TXT "x y" "z;"', "_s._tcp 60 SRV 0 0 5 a"),
    (
        "a 30 A 192.0.2.2",
        "a 30 A 192.0.2.3",
        "c.b 60 CNAME a",
        "sub 60 NS ns.sub",
        "ns.sub 60 A 192.0.2.4",
        "m 60 CNAME a",
    ),
    (
        "@ 3600 NS second.example.",
        "@ 60 CAA 0 issue x.example",
        "m 60 A 192.0.2.7",
        "sub 60 A 192.0.2.4",
        r"odd\.one 60 TXT x",
    ),
    (
        "@ 3600 NS second.example.",
        "sub 60 TYPE65280 \\# 2 abcd",
        "sub 60 DS 1 8 2 " + "ab" * 32,
        "sub 60 NS other.example.",
    ),
    (),
)


def test_what_is_served_is_what_is_wanted_after_every_kind_of_change(lab: Lab, freezes: list[str]) -> None:
    lab.apply(site(dynamic(Z)))
    for records in (*STATES, *reversed(STATES)):
        wanted = site(dynamic(Z, *records))
        lab.apply(wanted)
        assert freezes == []
        lab.bind = lab.new_bind()
        lab.deployed = replace(lab.deployed, zones={Z: replace(lab.zone_deployed(Z), serial=1)})
        assert lab.drift(wanted) == (), "the whole zone is compared, because its serial is not the one deployed"


def test_all_name_servers_of_the_zone_are_replaced_and_get_a_new_ttl(lab: Lab, freezes: list[str]) -> None:
    item = dynamic(Z)
    lab.apply(site(item))
    for servers, ttl in ((("one.example.", "two.example."), 60), (("three.example.",), 60), (("three.example.",), 30)):
        rrsets = {(Z, "NS"): RRset(Z, ttl, "NS", tuple(sorted(servers)))}
        lab.apply(site(replace(item, zone=replace(item.zone, rrsets=rrsets))))
        assert lab.ask(Z, "NS") == sorted(servers)
    assert freezes == []


def test_last_record_of_a_name_goes_with_it_and_a_ttl_changes(lab: Lab) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.3")))
    lab.apply(site(dynamic(Z, "b 30 A 192.0.2.3")))
    assert lab.rcode("a.dyn.net.") == "NXDOMAIN"
    assert lab.server.ask("b.dyn.net.", "A").answer[0].ttl == 30


def test_classless_reverse_zone(lab: Lab, freezes: list[str]) -> None:
    name = "192/26.113.0.203.in-addr.arpa."
    lab.apply(site(dynamic(name)))
    lab.apply(site(leased(dynamic(name, "200 60 PTR a.dyn.net."), "200")))
    assert lab.ask(f"200.{name}", "PTR") == ["a.dyn.net."]
    assert lab.zone_deployed(name).leases == {(f"200.{name}", "PTR")}
    lab.apply(site(dynamic(name)))
    assert lab.rcode(f"200.{name}", "PTR") == "NXDOMAIN"
    assert freezes == []


@pytest.mark.parametrize("style", list(SerialStyle))
def test_serials_follow_the_style_of_the_zone_over_many_messages(lab: Lab, style: SerialStyle) -> None:
    lab.apply(site(replace(dynamic(Z), serial=style)))
    outcome = lab.apply(site(replace(with_leases(5000), serial=style)))
    assert outcome is not None
    first = lab.deployed.zones[Z].serial
    assert first == lab.serial(Z)
    lab.apply(site(replace(with_leases(1), serial=style)))
    assert serials.newer(lab.serial(Z), first)
    lowest = {SerialStyle.DATE: 2026_00_00_00, SerialStyle.UNIXTIME: 1_700_000_000, SerialStyle.INCREMENT: 1}[style]
    assert lowest < lab.serial(Z) < 4_000_000_000


def test_thousands_of_leases_come_and_go_in_few_messages_without_a_checker(
    lab: Lab, freezes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    monkeypatch.setattr("reconciler.services.bind.check.Checker.zone", None)
    numbers = before_each_send(monkeypatch, lambda _: None)
    wanted = with_leases(5000, "a 60 A 192.0.2.2")
    first = lab.serial(Z)
    outcome = lab.apply(site(wanted))
    assert outcome is not None
    assert 2 <= len(numbers) <= 6
    assert outcome.zones[Z].serial == lab.serial(Z) == first + len(numbers)
    assert outcome.zones[Z].leases == wanted.leases
    assert lab.ask("lease4999.dyn.net.") == ["10.0.19.135"]
    lab.apply(site(with_leases(4990, "a 60 A 192.0.2.2", first=10, ttl=90)))
    assert lab.rcode("lease9.dyn.net.") == "NXDOMAIN"
    assert lab.server.ask("lease10.dyn.net.", "AAAA").answer[0].ttl == 90
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert lab.rcode("lease4999.dyn.net.") == "NXDOMAIN"
    assert freezes == []
    lab.named.kill()
    lab.named.start()
    lab.server.close()
    assert lab.serial(Z) == lab.zone_deployed(Z).serial
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]


def test_a_push_is_atomic_or_goes_by_a_new_file(lab: Lab, freezes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lab.apply(site(dynamic(Z)))
    numbers = before_each_send(monkeypatch, lambda _: None)
    few = [f"h{n} 60 A 192.0.2.1" for n in range(1000)]
    lab.apply(site(dynamic(Z, *few)))
    assert numbers == [0]
    many = [f"h{n} 60 A 192.0.2.2" for n in range(5000)]
    lab.apply(site(dynamic(Z, *many)))
    assert freezes == [Z]
    assert numbers == [0]
    soa = replace(dynamic(Z, *many).zone.soa, minimum=17)
    lab.apply(site(replace(dynamic(Z, *many), zone=replace(dynamic(Z, *many).zone, soa=soa))))
    assert freezes == [Z, Z]
    assert lab.ask(Z, "SOA")[0].endswith(" 17")


def test_a_push_is_checked_and_refused_before_anything_is_sent(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.errors import Refused

    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    numbers = before_each_send(monkeypatch, lambda _: None)
    with pytest.raises(Refused, match="CNAME and other data"):
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "a 60 CNAME b")))
    assert numbers == []


def test_records_of_others_stay_and_are_found_when_it_is_looked_for_them(lab: Lab, freezes: list[str]) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.2", keep=KEPT)))
    lab.update(
        Z,
        "update add a.dyn.net. 60 A 192.0.2.66",
        "update add _acme-challenge.dyn.net. 60 TXT t",
        "update add x.dyn.net. 60 A 192.0.2.66",
        "update delete b.dyn.net. A",
    )
    ahead = lab.serial(Z)
    wanted = site(dynamic(Z, "a 60 A 192.0.2.3", "b 60 A 192.0.2.2", keep=KEPT))
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert freezes == []
    assert outcome.zones[Z].serial == lab.serial(Z) > ahead
    assert lab.ask("a.dyn.net.") == ["192.0.2.3", "192.0.2.66"]
    assert lab.ask("_acme-challenge.dyn.net.", "TXT") == ['"t"']
    found = [
        ("+", "a.dyn.net. 60 A 192.0.2.66"),
        ("-", "b.dyn.net. 60 A 192.0.2.2"),
        ("+", "x.dyn.net. 60 A 192.0.2.66"),
    ]
    assert [(item.change, item.text) for item in lab.drift(wanted)] == found
    later = site(dynamic(Z, "a 60 A 192.0.2.3", "b 60 A 192.0.2.2", "c 60 A 192.0.2.4", keep=KEPT))
    outcome = lab.apply(later)
    assert outcome is not None
    assert [(item.change, item.text) for item in outcome.drift] == found, "it still stands"
    assert [(item.change, item.text) for item in lab.drift(later)] == found
    lab.apply(site(dynamic(Z, "b 60 A 192.0.2.2", keep=KEPT)))
    assert lab.ask("a.dyn.net.") == ["192.0.2.66"]


def test_a_zone_where_nobody_else_was_is_not_read_whole(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.apply(site(dynamic(Z, keep=KEPT)))
    lab.update(Z, "update add _acme-challenge.dyn.net. 60 TXT t")
    assert lab.drift(site(dynamic(Z, keep=KEPT))) == ()
    monkeypatch.setattr("reconciler.services.bind.drift.transfer", None)
    for n in range(2, 5):
        wanted = site(dynamic(Z, f"a 60 A 192.0.2.{n}", keep=KEPT))
        lab.apply(wanted)
        assert lab.drift(wanted) == ()


def test_drift_that_is_to_be_healed_goes_by_a_new_file(lab: Lab, freezes: list[str]) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", drift="heal")))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    wanted = site(dynamic(Z, "a 60 A 192.0.2.3", drift="heal"))
    lab.apply(wanted)
    assert freezes == []
    (found,) = lab.drift(wanted)
    assert found.text == "x.dyn.net. 60 A 192.0.2.66"
    wanted = site(dynamic(Z, "a 60 A 192.0.2.4", drift="heal"))
    lab.apply(wanted)
    assert freezes == [Z]
    assert lab.ask("a.dyn.net.") == ["192.0.2.4"]
    assert lab.rcode("x.dyn.net.") == "NXDOMAIN"
    assert lab.drift(wanted) == ()


def test_an_update_of_others_between_reading_and_sending_is_noticed_and_gone_over(
    lab: Lab, freezes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(site(dynamic(Z)))
    wanted = site(dynamic(Z, "a 60 A 192.0.2.2"))
    numbers = before_each_send(
        monkeypatch, lambda n: n < 3 and lab.update(Z, f"update add x{n}.dyn.net. 60 A 192.0.2.66")
    )
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert numbers == [0, 1, 2, 3]
    assert freezes == []
    assert outcome.zones[Z].serial == lab.serial(Z) == 5
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    assert [item.text for item in lab.drift(wanted)] == [f"x{n}.dyn.net. 60 A 192.0.2.66" for n in range(3)]


def test_others_who_update_without_a_pause_are_stopped_by_freezing(
    lab: Lab, freezes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(site(dynamic(Z)))
    before_each_send(monkeypatch, lambda n: lab.update(Z, f"update add x{n}.dyn.net. 60 A 192.0.2.66"))
    outcome = lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert outcome is not None
    assert freezes == [Z]
    assert outcome.actions == ("rndc freeze, reload, thaw dyn.net",)
    assert len(outcome.drift) == 5
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    assert not lab.frozen(Z)


@pytest.fixture
def busy(lab: Lab) -> Iterator[list[str]]:
    """Somebody adds records all the time; gives the names that were acknowledged."""
    added: list[str] = []
    done = threading.Event()

    def update() -> None:
        n = 0
        while not done.is_set():
            n += 1
            if lab.update(Z, f"update add x{n}.dyn.net. 60 A 192.0.2.66").returncode == 0:
                added.append(f"x{n}.dyn.net.")

    thread = threading.Thread(target=update)
    thread.start()
    yield added
    done.set()
    thread.join()


def test_no_update_is_lost_while_somebody_else_updates_all_the_time(lab: Lab, busy: list[str]) -> None:
    lab.apply(site(dynamic(Z)))
    for n in range(40):
        lab.apply(site(dynamic(Z, *(f"a{m} 60 A 192.0.2.{n + 1}" for m in range(n % 7 + 1)))))
        assert lab.ask("a0.dyn.net.") == [f"192.0.2.{n + 1}"]
    wait_until(lambda: len(busy) > 10, what="updates of others")
    assert all(lab.ask(name) == ["192.0.2.66"] for name in list(busy))


def test_a_zone_frozen_by_somebody_goes_by_a_new_file(lab: Lab, freezes: list[str]) -> None:
    lab.apply(site(dynamic(Z)))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    lab.freeze("dyn.net")
    outcome = lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert outcome is not None
    assert freezes == [Z]
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]
    assert not lab.frozen(Z)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"secret": "b3RoZXIgc2VjcmV0IG9mIGFub3RoZXI="}, "BADSIG"), ({"name": "stranger"}, "BADKEY")],
)
def test_a_key_that_named_does_not_have_is_told(lab: Lab, change: dict[str, str], words: str) -> None:
    lab.apply(site(dynamic(Z)))
    staged = lab.stage(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert staged is not None
    key = read_key_file(lab.folder / "reconciler.key")._replace(**change)
    (lab.folder / "reconciler.key").write_text(key_clause(key))
    with pytest.raises(ApplyFailed, match=words) as raised:
        staged.commit(lab.said.append)
    assert key.secret not in str(raised.value)
    assert lab.rcode("a.dyn.net.") == "NXDOMAIN"


def test_a_new_key_of_our_own_is_taken_over_with_a_change(lab: Lab, freezes: list[str]) -> None:
    from reconciler.services.bind.keys import new_key_text

    lab.apply(site(dynamic(Z)))
    (lab.folder / "reconciler.key").write_text(new_key_text())
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert freezes == [Z]
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3")))
    assert freezes == [Z]
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]


@pytest.mark.parametrize("skew", [-1000, 1000])
def test_clocks_that_differ_are_told(lab: Lab, monkeypatch: pytest.MonkeyPatch, skew: int) -> None:
    lab.apply(site(dynamic(Z)))

    class Clock:
        @staticmethod
        def time() -> float:
            import time

            return time.time() + skew

    with monkeypatch.context() as patch, pytest.raises(ApplyFailed, match=r"BADTIME.*clock"):
        patch.setattr(sender, "time", Clock)
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert lab.rcode("a.dyn.net.") == "NXDOMAIN"
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))


def test_a_journal_that_named_cannot_write_is_told_with_its_owner(lab_as_bind: Lab) -> None:
    lab = lab_as_bind
    lab.apply(site(dynamic(Z)))
    zones = lab.folder / "zones"
    zones.chmod(0o2750)
    with pytest.raises(ApplyFailed, match=r"SERVFAIL.*cannot write .*dyn\.net\.jnl \(root:bind, mode 2750\)"):
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert lab.rcode("a.dyn.net.") == "NXDOMAIN"
    zones.chmod(0o2770)
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]


def test_a_journal_of_another_owner_fails_the_second_change_and_leaves_the_first(lab_as_bind: Lab) -> None:
    lab = lab_as_bind
    lab.apply(site(dynamic(Z)))
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    journal = lab.file("dyn.net.jnl")
    os.chown(journal, 0, 0)
    journal.chmod(0o600)
    with pytest.raises(ApplyFailed, match=r"SERVFAIL.*dyn\.net\.jnl \(root:root, mode 0600\)"):
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3")))
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]


@pytest.mark.parametrize("by_file", [False, True], ids=["then by updates", "then by a new file"])
@pytest.mark.parametrize("named_dies", [False, True], ids=["named lives", "named dies"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_cut_between_messages_is_finished_later_and_nothing_of_ours_is_taken_for_foreign(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, at: int, named_dies: bool, by_file: bool
) -> None:
    class Cut(BaseException):
        pass

    def cut(number: int) -> None:
        if number == at:
            if named_dies:
                lab.named.kill()
            else:
                raise Cut

    old = with_leases(3000, "a 60 A 192.0.2.2")
    lab.apply(site(old))
    with monkeypatch.context() as patch:
        numbers = before_each_send(patch, cut)
        with pytest.raises(Temporary if named_dies else Cut):
            lab.apply(site(with_leases(3000, "a 60 A 192.0.2.2", first=2000, ttl=30)))
    assert len(numbers) == at + 1
    if named_dies:
        lab.named.start()
        lab.server.close()
    lab.bind = lab.new_bind()
    lab.recover()
    if by_file:
        monkeypatch.setattr("reconciler.services.bind.update.plan", lambda *_: None)
    wanted = site(with_leases(10, "a 60 A 192.0.2.2", first=4500))
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert outcome.drift == ()
    lab.bind = lab.new_bind()
    lab.deployed = replace(lab.deployed, zones={Z: replace(lab.zone_deployed(Z), serial=1)})
    assert lab.drift(wanted) == (), "the whole zone is compared"


@pytest.mark.parametrize("taken", [False, True])
def test_an_answer_that_is_lost_makes_it_be_said_again(
    lab: Lab, freezes: list[str], monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    exchange, lost = Sender._exchange, list[int]()

    def lossy(own: Sender, wire: bytes) -> bytes:
        if lost:
            return exchange(own, wire)
        lost.append(1)
        if taken:
            exchange(own, wire)
        raise TimeoutError("timed out")

    monkeypatch.setattr(Sender, "_exchange", lossy)
    wanted = site(dynamic(Z, "b 60 A 192.0.2.3"))
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert freezes == []
    assert outcome.zones[Z].serial == lab.serial(Z)
    assert lab.ask("b.dyn.net.") == ["192.0.2.3"]
    assert lab.rcode("a.dyn.net.") == "NXDOMAIN"
    assert lab.drift(wanted) == ()


def test_updates_that_are_never_answered_are_worth_another_try(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: Sender, __: bytes) -> bytes:
        raise TimeoutError("timed out")

    lab.apply(site(dynamic(Z)))
    wanted = site(dynamic(Z, "a 60 A 192.0.2.2"))
    with monkeypatch.context() as patch, pytest.raises(Temporary, match="timed out"):
        patch.setattr(Sender, "_exchange", silent)
        lab.apply(wanted)
    lab.apply(wanted)
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]


def test_named_away_is_temporary(lab: Lab) -> None:
    lab.apply(site(dynamic(Z)))
    staged = lab.stage(site(dynamic(Z, "a 60 A 192.0.2.2")))
    assert staged is not None
    lab.named.stop()
    with pytest.raises(Temporary):
        staged.commit(lab.said.append)


def test_what_was_taken_unseen_goes_when_the_change_is_reverted_while_named_is_away(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = site(dynamic(Z, "a 60 A 192.0.2.2"))
    lab.apply(first)
    with monkeypatch.context() as patch, pytest.raises(Temporary):
        patch.setattr(_Session, "_verify", lambda *_: raised(Temporary("named went away")))
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "x 60 A 192.0.2.99")))
    assert lab.ask("x.dyn.net.") == ["192.0.2.99"]
    pending = lab.deployed.pending
    lab.named.stop()
    with pytest.raises(Temporary, match="named does not answer"):
        lab.apply(first)
    assert lab.deployed.pending == pending
    lab.named.start()
    lab.server.close()
    outcome = lab.apply(first)
    assert outcome is not None
    assert outcome.drift == ()
    assert lab.rcode("x.dyn.net.") == "NXDOMAIN"


@pytest.mark.parametrize("by_file", [False, True])
def test_what_was_taken_unseen_goes_also_when_the_revert_is_cut_off(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, by_file: bool
) -> None:
    first = site(dynamic(Z, "a 60 A 192.0.2.2"))
    lab.apply(first)
    with monkeypatch.context() as patch, pytest.raises(Temporary):
        patch.setattr(_Session, "_verify", lambda *_: raised(Temporary("named went away")))
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "x 60 A 192.0.2.99")))
    lab.update(Z, "update add y.dyn.net. 60 A 192.0.2.66")
    for hosts in (("a",), ("a", "b"), ("a", "c"), ("c",)):
        with monkeypatch.context() as patch, pytest.raises(Temporary):
            patch.setattr(_Session, "_send", lambda *_: raised(Temporary("named does not take it")))
            lab.apply(site(dynamic(Z, *(f"{host} 60 A 192.0.2.2" for host in hosts))))
    lab.bind = lab.new_bind()
    if by_file:
        monkeypatch.setattr("reconciler.services.bind.update.plan", lambda *_: None)
    lab.apply(first)
    assert lab.rcode("x.dyn.net.") == "NXDOMAIN"
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    assert [item.text for item in lab.drift(first)] == ["y.dyn.net. 60 A 192.0.2.66"]


CLASHES = [
    ("update add c.dyn.net. 60 A 192.0.2.66", "c 60 CNAME a"),
    ("update add c.dyn.net. 60 CNAME elsewhere.example.", "c 60 A 192.0.2.4"),
]


@pytest.mark.parametrize(("foreign", "ours"), CLASHES)
def test_a_record_that_named_leaves_out_in_silence_is_noticed_and_all_is_put_back(
    lab: Lab, freezes: list[str], foreign: str, ours: str
) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.2")))
    lab.update(Z, foreign)
    with pytest.raises(ApplyFailed, match=r"c\.dyn\.net\..*do others have records there.*served again, with serial 4"):
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3", ours)))
    assert lab.ask("a.dyn.net.") == lab.ask("b.dyn.net.") == ["192.0.2.2"]
    assert lab.serial(Z) == 4
    assert freezes == []
    wanted = site(dynamic(Z, "a 60 A 192.0.2.3", "b 60 A 192.0.2.2"))
    lab.apply(wanted)
    assert [item.text for item in lab.drift(wanted)] == [foreign.removeprefix("update add ")]


def test_what_cannot_be_put_back_by_updates_is_put_back_by_a_new_file(
    lab: Lab, freezes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    lab.update(Z, "update add c.dyn.net. 60 A 192.0.2.66")
    before_each_send(monkeypatch, lambda n: n and lab.freeze("dyn.net"))
    with pytest.raises(ApplyFailed, match="served again"):
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3", "c 60 CNAME a")))
    assert freezes == [Z]
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    assert lab.ask("c.dyn.net.") == ["192.0.2.66"]
    assert not lab.frozen(Z)


def test_a_zone_that_goes_wrong_puts_back_those_that_went_well(lab: Lab) -> None:
    lab.apply(site(dynamic("first.net.", "a 60 A 192.0.2.2"), dynamic(Z, "a 60 A 192.0.2.2")))
    lab.update(Z, "update add c.dyn.net. 60 A 192.0.2.66")
    with pytest.raises(ApplyFailed):
        lab.apply(site(dynamic("first.net.", "a 60 A 192.0.2.3"), dynamic(Z, "c 60 CNAME a")))
    assert lab.ask("a.first.net.") == lab.ask("a.dyn.net.") == ["192.0.2.2"]


@pytest.mark.parametrize("frozen", [False, True])
def test_undo_takes_our_change_out_and_leaves_what_others_did_since(lab: Lab, freezes: list[str], frozen: bool) -> None:
    wanted = leased(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.2"), "b")
    lab.apply(site(wanted))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    staged = lab.stage(site(dynamic(Z, "a 30 A 192.0.2.2", "a 30 A 192.0.2.3")))
    assert staged is not None
    first = staged.commit(lab.said.append)
    assert lab.rcode("b.dyn.net.") == "NXDOMAIN"
    lab.update(Z, "update add y.dyn.net. 60 A 192.0.2.66")
    if frozen:
        lab.freeze("dyn.net")
    undone = staged.undo(lab.said.append)
    assert freezes == ([Z] if frozen else [])
    assert lab.ask("a.dyn.net.") == lab.ask("b.dyn.net.") == ["192.0.2.2"]
    assert lab.server.ask("a.dyn.net.", "A").answer[0].ttl == 60
    assert undone.zones[Z].serial == lab.serial(Z) > first.zones[Z].serial
    assert undone.zones[Z].zone.rrsets == wanted.zone.rrsets
    assert undone.zones[Z].leases == wanted.leases
    lab.deployed = replace(lab.deployed, zones=undone.zones, pending={})
    assert [item.text for item in lab.drift(site(wanted))] == [f"{n}.dyn.net. 60 A 192.0.2.66" for n in "xy"]


def test_what_others_did_before_an_undo_is_found(lab: Lab) -> None:
    wanted = site(dynamic(Z, "a 60 A 192.0.2.2"))
    lab.apply(wanted)
    staged = lab.stage(site(dynamic(Z, "a 60 A 192.0.2.3")))
    assert staged is not None
    staged.commit(lab.said.append)
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    undone = staged.undo(lab.said.append)
    lab.deployed = replace(lab.deployed, zones=undone.zones, pending={})
    assert [item.text for item in lab.drift(wanted)] == ["x.dyn.net. 60 A 192.0.2.66"]


def test_updates_and_new_files_take_turns(lab: Lab, freezes: list[str]) -> None:
    lab.apply(site(dynamic(Z, keep=KEPT)))
    for n in range(1, 4):
        lab.apply(site(dynamic(Z, f"a 60 A 192.0.2.{n}", keep=KEPT)))
        lab.update(Z, f"update add _acme-challenge.dyn.net. 60 TXT t{n}")
        item = dynamic(Z, f"b 60 A 192.0.2.{n}", keep=KEPT)
        wanted = replace(item, zone=replace(item.zone, soa=replace(item.zone.soa, minimum=n)))
        lab.apply(site(wanted))
        assert freezes == [Z] * (2 * n - 1)
        assert lab.drift(site(wanted)) == ()
        lab.apply(site(dynamic(Z, keep=KEPT)))
        assert lab.ask("_acme-challenge.dyn.net.", "TXT") == [f'"t{m}"' for m in range(1, n + 1)]
    lab.named.kill()
    lab.named.start()
    lab.server.close()
    assert lab.serial(Z) == lab.zone_deployed(Z).serial
    assert zone(Z).rrsets == lab.zone_deployed(Z).zone.rrsets
