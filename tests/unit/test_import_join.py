"""What was found becomes a state that serves the same: hosts joined, and nothing else changed."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.dns.names import parse
from reconciler.dns.records import group
from reconciler.dns.zone import SOA
from reconciler.errors import Refused
from reconciler.importing.found import (
    INHERIT,
    Fate,
    FoundDhcp,
    FoundDns,
    FoundGrant,
    FoundKey,
    FoundName,
    FoundPublication,
    FoundRange,
    FoundRecord,
    FoundReservation,
    FoundView,
    FoundWan,
    FoundZone,
    Line,
)
from reconciler.importing.join import Joined, join
from reconciler.state import yaml
from reconciler.state.tree import Blob

TTL = 3600
NET = "192.168.1"
REVERSE = "1.168.192.in-addr.arpa."


def quiet(text: str) -> None:
    """No word."""


def zone(name: str, rows: Iterable[tuple[str, str, str]] | str, *, serial: int = 7, **more: object) -> FoundZone:
    """A zone from rows `owner type data` or `owner type/TTL data`; owners and targets are relative to it."""
    made = [FoundRecord(name, TTL, "NS", "ns.example.org.", name, 1)]
    rows = [tuple(line.split(None, 2)) for line in rows.splitlines() if line.strip()] if isinstance(rows, str) else rows
    for number, (owner, kind, data) in enumerate(rows, 2):
        rtype, _, ttl = kind.partition("/")
        text = parse(data, name) if rtype in ("CNAME", "PTR", "NS") else data
        made.append(FoundRecord(parse(owner, name), int(ttl or TTL), rtype, text, name, number))
    soa = SOA("ns.example.org.", "hostmaster.example.org.", 1, 2, 3, 4, TTL)
    return FoundZone(name, "", soa, serial, tuple(made), "zone", **more)  # type: ignore[arg-type]


def made(dns: FoundDns, dhcp: FoundDhcp | None = None, wan: FoundWan | None = None) -> Joined:
    return join(dns, dhcp or FoundDhcp(), wan or FoundWan(), site="test", progress=quiet)


def document(joined: Joined, path: str) -> dict[str, object]:
    data = joined.settled.files.get(path, b"")
    found = yaml.read(path, Blob("", data)).data
    return found if isinstance(found, dict) else {}


def hosts(joined: Joined) -> dict[str, object]:
    return document(joined, "hosts.yaml")


FORWARD = zone("example.org.", f"ns A {NET}.2\nprinter A {NET}.40\nprint CNAME printer\nmail A {NET}.5\n")
BACK = zone(REVERSE, "2 PTR ns.example.org.\n40 PTR printer.example.org.\n5 PTR mail.example.org.\n")
RANGE = FoundRange(IPv4Address(f"{NET}.100"), IPv4Address(f"{NET}.199"), IPv4Network(f"{NET}.0/24"), 7200, "", "", "")
LAN = FoundDhcp(
    (RANGE,),
    (FoundReservation(("52:54:00:12:34:56",), "printer", (IPv4Address(f"{NET}.40"),), path="d", number=1),),
    interfaces=("eth0",),
    raw={("d", 1): f"dhcp-host=52:54:00:12:34:56,{NET}.40,printer"},
    lines=(Line("d", 1, "dhcp-host", Fate.TAKEN),),
    dns=False,
)


def test_forward_reverse_and_dhcp_become_one_entry() -> None:
    joined = made(FoundDns((FORWARD, BACK)), LAN)
    assert hosts(joined) == {
        "ns": {"ipv4": f"{NET}.2"},
        "printer": {"mac": "52:54:00:12:34:56", "ipv4": f"{NET}.40", "aliases": ["print"]},
        "mail": {"ipv4": f"{NET}.5"},
    }
    assert joined.settled.differences == ()
    assert b"PTR" not in joined.settled.files[f"zones/{REVERSE[:-1]}.zone"]
    site = document(joined, "site.yaml")
    assert site["dns"] == {
        "clients_ask": "bind",
        "authoritative": "bind",
        "serial": "increment",
        "nameservers": ["ns.example.org"],
        "ttl": "1h",
    }
    (reserved,) = [line for line in joined.lines if line.path == "d"]
    assert (reserved.fate, reserved.note) == (Fate.TAKEN, "host printer.example.org.")


@pytest.mark.parametrize(
    ("forward", "back", "entry"),
    [
        ("a A 192.168.1.9", "9 PTR other.example.org.", {"ipv4": "192.168.1.9", "ptr": "other"}),
        ("a A 192.168.1.9", "9 PTR x.example.net.", {"ipv4": "192.168.1.9", "ptr": "x.example.net."}),
        ("a A 192.168.1.9", "", {"ipv4": "192.168.1.9", "ptr": "no"}),
        ("a A/60 192.168.1.9\nb A 192.168.1.10\nc A 192.168.1.11", "9 PTR/60 a.example.org.",
         {"ipv4": "192.168.1.9", "ttl": "60"}),
        ("a A 192.168.1.9\na A 192.168.1.10", "9 PTR a.example.org.\n10 PTR a.example.org.",
         {"ipv4": ["192.168.1.9", "192.168.1.10"]}),
        ("a A 192.168.1.9\nb A 192.168.1.9", "9 PTR b.example.org.", None),
        ("a A/60 192.168.1.9\na AAAA 2001:db8::1", "", None),
        ("a A 8.8.8.8", "", None),
    ],
)  # fmt: skip
def test_what_a_host_can_say(forward: str, back: str, entry: dict[str, object] | None) -> None:
    joined = made(FoundDns((zone("example.org.", f"ns A 192.168.1.2\n{forward}"), zone(REVERSE, back))))
    assert hosts(joined).get("a") == entry
    assert joined.settled.differences == ()


def test_what_the_state_refuses_is_left_and_told() -> None:
    dns = FoundDns((zone("example.org.", "ns A 192.168.1.2\nx CNAME nowhere\nbad_name A 192.168.1.3"),))
    joined = made(dns)
    left = [line for line in joined.lines if line.fate is Fate.LEFT]
    assert len(left) == 2
    assert {line.number for line in left} == {3, 4}
    assert "nowhere.example.org. does not exist" in left[0].note


def test_networks_from_rfc_2317_zones() -> None:
    name = "192-255.100.51.198.in-addr.arpa."
    joined = made(
        FoundDns((
            zone("example.org.", "ns A 198.51.100.193"),
            zone(name, "193 PTR ns.example.org."),
        ))
    )  # fmt: skip
    site = document(joined, "site.yaml")
    assert site["networks"] == {"lan": {"domain": "example.org", "ipv4": "198.51.100.192/26", "reverse": name[:-1]}}
    assert hosts(joined) == {"ns": {"ipv4": "198.51.100.193"}}


def test_names_of_hosts_files() -> None:
    dhcp = FoundDhcp(
        (RANGE,),
        names=(
            FoundName("nas", IPv4Address(f"{NET}.41"), ("storage",), "h", 1),
            FoundName("files", IPv4Address(f"{NET}.41"), (), "h", 2),
            FoundName("far.example.net", IPv4Address("203.0.113.9"), (), "h", 3),
        ),
        domains={None: "home.example."},
        interfaces=("eth0",),
        lines=(Line("h", 1, "x", Fate.TAKEN), Line("h", 3, "y", Fate.TAKEN)),
    )
    joined = made(FoundDns(), dhcp)
    assert hosts(joined) == {"nas": {"ipv4": f"{NET}.41", "aliases": ["files", "storage"]}}
    assert joined.settled.files["dnsmasq.d/imported.conf"] == b"host-record=far.example.net,203.0.113.9\n"
    assert ("storage.home.example.", IPv4Address(f"{NET}.41")) in joined.names


def test_dnsmasq_adds_names_to_a_zone_of_named_and_does_not_contradict_it() -> None:
    dhcp = FoundDhcp(
        names=(
            FoundName("new.example.org", IPv4Address(f"{NET}.60"), (), "h", 1),
            FoundName("mail.example.org", IPv4Address(f"{NET}.61"), (), "h", 2),
        ),
        lines=(Line("h", 1, "x", Fate.TAKEN), Line("h", 2, "y", Fate.TAKEN)),
    )
    joined = made(FoundDns((FORWARD, BACK)), dhcp)
    assert hosts(joined)["new"] == {"ipv4": f"{NET}.60"}
    assert joined.settled.differences == ()
    assert joined.settled.additions["example.org."] == {("new.example.org.", "A")}
    assert [line.note for line in joined.lines if line.fate is Fate.LEFT] == [
        "named says otherwise of mail.example.org."
    ]


def test_a_reservation_that_does_not_fit_goes_into_the_hatch() -> None:
    reserved = FoundReservation(("52:54:00:12:34:56",), "far", (IPv4Address("10.0.0.9"),), path="d", number=1)
    dhcp = FoundDhcp((RANGE,), (reserved,), interfaces=("eth0",), raw={("d", 1): "dhcp-host=x"}, lines=LAN.lines)
    joined = made(FoundDns(), dhcp)
    assert joined.settled.files["dnsmasq.d/imported.conf"] == b"dhcp-host=x\n"


def test_a_host_that_the_checks_refuse_becomes_plain_records_and_a_raw_reservation() -> None:
    """Its MAC is another's already."""
    twice = (
        FoundReservation(("52:54:00:12:34:56",), "one", (IPv4Address(f"{NET}.40"),), path="d", number=1),
        FoundReservation(("52:54:00:12:34:56",), "two", (IPv4Address(f"{NET}.41"),), path="d", number=2),
    )
    raw = {("d", 1): "dhcp-host=one", ("d", 2): "dhcp-host=two"}
    lines = (Line("d", 1, "one", Fate.TAKEN), Line("d", 2, "two", Fate.TAKEN))
    dhcp = FoundDhcp((RANGE,), twice, domains={None: "x.example."}, raw=raw, lines=lines)
    joined = made(FoundDns(), dhcp)
    assert list(hosts(joined)) == ["one"]
    assert joined.settled.files["dnsmasq.d/imported.conf"] == b"dhcp-host=two\n"
    assert joined.settled.files["zones/x.example.zone"].endswith(b"two IN A 192.168.1.41\n")
    assert [(line.fate, "already used" in line.note) for line in joined.lines] == [
        (Fate.TAKEN, False),
        (Fate.HATCH, True),
    ]


def test_tags_of_ranges_follow_into_the_hatch() -> None:
    tagged = FoundRange(RANGE.first, RANGE.last, RANGE.prefix, 60, "red", "", "")
    dhcp = FoundDhcp(
        (tagged,),
        raw={("d", 1): "dhcp-ignore=tag:red,tag:!known"},
        lines=(Line("d", 1, "dhcp-ignore=tag:red,tag:!known", Fate.HATCH),),
    )
    joined = made(FoundDns(), dhcp)
    assert joined.settled.files["dnsmasq.d/imported.conf"] == b"dhcp-ignore=tag:net-red,tag:!known\n"


def test_a_hatch_line_that_is_not_allowed_is_left() -> None:
    dhcp = FoundDhcp(
        raw={("d", 1): "tftp-root=/x", ("d", 2): "cache-size=5"},
        lines=(Line("d", 1, "tftp-root=/x", Fate.HATCH), Line("d", 2, "cache-size=5", Fate.HATCH)),
    )
    joined = made(FoundDns(), dhcp)
    assert joined.settled.files["dnsmasq.d/imported.conf"] == b"cache-size=5\n"
    assert [line.fate for line in joined.lines] == [Fate.LEFT, Fate.HATCH]


def test_an_alias_of_a_name_that_only_a_lease_has_stays_raw() -> None:
    record = FoundRecord("tv.x.example.", INHERIT, "CNAME", "chromecast.x.example.", "d", 1)
    dhcp = FoundDhcp(
        (RANGE,),
        records=(record,),
        domains={None: "x.example."},
        raw={("d", 1): "cname=tv.x.example,chromecast.x.example"},
        lines=(Line("d", 1, "cname", Fate.TAKEN),),
    )
    joined = made(FoundDns(), dhcp)
    assert joined.settled.files["dnsmasq.d/imported.conf"] == b"cname=tv.x.example,chromecast.x.example\n"
    assert [line.fate for line in joined.lines] == [Fate.HATCH]


def test_dnsmasq_asks_bind_for_its_zones_by_itself() -> None:
    raw = {("d", 1): "server=/example.org/127.0.0.1#5353", ("d", 2): "server=/corp.example/10.0.0.1"}
    lines = tuple(Line("d", number, text, Fate.HATCH) for (_, number), text in raw.items())
    joined = made(FoundDns((FORWARD,)), FoundDhcp(raw=raw, lines=lines))
    assert joined.settled.files["dnsmasq.d/imported.conf"] == b"server=/corp.example/10.0.0.1\n"
    assert [line.fate for line in joined.lines] == [Fate.TAKEN, Fate.HATCH]


def test_a_block_list_does_not_fit_a_hatch() -> None:
    names = tuple(FoundName(f"ads{n}.tracker.example", IPv4Address("0.0.0.0"), (), "h", n) for n in range(120_000))
    joined = made(FoundDns(), FoundDhcp(names=names))
    fates = [line.fate for line in joined.lines]
    assert Fate.LEFT in fates
    assert Fate.HATCH in fates


def test_keys_updates_and_the_public_address() -> None:
    dns = FoundDns(
        (
            zone(
                "example.org.",
                "ns A 192.168.1.2",
                serial=2024010105,
                dynamic=True,
                grants=(FoundGrant("upd", "_acme-challenge", ("TXT",)),),
            ),
        ),
        keys=(FoundKey("upd", "hmac-sha256"),),
    )
    wan = FoundWan(
        (("web", "https://api.ipify.org/", "ipv4"),),
        (FoundPublication("namecheap", "example.net.", ("@",), secret="pw"),),
    )
    site = document(made(dns, wan=wan), "site.yaml")
    assert site["zones"] == {
        "example.org": {
            "dynamic": "yes",
            "update": [{"key": "upd", "name": "_acme-challenge", "types": ["TXT"]}],
        }
    }
    assert site["keys"] == {"upd": {"algorithm": "hmac-sha256", "secret": {"secret": "upd"}}}
    assert site["wan"] == {
        "watch": [{"web": "https://api.ipify.org/"}],
        "publish": [{"protocol": "namecheap", "domain": "example.net", "names": ["@"], "password": {"secret": "pw"}}],
    }


def test_who_may_copy_a_zone() -> None:
    signed = zone("example.org.", "ns A 192.168.1.2", transfer_to=("203.0.113.53", "xfer"), notify=("203.0.113.53",))
    nameless = zone("example.net.", "ns A 192.168.1.2", transfer_to=("xfer",))
    joined = made(FoundDns((signed, nameless), keys=(FoundKey("xfer", "hmac-sha256"),)))
    site = document(joined, "site.yaml")
    assert site["secondaries"] == {"secondary-203.0.113.53": {"address": "203.0.113.53", "key": "xfer"}}
    assert site["zones"] == {"example.org": {"secondaries": ["secondary-203.0.113.53"]}}
    assert any("example.net. may be copied with xfer" in text for text in joined.guesses)


def test_a_setting_that_the_checks_refuse_is_left_out() -> None:
    """A virtual address in the range that DHCP hands out."""
    dhcp = FoundDhcp((RANGE,), interfaces=("eth0",), listen=(IPv4Address(f"{NET}.150"),), domains={None: "x.example."})
    joined = made(FoundDns(), dhcp)
    assert any("was left out of site.yaml" in text for text in joined.guesses)


def test_what_views_have_alike_is_written_once_and_hosts_inside_are_marked() -> None:
    inside = zone("example.org.", f"ns A {NET}.2\nwww A {NET}.3\nmail A 203.0.113.5\n")
    outside = zone("example.org.", "ns A 203.0.113.2\nmail A 203.0.113.5\n")
    back = zone(REVERSE, "2 PTR ns.example.org.\n3 PTR www.example.org.\n")
    dns = FoundDns(
        (
            replace(inside, view="inside"),
            replace(back, view="inside"),
            replace(outside, view="outside"),
        ),
        views=(FoundView("inside", ("192.168.1.0/24",)), FoundView("outside", ("any",), recursion=False)),
    )
    new = FoundName("new.example.org", IPv4Address(f"{NET}.9"), (), "h", 1)
    joined = made(dns, FoundDhcp(names=(new,), lines=(Line("h", 1, "x", Fate.TAKEN),)))
    assert joined.settled.differences == ()
    assert hosts(joined) == {
        "ns": {"ipv4": f"{NET}.2", "view": "inside"},
        "www": {"ipv4": f"{NET}.3", "view": "inside"},
        "new": {"ipv4": f"{NET}.9", "view": "inside"},
    }
    assert b"mail" in joined.settled.files["zones/example.org.zone"]
    assert b"mail" not in joined.settled.files["zones/outside/example.org.zone"]
    assert b"192.168.1" not in joined.settled.files["zones/outside/example.org.zone"]


def test_a_state_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(Refused, match="nothing was written"):
        join(FoundDns(), FoundDhcp(), FoundWan(), site="not a name!", progress=quiet)


def identity(row: tuple[str, str, str]) -> tuple[str, str, str]:
    """A zone has a record once."""
    return row[0], row[1].partition("/")[0], row[2]


LABEL = st.sampled_from(["a", "b", "c", "d", "x.y", "no", "www", "_srv", "*", "*.w"])
OCTET = st.integers(1, 6).map(str)
FORWARD_ROW = st.one_of(
    st.tuples(LABEL, st.sampled_from(["A", "A/60"]), OCTET.map(lambda octet: f"{NET}.{octet}")),
    st.tuples(LABEL, st.just("AAAA"), st.sampled_from(["2001:db8::1", "2001:db8::2"])),
    st.tuples(LABEL, st.sampled_from(["CNAME", "CNAME/60"]), LABEL),
    st.tuples(LABEL, st.just("TXT"), st.just('"t"')),
    st.tuples(LABEL, st.just("MX"), LABEL.map(lambda label: f"10 {label}.example.org.")),
)
REVERSE_ROW = st.tuples(OCTET, st.sampled_from(["PTR", "PTR/60"]), LABEL.map(lambda label: f"{label}.example.org."))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(FORWARD_ROW, max_size=14, unique_by=identity),
    st.lists(REVERSE_ROW, max_size=6, unique_by=identity),
)
def test_what_was_served_is_served(forward: list[tuple[str, str, str]], back: list[tuple[str, str, str]]) -> None:
    """Every RRset is the same, but for records that are told as left."""
    zones = (zone("example.org.", [("ns", "A", f"{NET}.7"), *forward]), zone(REVERSE, back))
    joined = made(FoundDns(zones))
    left = {(line.path, line.number) for line in joined.lines if line.fate is Fate.LEFT}
    for found in zones:
        kept = [item for item in found.records if (item.path, item.number) not in left]
        before = group((item.owner, item.ttl, item.rtype, item.rdata) for item in kept)
        assert joined.settled.site.zones[found.name].zone.rrsets == before
    assert joined.settled.differences == ()
