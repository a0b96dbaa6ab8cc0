"""What a zone's parent has to hold, and what answers mean, without a network."""

from ipaddress import IPv4Network

import dns.message
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_trees import built

from reconciler.delegation import expected, judge, links, parent, request
from reconciler.delegation.expected import Delegation
from reconciler.delegation.links import Link
from reconciler.delegation.parent import Place
from reconciler.delegation.served import Served
from reconciler.dns import reverse
from reconciler.dns.reverse import ClasslessStyle
from reconciler.errors import Refused
from reconciler.site import Site
from reconciler.state.addresses import server_address

PLACE = Place("ns.isp.test.", server_address("192.0.2.1"))
ZONES = "ns1: {type: A, value: 198.51.100.2}\nns2: {type: AAAA, value: 2001:db8::2}\n"


def site(network: str, reverse_name: str, domain: str = "example.org") -> Site:
    text = f"""\
version: 1
site: small
domain: {domain}
networks:
  lan: {{ipv4: {network}, reverse: {reverse_name}}}
dns: {{clients_ask: bind, authoritative: bind, nameservers: [ns1.{domain}, ns2.{domain}]}}
"""
    found = built({"site.yaml": text, "hosts.yaml": "", f"zones/{domain}.yaml": ZONES}).site
    assert found is not None
    return found


def classless(label: str, network: str = "198.51.100.192/26") -> Delegation:
    name = f"{label}.100.51.198.in-addr.arpa"
    return expected.of(site(network, name), f"{name}.")


@pytest.mark.parametrize(
    ("label", "others"),
    [
        ("192-255", ("192/26",)),
        ("192/26", ("192-255",)),
        ("192", ("192/26", "192-255")),
        ("fritz", ("192/26", "192-255")),
    ],
)
def test_naming_styles(label: str, others: tuple[str, ...]) -> None:
    item = classless(label)
    assert item.others == tuple(f"{other}.100.51.198.in-addr.arpa." for other in others)
    assert len(item.links) == 64
    assert item.links["193.100.51.198.in-addr.arpa."] == f"193.{label}.100.51.198.in-addr.arpa."
    text = request.letter(item)
    assert f"193.100.51.198.in-addr.arpa. 3600 IN CNAME 193.{label}.100.51.198.in-addr.arpa.\n" in text
    assert f"$GENERATE 192-255 $ CNAME $.{label}" in text
    assert any(f"reverse: {others[0]}.100.51.198.in-addr.arpa`" in note for note in request.notes(item))


@given(
    st.integers(25, 32),
    st.integers(0, 255),
    st.sampled_from([ClasslessStyle.RANGE, ClasslessStyle.SLASH]),
    st.booleans(),
)
def test_the_parent_can_load_what_it_is_sent(length: int, octet: int, style: ClasslessStyle, relative: bool) -> None:
    network = IPv4Network((f"198.51.100.{octet}", length), strict=False)
    name = reverse.classless_name(network, style)
    item = expected.of(site(str(network), name[:-1]), name)
    head = f"{item.parent} 3600 IN SOA . . 1 1 1 1 1\n{item.parent} 3600 IN NS ns.isp.test.\n"
    zone = dns.zone.from_text(head + "\n".join(request.records(item, relative=relative)), item.parent, relativize=False)
    assert {rdata.target.to_text() for rdata in zone.find_rdataset(name, "NS")} == set(item.nameservers)
    for address in network:
        (cname,) = zone.find_rdataset(reverse.ptr_name(address), "CNAME")
        assert cname.target.to_text() == f"{int(address) & 255}.{name}"


def test_glue_goes_with_name_servers_in_the_zone_only() -> None:
    found = site("198.51.100.192/26", "192-255.100.51.198.in-addr.arpa")
    item = expected.of(found, "example.org.")
    assert item.parent == "org." and not item.links
    assert request.records(item, relative=True) == [
        "$ORIGIN org.",
        "example 3600 IN NS ns1.example",
        "example 3600 IN NS ns2.example",
        "ns1.example 3600 IN A 198.51.100.2",
        "ns2.example 3600 IN AAAA 2001:db8::2",
    ]
    assert not expected.of(found, "192-255.100.51.198.in-addr.arpa.").glue


@pytest.mark.parametrize(
    ("network", "reverse_name", "domain", "public"),
    [
        ("192.88.99.192/26", "192-255.99.88.192.in-addr.arpa", "example.org", True),
        ("192.168.7.0/24", "7.168.192.in-addr.arpa", "lan", False),
        ("10.1.2.0/24", "2.1.10.in-addr.arpa", "site.home.arpa", False),
        ("100.64.1.0/24", "1.64.100.in-addr.arpa", "a.internal", False),
    ],
)
def test_public_zones(network: str, reverse_name: str, domain: str, public: bool) -> None:
    found = site(network, reverse_name, domain)
    assert set(expected.public(found)) == (set(found.zones) if public else set())
    assert bool(expected.of(found, f"{reverse_name}.").private) is not public
    assert bool(expected.of(found, f"{domain}.").private) is not public


def test_nobody_delegates_a_catalog() -> None:
    files = {
        "site.yaml": """\
version: 1
site: small
domain: example.org
networks: {}
dns: {clients_ask: bind, authoritative: bind, nameservers: [ns1.example.org, ns2.example.org], secondaries: [ns2]}
keys: {xfer: {secret: {secret: xfer}}}
secondaries: {ns2: {address: 203.0.113.53, key: xfer, catalog: catalog.example.net}}
""",
        "hosts.yaml": "",
        "zones/example.org.yaml": ZONES,
    }
    found = built(files).site
    assert found is not None and "catalog.example.net." in found.zones
    assert expected.public(found) == ["example.org."]


def test_a_zone_that_is_not_there() -> None:
    with pytest.raises(Refused, match=r"zone nowhere\. is not in this state; its zones are: .*example\.org"):
        expected.of(site("198.51.100.192/26", "192-255.100.51.198.in-addr.arpa"), "nowhere.")


def message(text: str) -> dns.message.Message:
    return dns.message.from_text(f"id 1\nopcode QUERY\n{text}")


ZONE = "192-255.100.51.198.in-addr.arpa."
UP = "100.51.198.in-addr.arpa."


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"rcode NOERROR\nflags QR\n;AUTHORITY\n{ZONE} 60 IN NS ns1.example.org.", "delegates"),
        (f"rcode NOERROR\nflags QR\n;AUTHORITY\n{UP} 60 IN NS ns1.example.org.", "above"),
        (f"rcode NOERROR\nflags QR AA\n;ANSWER\n{ZONE} 60 IN NS ns1.example.org.", "hosts"),
        (f"rcode NOERROR\nflags QR RA\n;ANSWER\n{ZONE} 60 IN NS ns1.example.org.", "useless"),
        (f"rcode NXDOMAIN\nflags QR AA\n;AUTHORITY\n{UP} 60 IN SOA . . 1 1 1 1 1", "missing"),
        (f"rcode NXDOMAIN\nflags QR RA\n;AUTHORITY\n{UP} 60 IN SOA . . 1 1 1 1 1", "useless"),
        (f"rcode NOERROR\nflags QR AA\n;ANSWER\n{ZONE} 60 IN CNAME else.where.", "missing"),
        ("rcode NOERROR\nflags QR\n;AUTHORITY\nelse.where. 60 IN NS ns1.example.org.", "useless"),
        ("rcode REFUSED\nflags QR", "useless"),
        ("rcode NOERROR\nflags QR", "useless"),
    ],
)
def test_what_a_parent_says(text: str, kind: str) -> None:
    assert parent.read(message(text), ZONE).kind == kind


def test_addresses_are_told_as_ranges() -> None:
    item = classless("192-255")
    found = dict.fromkeys(item.links, Link("none"))
    for octet in (194, 195, 255):
        owner = f"{octet}.{UP}"
        found[owner] = Link("cname", item.links[owner])
    (one,) = links.judge(PLACE, item, found)
    assert "no CNAME for 61 of 64 addresses (.192-.193, .196-.254)" in one.text


def test_each_fault_of_cnames_is_told_once() -> None:
    item = classless("192/26")
    found: dict[str, Link] = {owner: Link("cname", target) for owner, target in item.links.items()}
    found[f"200.{UP}"] = Link("ptr", "old.isp.test.")
    found[f"201.{UP}"] = Link("cname", f"201.192-255.{UP}")
    found[f"202.{UP}"] = Link("cname", "202.fritz.example.")
    remedies = {one.text.split(",")[0]: one.remedy for one in links.judge(PLACE, item, found)}
    assert len(remedies) == 3
    assert sum("you take that name" in remedy for remedy in remedies.values()) == 1


def test_no_server_of_ours_answers() -> None:
    """There is nothing to compare a third one with, and it is told all the same."""
    item = classless("192-255")
    third = Served(PLACE, "a. b. 5 1 1 1 1", nameservers=("ns.isp.test.",), differing=("x PTR is y",))
    ours = Served(Place("ns1.example.org.", server_address("192.0.2.2")), words="no answer")
    texts = [one.text for one in judge.children(item, {"ns.isp.test."}, [third, ours])]
    assert any("forgotten" in text for text in texts) and any("lame" in text for text in texts)


def test_a_server_that_names_thousands_is_told_in_short() -> None:
    item = classless("192-255")
    many = tuple(f"n{number}.evil.test." for number in range(2000))
    view = parent.View("delegates", item.zone, many)
    found = [*judge.parents(item, [(PLACE, view)]), *judge.unresolved(dict.fromkeys(many, "no answer"))]
    assert len(found) < 30
    assert max(len(one.text) + len(one.remedy) for one in found) < 1000
    assert any("and 1980 more" in one.text or "1980 name servers more" in one.text for one in found)
