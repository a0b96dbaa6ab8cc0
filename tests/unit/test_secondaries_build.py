"""Secondaries, pure: who copies which zone, catalogs, what named is told, what a second server is told."""

import time
from collections.abc import Mapping
from hashlib import sha1
from ipaddress import IPv6Network
from pathlib import Path

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_trees import HOSTS, built, tree_of

from reconciler.build import build, renumbered
from reconciler.build.secondaries import member_label, with_catalogs
from reconciler.checks import secondaries as checks
from reconciler.config import BindSettings, DnsmasqSettings
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.records import RRset
from reconciler.dns.serials import SerialStyle
from reconciler.dns.zone import SOA, Zone
from reconciler.errors import Refused
from reconciler.services.bind.render import zone_clause
from reconciler.services.bind.secondary import named_conf
from reconciler.services.dnsmasq.render import render
from reconciler.services.dnsmasq.served import visible
from reconciler.site import KnownPrefix, Site, SiteZone
from reconciler.state.load import load
from reconciler.state.schema import Dns, Secondary

SITE = """\
version: 1
site: test
domain: example.net
nodes: {node1: {address: 192.168.1.6}, node2: {address: 192.168.1.7, ipv6: "::7"}}
networks:
  lan: {domain: lan.example.net, ipv4: 192.168.1.0/24, ipv6: 2001:db8:0:1::/64, virtual_ips: VIRTUAL, reverse: no}
dns: {clients_ask: bind, authoritative: bind, nameservers: [ns.example.com], secondaries: DEFAULT}
keys: {Xfer: {secret: {secret: xfer}}}
secondaries:
"""
NS2 = "  ns2: {address: 203.0.113.53, key: Xfer, catalog: catalog.example.net}\n"
ZONES = {"zones/a.example.yaml": "www: {type: A, value: 192.0.2.1}\n", "zones/b.example.yaml": "{}\n"}
CATALOG = "catalog.example.net."


def files(
    servers: str = NS2, *, default: str = "[ns2]", zones: str = "", virtual: str = "[]", **changes: str
) -> dict[str, str]:
    text = SITE.replace("DEFAULT", default).replace("VIRTUAL", virtual) + servers + zones
    for old, new in changes.items():
        text = text.replace(f"{old}: bind", f"{old}: {new}")
    return {"site.yaml": text, "hosts.yaml": HOSTS, **ZONES}


def made(tree: Mapping[str, str]) -> Site:
    result = built(tree)
    assert result.site is not None, [str(problem) for problem in result.problems]
    return result.site


def members(site: Site, catalog: str = CATALOG) -> set[str]:
    rrsets = site.zones[catalog].zone.rrsets.values()
    return {target for rrset in rrsets if rrset.rtype == "PTR" for target in rrset.rdatas}


def copied_by(site: Site, name: str) -> set[str]:
    return {zone for zone, item in site.zones.items() if site.secondaries[name] in item.secondaries}


def clause(site: Site, zone: str) -> list[str]:
    return [line.strip() for line in zone_clause(Path("/srv"), site.zones[zone]).splitlines()[3:-1]]


def test_each_zone_has_the_sites_secondaries_or_its_own() -> None:
    servers = NS2 + "  ns3: {address: [203.0.113.54, '[2001:db8::54]:5300']}\n"
    zones = "zones:\n  a.example: {secondaries: [ns3, ns2, ns3]}\n  b.example: {secondaries: []}\n"
    site = made(files(servers, zones=zones))
    assert copied_by(site, "ns2") == {"a.example.", "lan.example.net.", CATALOG}
    assert copied_by(site, "ns3") == {"a.example."}
    assert members(site) == {"a.example.", "lan.example.net."}
    assert clause(site, "a.example.") == [
        "notify explicit;",
        'also-notify { 203.0.113.54; 2001:db8::54 port 5300; 203.0.113.53 key "xfer"; };',
        'allow-transfer { key "reconciler"; 203.0.113.54; 2001:db8::54; key "xfer"; };',
    ]
    assert clause(site, "b.example.") == ["notify no;", 'allow-transfer { key "reconciler"; };']
    assert clause(site, CATALOG) == [
        "notify explicit;",
        'also-notify { 203.0.113.53 key "xfer"; };',
        'allow-transfer { key "reconciler"; key "xfer"; };',
        'allow-query { localhost; key "reconciler"; key "xfer"; };',
    ]


def test_without_secondaries_nothing_changes() -> None:
    site = made({**files(default="[]"), "site.yaml": files(default="[]")["site.yaml"].partition("keys:")[0]})
    assert site.zones.keys() == {"a.example.", "b.example.", "lan.example.net."}
    assert all(item.secondaries == () for item in site.zones.values())


def test_a_catalog_is_what_the_rfc_says() -> None:
    """RFC 9432 section 4; the label of a member is the one in BIND's manual for the same name."""
    zone = made(files()).zones[CATALOG].zone
    assert zone.text(7).splitlines()[:3] == [
        f"{CATALOG} 0 IN SOA invalid. invalid. 7 3600 600 2147483646 0",
        f"{CATALOG} 0 IN NS invalid.",
        f'version.{CATALOG} 0 IN TXT "2"',
    ]
    assert member_label("domain.example.") == "5960775ba382e7a4e09263fc06e7c00569b6a05c"


def test_a_catalog_may_be_empty() -> None:
    assert members(made(files(default="[]"))) == set()


LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(lambda labels: ".".join((*labels, "")))
READER = Secondary.model_validate({"address": "192.0.2.1", "catalog": "catalog.test"})


def site_of(names: list[str]) -> Site:
    soa = SOA("ns.test.", "h.test.")
    zones = {
        name: SiteZone(Zone(name, soa, {}), False, "report", (), (), SerialStyle.DATE, secondaries=(READER,))
        for name in names
    }
    site = Site("test", Dns(), {}, (), zones, {}, secondaries={"one": READER})
    return with_catalogs(site)


@given(st.text(min_size=1, max_size=63))
def test_labels_are_digests_of_names_on_the_wire(text: str) -> None:
    octets = text.encode()[:63].lower()
    name = dns.name.Name([octets, b"example", b""]).to_text().lower()
    assert member_label(name) == sha1(bytes((len(octets),)) + octets + b"\x07example\0").hexdigest()


@given(st.lists(NAMES, unique=True, max_size=20), st.randoms(use_true_random=False))
def test_a_member_has_one_label_whatever_is_beside_it(names: list[str], random) -> None:
    site = site_of(names)
    catalog = site.zones["catalog.test."].zone
    owners = {rrset.rdatas: owner for (owner, rtype), rrset in catalog.rrsets.items() if rtype == "PTR"}
    assert owners == {(name,): f"{member_label(name)}.zones.catalog.test." for name in names}
    shuffled = random.sample(names, len(names))
    assert site_of(shuffled).zones["catalog.test."].zone.digest == catalog.digest
    assert with_catalogs(site).zones == site.zones
    fewer = site_of(names[1:]).zones["catalog.test."].zone.rrsets
    assert fewer.items() <= catalog.rrsets.items()


MISTAKES: dict[str, tuple[dict[str, str], str]] = {
    "without BIND": (
        files(default="[ns2]", authoritative="none"),
        "9:1: there is nothing that secondaries could copy zones from without BIND; "
        "set `authoritative: bind` under `dns:`",
    ),
    "unknown key": (
        files("  ns2: {address: 203.0.113.53, key: other}\n"),
        '10:37: there is no key "other"; add it under `keys:`, which has Xfer',
    ),
    "unknown default": (
        files(default="[ns2, ns9]"),
        '7:97: there is no secondary "ns9"; add it under `secondaries:`, which has ns2',
    ),
    "unknown for a zone": (
        files(zones="zones:\n  a.example: {secondaries: ns9}\n"),
        '12:28: there is no secondary "ns9"; add it under `secondaries:`, which has ns2',
    ),
    "a node": (
        files("  ns2: {address: 192.168.1.7}\n"),
        '10:18: 192.168.1.7 is the address of node "node2"; a secondary is a further server; write its address',
    ),
    "a node's IPv6 address": (
        files("  ns2: {address: [203.0.113.53, '2001:db8:0:1::7']}\n"),
        '10:33: 2001:db8:0:1::7 is the address of node "node2"; a secondary is a further server; write its address',
    ),
    "a virtual IP": (
        files("  ns2: {address: '192.168.1.4:5353'}\n", virtual="192.168.1.4"),
        '10:18: 192.168.1.4 is the virtual IP of network "lan"; a secondary is a further server; write its address',
    ),
    "nobody": (
        files("  ns2: {address: '::'}\n"),
        "10:18: :: is no server's address; write the secondary's own",
    ),
    "catalog that is a zone": (
        files("  ns2: {address: 203.0.113.53, catalog: lan.example.net}\n"),
        "10:41: lan.example.net. is a zone of this site; write another name, such as catalog.example.net",
    ),
    "catalog among addresses": (
        files("  ns2: {address: 203.0.113.53, catalog: 1.168.192.in-addr.arpa}\n"),
        "10:41: 1.168.192.in-addr.arpa. cannot be the name of a catalog; "
        "write another name, such as catalog.example.net",
    ),
    "catalog with odd letters": (
        files("  ns2: {address: 203.0.113.53, catalog: a/b.example}\n"),
        "10:41: a/b.example. cannot be the name of a catalog; write another name, such as catalog.example.net",
    ),
    "catalog that hides": (
        files("  ns2: {address: 203.0.113.53, catalog: nas.lan.example.net}\n"),
        "10:41: the catalog nas.lan.example.net. would hide nas.lan.example.net., which is in zone lan.example.net.; "
        "write another name for the catalog",
    ),
    "shared by unequals": (
        files(
            NS2 + "  ns3: {address: 203.0.113.54, catalog: Catalog.example.net}\n",
            zones="zones:\n  a.example: {secondaries: [ns2, ns3]}\n",
        ),
        f'11:41: "ns2" and "ns3" share catalog {CATALOG}, but only one of them gets b.example., lan.example.net.; '
        "give both the same zones, or each a catalog of its own",
    ),
    "no zone": (
        files(NS2 + "  ns3: {address: 203.0.113.53, key: Xfer}\n"),
        '11:3: warning: secondary "ns3" gets no zone; '
        "write `secondaries: [ns3]` under `dns:`, or at a zone under `zones:`",
    ),
    "dnsmasq in front": (
        files(clients_ask="dnsmasq"),
        '10:3: warning: it is not known where secondary "ns2" reaches BIND: port 53 of this site\'s addresses is '
        "dnsmasq's; write `primary: ADDRESS:PORT`, where BIND listens",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case: str) -> None:
    tree, text = MISTAKES[case]
    result = built(tree)
    assert [str(problem) for problem in result.problems] == [f"site.yaml:{text}"]
    assert (result.site is None) == ("warning" not in text)


def test_a_catalogs_name_leaves_room_for_members() -> None:
    name = ".".join(["x" * 60] * 3 + ["y" * 25])
    result = built(files(f"  ns2: {{address: 203.0.113.53, catalog: {name}}}\n"))
    assert "too long: members' names below it have no room" in str(result.problems[0])


def test_more_zones_than_memory_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAX_COPIES", 2)
    assert built(files()).site is None


def test_several_may_share_a_catalog() -> None:
    servers = NS2 + "  ns3: {address: 203.0.113.54, catalog: catalog.example.net}\n"
    site = made(files(servers, default="[ns2, ns3]"))
    assert members(site) == {"a.example.", "b.example.", "lan.example.net."}
    assert clause(site, CATALOG)[2] == 'allow-transfer { key "reconciler"; key "xfer"; 203.0.113.54; };'


def test_the_printed_configuration_with_a_catalog() -> None:
    """It names no zone, so it stays as it is when they come and go."""
    tree = files(virtual="[192.168.1.4, '2001:db8:0:1::4']")
    text = named_conf(made(tree), "ns2")
    assert (
        text[text.index("\ninclude") :]
        == """
include "/etc/bind/xfer.key";

options {
\tdirectory "/var/cache/bind";
\trecursion no;
\tnotify no;
\tallow-transfer { none; };
\tallow-notify { key "xfer"; };
\tcatalog-zones {
\t\tzone "catalog.example.net" default-primaries { 192.168.1.4 key "xfer"; };
\t};
};

zone "catalog.example.net" {
\ttype secondary;
\tfile "catalog.example.net";
\tprimaries { 192.168.1.4 key "xfer"; };
\tallow-query { localhost; key "xfer"; };
};
"""
    )
    assert all(line.startswith("//") for line in text[: text.index("\ninclude")].splitlines())
    assert named_conf(made({**tree, "zones/c.example.yaml": "{}\n"}), "ns2") == text


def test_the_printed_configuration_without_a_catalog() -> None:
    """Without a virtual IP the nodes are the primaries; each family only where the secondary has it."""
    site = made(files("  ns2: {address: ['203.0.113.53:5300', '[2001:db8::53]:5300']}\n"))
    text = named_conf(site, "ns2")
    assert (
        text[text.index("\noptions") :]
        == """
options {
\tdirectory "/var/cache/bind";
\tlisten-on port 5300 { any; };
\tlisten-on-v6 port 5300 { any; };
\trecursion no;
\tnotify no;
\tallow-transfer { none; };
\tallow-notify { 192.168.1.6; 192.168.1.7; 2001:db8:0:1::7; };
};
"""
        + "".join(
            f"""
zone "{zone}" {{
\ttype secondary;
\tfile "{zone}";
\tprimaries {{ 192.168.1.6; 192.168.1.7; 2001:db8:0:1::7; }};
}};
"""
            for zone in ("a.example", "b.example", "lan.example.net")
        )
    )


def test_where_the_secondary_reaches_us_can_be_written() -> None:
    server = "  ns2: {address: 203.0.113.53, key: Xfer, primary: [198.51.100.1, '198.51.100.1:5353']}\n"
    text = named_conf(made(files(server, clients_ask="dnsmasq")), "ns2")
    assert 'primaries { 198.51.100.1 key "xfer"; 198.51.100.1 port 5353 key "xfer"; };' in text


@pytest.mark.parametrize(
    ("tree", "name", "why"),
    [
        (files(), "ns9", 'there is no secondary "ns9" under `secondaries:` in site.yaml, which has ns2'),
        (files(clients_ask="dnsmasq"), "ns2", "port 53 of our addresses is dnsmasq's; write `primary: ADDRESS`"),
        (files("  ns2: {address: '2001:db8::1'}\n", virtual="192.168.1.4"), "ns2", "no address of ours in its family"),
    ],
)
def test_what_cannot_be_printed_is_refused(tree: dict[str, str], name: str, why: str) -> None:
    with pytest.raises(Refused) as caught:
        named_conf(made(tree), name)
    assert why in str(caught.value)


def test_dnsmasq_neither_serves_a_catalog_nor_asks_for_it() -> None:
    site = made(files(clients_ask="dnsmasq"))
    settings = DnsmasqSettings.model_validate({"directory": "/srv/dnsmasq", "dhcp": "no"})
    bind = BindSettings.model_validate({"directory": "/srv/bind"})
    text = "".join(file.content.decode() for file in render(site, settings, bind).files.values())
    lines = [line for line in text.splitlines() if "catalog" in line or "invalid" in line or "zones" in line]
    assert lines == ["local=/catalog.example.net/"]
    assert visible(site.zones).keys() == site.zones.keys() - {CATALOG}


MOVING = (
    files()["site.yaml"]
    .replace("ipv6: 2001:db8:0:1::/64", "ipv6: {prefix_from: wan0}")
    .replace("virtual_ips: [], reverse: no", "virtual_ips: [192.168.1.4, '::4']")
)
V6 = "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."


def test_zones_of_a_prefix_that_moves_follow_into_the_catalog() -> None:
    loaded = load(tree_of({"site.yaml": MOVING, "hosts.yaml": HOSTS}))
    assert loaded.state is not None, loaded.problems
    unknown = build(loaded.state).site
    assert unknown is not None
    assert members(unknown) == unknown.zones.keys() - {CATALOG}
    assert not any(zone.endswith("ip6.arpa.") for zone in members(unknown))
    assert "::4" not in named_conf(unknown, "ns2")

    one, two = (build(loaded.state, {"wan0": KnownPrefix(IPv6Network(f"2001:db8:{n}::/64"))}).site for n in (1, 2))
    assert one is not None
    assert two is not None
    old = {zone for zone in members(one) if zone.endswith("ip6.arpa.")}
    assert len(old) == 1
    assert not old & members(two)
    zones = {name: DeployedZone(item.zone, item.dynamic, 1) for name, item in one.zones.items()}
    both = renumbered.with_kept(two, dict.fromkeys(old, 99), Deployed("1", zones, prefixes=one.prefixes))
    assert members(both) == members(two) | old
    assert copied_by(both, "ns2") == {*members(both), CATALOG}


def test_a_zone_that_only_looks_like_a_catalog_is_none() -> None:
    version = {("version.x.test.", "TXT"): RRset("version.x.test.", 0, "TXT", ('"2"',))}
    assert not Zone("x.test.", SOA("ns.x.test.", "h.x.test."), version).is_catalog
    assert not Zone("x.test.", SOA("invalid.", "invalid."), {}).is_catalog
    assert Zone("x.test.", SOA("invalid.", "invalid."), version).is_catalog


def test_thousands_of_secondaries_are_checked_in_a_moment() -> None:
    """Each with each, or each with every name of a zone, would take minutes."""
    count = 6000
    servers = "".join(
        f"  s{number}: {{address: 203.0.{number // 250}.{number % 250 + 1}, catalog: {name}}}\n"
        for number in range(count)
        for name in (f"c{number}.b.example" if number % 2 else "catalog.example.net",)
    )
    zones = {"zones/b.example.yaml": "".join(f"h{number}: {{type: A, value: 192.0.2.1}}\n" for number in range(20_000))}
    begun = time.monotonic()
    site = made({**files(servers, default=f"[{', '.join(f's{number}' for number in range(count))}]"), **zones})
    assert time.monotonic() - begun < 60
    assert len(members(site)) == len(members(site, "c1.b.example.")) == 3
