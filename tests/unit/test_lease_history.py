"""The lease history's pure part: the tree and its lines, what a query means, the times that people write."""

import contextlib
import os
import re
import time
from ipaddress import IPv4Address, IPv6Address, ip_address

import click
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.audit import lease_tree
from reconciler.audit.lease_query import Wanted
from reconciler.audit.lease_tree import RecordedLease
from reconciler.cli.leases import command, parse_moment
from reconciler.leases.lease import Lease

HOSTILE = ["", "-", "%", "a b", "a\nb", "a\r\x85\u2028b", '"x"; y', "\x1b[31mred", "\x00", "%41", "ä", "\udcff", "a=b"]
CALENDAR_END = 253402300800

texts = st.none() | st.sampled_from(HOSTILE) | st.text(max_size=20) | st.text(st.characters(categories=["Cs"]))
times = st.integers(-(10**20), 10**20) | st.integers(0, 2**32)
addresses = st.builds(IPv4Address, st.integers(0, 2**32 - 1)) | st.builds(IPv6Address, st.integers(0, 2**128 - 1))
near = st.sampled_from([ip_address(text) for text in ("10.0.0.1", "10.0.0.2", "10.0.0.16", "2001:db8::1", "::ff01")])
macs = st.none() | st.sampled_from(["52:54:00:00:00:01", "52:54:00:00:00:02"])


def leases(of: st.SearchStrategy) -> st.SearchStrategy[Lease]:
    return st.builds(
        Lease,
        of,
        macs,
        texts,
        st.none() | times,
        client_id=texts,
        duid=texts,
        iaid=st.none() | st.integers(0, 2**32 - 1),
        temporary=st.booleans(),
    )


def records(of: st.SearchStrategy = addresses) -> st.SearchStrategy[RecordedLease]:
    return st.builds(RecordedLease, leases(of), texts, times)


trees = st.lists(records(near), max_size=6).map(lambda found: {record.address: record for record in found})


def lease(address: str = "192.168.3.57", mac: str | None = "52:54:00:12:34:56", name: str | None = "phone") -> Lease:
    return Lease(ip_address(address), mac, name, 1_800_000_000)


@given(records())
@example(RecordedLease(lease(name="phone"), "phone.example.org.", CALENDAR_END))
def test_line_is_read_as_it_was_written_and_is_one_printable_line(record):
    data = lease_tree.write([record])
    assert data is not None
    assert lease_tree.read(data) == {record.address: record}
    text = data.decode()
    assert text.endswith("\n") and text[:-1].isprintable()


@given(st.lists(records(near)), st.binary())
def test_unreadable_lines_are_left_out_and_nothing_raises(found, junk):
    by_address = {record.address: record for record in found}
    data = b"junk\n1.2.3.4 - - - since=never\n\n" + (lease_tree.write(by_address.values()) or b"")
    assert lease_tree.read(data) == by_address
    lease_tree.read(junk)


def test_line_is_for_people():
    record = RecordedLease(
        Lease(ip_address("192.168.3.57"), "52:54:00:12:34:56", "my phone", 1_800_000_000, client_id="01:52"),
        "my-phone.example.org.",
        1_763_409_600,
    )
    assert lease_tree.write([record]) == (
        b"192.168.3.57 52:54:00:12:34:56 my%20phone my-phone.example.org. since=2025-11-17T20:00:00Z"
        b" expires=2027-01-15T08:00:00Z id=01:52\n"
    )


@given(trees, trees)
def test_files_after_a_change_are_those_of_a_snapshot(old, new):
    files = {name: data for name, data in lease_tree.snapshot(old.values()).items() if data}
    changes = {address: new.get(address) for address in old.keys() | new.keys()}
    for name, data in lease_tree.changed(files, changes).items():
        if data is None:
            files.pop(name, None)
        else:
            files[name] = data
    assert files == lease_tree.snapshot(new.values())


@given(trees, near)
def test_a_change_touches_one_file_and_keeps_the_others_lines(old, address):
    files = {name: data for name, data in lease_tree.snapshot(old.values()).items() if data}
    written = lease_tree.changed(files, {address: None})
    assert list(written) == [lease_tree.path(address)]
    kept = {each: record for each, record in old.items() if each != address}
    merged = {**files, **written}
    assert {a: r for data in merged.values() for a, r in lease_tree.read(data or b"").items()} == kept


def test_paths():
    assert lease_tree.path(ip_address("192.168.3.57")) == "ipv4/192.168/3/48-63"
    assert lease_tree.path(ip_address("10.0.0.255")) == "ipv4/10.0/0/240-255"
    assert lease_tree.path(ip_address("2001:db8:0:1::1fc9")) == "ipv6/2001-db8-0-1/f/c/9"


@pytest.mark.parametrize(
    "count,largest", [(10, 10), (100_000, 64)], ids=["ten leases", "a hundred thousand in one network"]
)
@pytest.mark.parametrize("first", ["10.0.0.0", "2001:db8::", "2001:db8::1000:0"])
def test_files_stay_small(first, count, largest):
    """Lines in a file and entries in a folder are what a change has to write again."""
    base = ip_address(first)
    files: dict[str, int] = {}
    folders: dict[str, set[str]] = {}
    for number in range(count):
        name = lease_tree.path(base + number)
        files[name] = files.get(name, 0) + 1
        while "/" in name:
            name, _, entry = name.rpartition("/")
            folders.setdefault(name, set()).add(entry)
    assert max(files.values()) <= largest
    assert max(map(len, folders.values())) <= 256


def test_same_client():
    one = lease()
    assert lease_tree.same_client(one, lease(name="tablet"))
    assert not lease_tree.same_client(one, lease(mac="52:54:00:00:00:09"))
    v6 = Lease(ip_address("2001:db8::1"), None, "phone", None, duid="00:01")
    later = Lease(ip_address("2001:db8::1"), "52:54:00:12:34:56", "phone", None, duid="00:01")
    assert lease_tree.same_client(v6, later)
    assert lease_tree.same_client(lease(mac=None), lease(mac=None))
    assert not lease_tree.same_client(lease(mac=None), lease(mac=None, name="tablet"))


@given(records(), st.integers(0, 3))
def test_a_query_for_what_a_record_holds_finds_it_and_its_line(record, part):
    """What git looks through first must let pass whatever would match."""
    asked = (str(record.address), record.lease.mac, record.lease.name, record.published)[part]
    if asked is None or not Wanted(asked).text or asked != asked.strip():
        return
    wanted = Wanted(asked)
    if wanted.address is None and wanted.matches(record):
        line = (lease_tree.write([record]) or b"").decode()
        assert re.search(wanted.pattern(), line, re.IGNORECASE | re.ASCII), (wanted.pattern(), line)
    if part != 2:
        assert part == 3 or wanted.matches(record)


def test_a_client_that_calls_itself_a_hyphen_is_found():
    record = RecordedLease(lease(name="-"), None, 0)
    line = (lease_tree.write([record]) or b"").decode()
    assert Wanted("-").matches(record)
    assert re.search(Wanted("-").pattern(), line)


def test_queries():
    record = RecordedLease(lease(name="Anns-Phone"), "phone.example.org.", 0)
    for text in ("192.168.3.57", "52-54-00-12-34-56", "52:54:0:12:34:56", "PHONE", "phone.example.org", "anns-phone"):
        assert Wanted(text).matches(record), text
    for text in ("192.168.3.5", "52:54:00:12:34:5", "phon", "example.org", "phone.example", "."):
        assert not Wanted(text).matches(record), text
    named_like_a_mac = RecordedLease(lease(name="aa-bb-cc-dd-ee-ff"), None, 0)
    assert Wanted("aa-bb-cc-dd-ee-ff").matches(named_like_a_mac)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    assert "TZ" not in os.environ or os.environ["TZ"] != "Europe/Berlin"
    time.tzset()


@pytest.mark.parametrize(
    "text,seconds",
    [
        ("2026-11-17 20:00", 1_794_942_000),
        (" 2026-11-17T20:00:01 ", 1_794_942_001),
        ("2026-07-01 00:30", 1_782_858_600),
        ("2026-11-17 20:00Z", 1_794_945_600),
        ("2026-11-17 20:00 Z", 1_794_945_600),
        ("2026-11-17 20:00 +0200", 1_794_938_400),
        ("2026-11-17 20:00-05:00", 1_794_963_600),
        ("2026-11-17", 1_794_870_000),
        ("2026-11-17 20:00:00.9", 1_794_942_000),
    ],
)
def test_times_are_local_unless_they_name_a_zone(berlin, text, seconds):
    assert parse_moment(text) == seconds


@given(st.text(max_size=30) | st.sampled_from(["yesterday", "2026-13-01", "0001-01-01", "9999-12-31 23:59", "20:00"]))
def test_what_is_no_time_is_said_to_be_none(text):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_moment(text), int)


@pytest.mark.parametrize(
    "arguments,said",
    [
        (["--at", "noon"], "'noon' is not a time"),
        (["--at", "\x1b[2J"], "is not a time"),
        (["--at", "9000-01-01"], "is yet to come"),
        (["--at", "9999-12-31 23:59-12:00"], "is yet to come"),
        (["--at", ""], "is not a time"),
        (["--at", "2020-01-01", "--history", "x"], "--history goes with none"),
        (["--history", "x", "--mac", "52:54:00:00:00:01"], "--history goes with none"),
        (["--history", " "], "needs a MAC"),
        (["--mac", "phone"], "'phone' is not a MAC"),
        (["--address", "192.168.3"], "is not an IP address"),
        (["--at", "2020-01-01", "--network", "lan"], "as a prefix"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(arguments, said):
    result = CliRunner().invoke(command, ["--config", "/nonexistent", *arguments])
    assert result.exit_code == click.UsageError.exit_code, result.output
    assert said in result.output
    assert "\x1b" not in result.output
