"""Node files of what was added to the servers: secondaries, views, isolated networks; of every state that is shown."""

import re
import shlex
from ipaddress import ip_address
from pathlib import Path

import pytest
from bootstrap_looks import first, lines, text
from bootstrap_sites import APART, BEHIND, EVERY, OFFICE, SINGLE, SITES, rendered, state_of

from reconciler import config
from reconciler.bootstrap.firewall import rules
from reconciler.bootstrap.read import facts

ROOT = Path(__file__).parents[2]
HOME = SITES["home"][0]


@pytest.mark.parametrize("name", EVERY)
def test_every_state_that_is_shown_has_its_node_files(name: str):
    """And the commands of README.md name files that are there, in the node's folder or in the clone."""
    files = rendered(*EVERY[name])[1]
    commands = [line[4:] for line in files["README.md"].text.splitlines() if line.startswith("    ")]
    put = [line.split()[1:] for line in commands if line.startswith("put ")]
    assert len(put) >= 8
    for mode, path in put:
        assert f"{files[path].mode:o}" == mode
    for line in commands:
        for script in re.findall(r"sudo sh (\S+)", line):
            assert script in files or script == "-c"
        for path in re.findall(r"\$CLONE/(\S+)", line):
            assert list(ROOT.glob(path)), path


def test_readme_parts_its_commands_by_words():
    """Markdown would make one block of two."""
    for site, node in (*SITES.values(), *(EVERY[name] for name in EVERY if name.startswith("example "))):
        lines = rendered(site, node)[1]["README.md"].text.splitlines()
        blanks = [number for number, line in enumerate(lines) if not line and 0 < number < len(lines) - 1]
        assert not [number for number in blanks if lines[number - 1][:4] == lines[number + 1][:4] == "    "]


def test_bind_behind_dnsmasq_listens_where_secondaries_come():
    """At this node's addresses alone, and for those who may copy."""
    options = "etc/bind/named.conf.options"
    assert [line for line in lines(BEHIND, "ns1", options) if line.startswith(("listen", "allow"))] == [
        "listen-on port 5353 { 127.0.0.1; 198.51.100.2; };",
        "listen-on port 4353 { 198.51.100.4; };",
        "listen-on-v6 port 4353 { 2001:db8:a::4; };",
        "allow-recursion { localhost; };",
        "allow-query-cache { localhost; };",
        'allow-query { localhost; key "xfer"; 203.0.113.54; 2001:db8:54::53; };',
        "allow-transfer { none; };",
    ]
    assert "listen-on port 5353 { 127.0.0.1; 198.51.100.3; };" in lines(BEHIND, "ns2", options)
    # Nothing of it where nobody copies.
    assert [line for line in lines(OFFICE, "ns1", options) if line.startswith(("listen", "allow"))] == [
        "listen-on port 5353 { 127.0.0.1; };",
        "listen-on-v6 { none; };",
        "allow-recursion { localhost; };",
        "allow-query-cache { localhost; };",
        "allow-transfer { none; };",
    ]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_only_secondaries_are_let_in_there(protocol: str):
    found = rules(facts(state_of(BEHIND), "ns1", {}))
    for source, to, port, wanted in (
        ("203.0.113.53", "198.51.100.4", "4353", True),
        ("203.0.113.54", "198.51.100.2", "5353", True),
        ("2001:db8:54::53", "2001:db8:a::4", "4353", True),
        ("203.0.113.54", "198.51.100.4", "4353", None),
        ("203.0.113.53", "198.51.100.2", "5353", None),
        ("198.51.100.9", "198.51.100.4", "4353", None),
        # The other node's.
        ("203.0.113.54", "198.51.100.3", "5353", None),
    ):
        assert first(found, source, to, "eth0", port, protocol) is wanted, (source, to, port)


def test_bind_in_front_needs_nothing_more_for_secondaries_at_port_53():
    site = BEHIND.replace("clients_ask: dnsmasq", "clients_ask: bind").replace("forwarders: [9.9.9.9]", "")
    plain = site.replace(', primary: "198.51.100.4:4353"', "").replace(
        'primary: ["198.51.100.2:5353", "198.51.100.3:5353", "[2001:db8:a::4]:4353"]', "primary: 198.51.100.4"
    )
    options = "etc/bind/named.conf.options"
    assert [line for line in lines(plain, "ns1", options) if line.startswith(("listen", "allow-query "))] == [
        "listen-on { any; };",
        "listen-on-v6 { any; };",
    ]
    here = facts(state_of(plain), "ns1", {})
    assert first(rules(here), "203.0.113.53", "198.51.100.4", "eth0", protocol="tcp") is True
    assert here.notes == ()
    assert "listen-on port 4353 { 198.51.100.4; };" in lines(site, "ns1", options)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (', primary: "198.51.100.4:4353"', "", 'It is not known where secondary "with_key" reaches BIND'),
        ("198.51.100.4:4353", "192.0.2.1:4353", '"with_key" comes by 192.0.2.1:4353, which is none of'),
        ("198.51.100.4:4353", "198.51.100.4", "is to find BIND at 198.51.100.4, where port 53 is dnsmasq's"),
        ("", "", "port 4353 of 198.51.100.4 from 203.0.113.53 alone. Where addresses are translated"),
    ],
)
def test_readme_tells_what_of_a_secondary_cannot_be_known(old: str, new: str, what: str):
    here, files = rendered(BEHIND.replace(old, new, 1), "ns1")
    (note,) = here.notes
    assert what in note
    assert f"- {note}\n" in files["README.md"].text


@pytest.mark.parametrize("name", EVERY)
def test_debians_zones_go_where_the_state_makes_views_and_only_there(name: str):
    readme = text(*EVERY[name], "README.md")
    assert ("named.conf.default-zones" in readme) == (name.split()[1] in ("home-views", "split", "apart"))


ISOLATED = SINGLE.replace("dns:", "  guest: {ipv4: 192.168.3.0/24, domain: guest.example.org, isolated: yes}\ndns:")
VIEWS = SINGLE + "views: {inside: {clients: [lan], zones: all}}\n"


@pytest.mark.parametrize(
    ("site", "with_views"),
    [
        (SINGLE, False),
        (ISOLATED, True),
        (VIEWS, True),
        (ISOLATED.replace("authoritative: bind", "authoritative: none"), False),
        (OFFICE, False),
        (APART, False),
        (OFFICE + "views: {inside: {clients: [any], zones: all}}\n", True),
    ],
)
def test_views_by_whatever_makes_them(site: str, with_views: bool):
    node = next(iter(state_of(site).site.nodes))
    assert ("'/named.conf.default-zones/d'" in text(site, node, "README.md")) is with_views


def test_clients_of_views_with_recursion_are_recursed_for_but_never_the_world():
    views = "views: {far: {clients: [10.8.0.0/24, 10.9.0.7], zones: all, recursion: yes}, all: {clients: any%s}}\n"
    site = SINGLE + views % ", zones: all, recursion: no"
    acl = lines(site, "malaria", "etc/bind/named.conf.options")
    assert acl[1:5] == ["localhost;", "198.51.100.192/26;", "10.8.0.0/24;", "10.9.0.7/32;"]
    assert facts(state_of(site), "malaria", {}).notes == facts(state_of(SINGLE), "malaria", {}).notes
    for client in ("any", "0.0.0.0/0"):
        site = SINGLE + f"views: {{all: {{clients: {client}, zones: all, recursion: yes}}}}\n"
        assert acl[1:3] == lines(site, "malaria", "etc/bind/named.conf.options")[1:3]
        assert "open resolver" in facts(state_of(site), "malaria", {}).notes[-1]


def test_guests_of_bind_ask_wherever_they_like():
    """It tells them by their addresses; this server may have none in their network."""
    found = rules(facts(state_of(ISOLATED), "malaria", {}))
    assert first(found, "192.168.3.50", "198.51.100.253", "eth0") is True
    found = rules(facts(state_of(ISOLATED.replace("authoritative: bind", "authoritative: none")), "malaria", {}))
    assert first(found, "192.168.3.50", "198.51.100.253", "eth0") is True
    assert first(found, "203.0.113.9", "198.51.100.253", "eth0") is None


def test_isolated_networks_have_what_their_dnsmasq_needs(tmp_path: Path):
    """One name and one place everywhere: node.yaml, defaults of the unit, pair, helper."""
    here, files = rendered(APART, "ns1")
    assert here.isolated == ("guest", "things")
    (tmp_path / "node.yaml").write_text(files["etc/reconciler/node.yaml"].text)
    main = config.load(tmp_path / "node.yaml").dnsmasq
    assert main is not None
    group = shlex.split(lines(APART, "ns1", "etc/reconciler/ha.conf")[0].partition("=")[2])[0].split()
    asked = set()
    for name in here.isolated:
        own = main.instance(name)
        defaults = dict(
            shlex.split(line)[0].split("=", 1) for line in lines(APART, "ns1", f"etc/default/dnsmasq.{name}")
        )
        assert defaults == {
            "DNSMASQ_OPTS": f"--conf-file={own.directory}/dnsmasq.conf",
            "DNSMASQ_EXCEPT": "lo",
            "IGNORE_RESOLVCONF": "yes",
        }
        # Root's alone to change, and where the restart helper looks for it.
        assert files[f"etc/default/dnsmasq.{name}"].mode == 0o644
        assert " --instances /etc/default/dnsmasq.\n" in (ROOT / "systemd/reconciler-helper@.service").read_text()
        assert str(own.lease_file) == f"/srv/drbd0/reconciler/leases/dnsmasq-{name}.leases"
        assert ip_address(own.address).is_loopback
        asked.add(own.address)
        # After the main one, which may have to give the interface up first.
        assert group.index("reconciler-service::dnsmasq") < group.index(f"reconciler-service::{own.unit}")
    assert len(asked | {main.address, "127.0.0.1"}) == 3
    stay = lines(APART, "ns1", "etc/systemd/system/reconciler-keepalived.service.d/reconciler.conf")
    assert stay == ["[Unit]", "After=dnsmasq@guest.service dnsmasq@things.service"]
    found = rules(facts(state_of(APART), "ns1", {}))
    for source, to, interface, wanted in (
        ("192.168.3.50", "192.168.3.4", "eth0.3", True),
        ("192.168.4.50", "192.168.4.4", "eth0.4", True),
        ("192.168.4.50", "192.168.3.4", "eth0.4", False),
        ("192.168.3.50", "192.168.1.4", "eth0.3", False),
    ):
        assert first(found, source, to, interface) is wanted


def test_secrets_that_the_daemon_reads_are_asked_for():
    assert "    sudo install -m 640 -g reconciler /dev/stdin /etc/reconciler/secrets/transfer\n" in text(
        BEHIND, "ns1", "README.md"
    )
    assert "/dev/stdin /etc/reconciler/secrets/namecheap\n" in text(HOME, "lsvm1", "README.md")
    assert "Secrets" not in text(SINGLE, "malaria", "README.md")


def test_addresses_that_nothing_moves_are_told():
    alone = BEHIND[: BEHIND.index("pair:")]
    assert (
        "198.51.100.4, 2001:db8:a::4 of `virtual_ips:` is on no interface" in facts(state_of(alone), "ns1", {}).notes[0]
    )
    assert not any("virtual_ips" in note for note in facts(state_of(BEHIND), "ns1", {}).notes)
