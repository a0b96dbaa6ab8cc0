"""Node files as text: what follows from the state, what is refused, and that nothing of the state breaks out."""

import json
import re
import shlex
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from bootstrap_looks import first, lines, text
from bootstrap_sites import OFFICE, SECRETS, SINGLE, SITES, SIX, rendered, state_of
from hypothesis import given
from hypothesis import strategies as st

from reconciler import config
from reconciler.bootstrap import secret
from reconciler.bootstrap.firewall import rules
from reconciler.bootstrap.read import facts
from reconciler.bootstrap.text import argument, block, word
from reconciler.errors import Refused
from reconciler.state.secret import SecretRef

ROOT = Path(__file__).parents[2]
HOME = SITES["home"][0]


def own_lines(path: str, *, mount: str = "/srv/drbd0") -> list[str]:
    """What a file of this project has that is no comment."""
    found = (ROOT / path).read_text().replace("/srv/drbd0", mount).splitlines()
    return [line.strip() for line in found if line.strip() and line.strip()[0] != "#"]


def test_the_home_network_has_what_its_document_says():
    assert lines(HOME, "lsvm1", "etc/ha.d/ha.cf") == [
        "logfacility daemon",
        "keepalive 500ms",
        "warntime 3",
        "deadtime 6",
        "initdead 30",
        "udpport 694",
        "ucast enp2s1 192.168.1.6",
        "ucast enp2s1 192.168.1.7",
        "auto_failback on",
        "node lsvm1 lsvm2",
    ]
    assert lines(HOME, "lsvm1", "etc/ha.d/haresources") == [
        "lsvm2 drbddisk::drbd0 Filesystem::/dev/drbd0::/srv/drbd0::ext4::noatime,nosuid,nodev "
        "IPaddr2::192.168.1.4/24/enp2s1 IPv6addr::2601:040f:4100:13c2:0000:ffff:c0a8:0104/64/enp2s1 "
        "IPaddr2::192.168.3.4/24/enp2s1.3 IPv6addr::2601:040f:4100:13c2:0000:ffff:c0a8:0304/64/enp2s1.3 "
        "reconciler-prepare reconciler-service::dnsmasq reconciler-service::dnsmasq@guest reconciler-active"
    ]
    assert lines(HOME, "lsvm2", "etc/network/interfaces.d/reconciler") == [
        "auto enp2s1",
        "iface enp2s1 inet static",
        "address 192.168.1.7/24",
        "gateway 192.168.1.1",
        "dns-nameservers 9.9.9.9 149.112.112.112",
        "iface enp2s1 inet6 auto",
        "auto enp2s1.3",
        "iface enp2s1.3 inet static",
        "vlan-raw-device enp2s1",
        "address 192.168.3.7/24",
    ]
    assert not [path for path in rendered(HOME, "lsvm1")[1] if "bind" in path or "keepalived" in path]


def test_they_are_what_docs_pair_md_and_the_examples_say():
    """By hand or by this command: the same files."""
    manual = (ROOT / "docs/pair.md").read_text()
    site = HOME.replace("auto_failback: yes", "auto_failback: no")
    for line in lines(site, "lsvm1", "etc/ha.d/ha.cf"):
        assert line.split()[0] in ("ucast",) or f"    {line}\n" in manual
    for line in lines(HOME, "lsvm1", "etc/drbd.d/drbd0.res"):
        if "reconciler-drbd-handler" in line:
            assert re.sub(" +", " ", line) in re.sub(" +", " ", manual)
    example = own_lines("hooks/keepalived.conf.example")
    swap = {"lsvm1": "ns1", "priority 100": "priority 90"}
    expected = [swap.get(line, line).replace("router_id lsvm1", "router_id ns1") for line in example]
    no_auth = OFFICE.replace("  auth: {secret: vrrp}\n", "")
    assert lines(no_auth, "ns1", "etc/keepalived/keepalived.conf") == expected
    (group,) = (line for line in own_lines("hooks/ha.conf.example") if line.startswith("GROUP"))
    assert lines(OFFICE, "ns1", "etc/reconciler/ha.conf") == [group]
    assert lines(OFFICE, "ns1", "etc/apparmor.d/local/usr.sbin.named") == own_lines("hooks/apparmor-named.local")


@pytest.mark.parametrize("unit", ["named", "dnsmasq"])
@pytest.mark.parametrize("mount", ["/srv/drbd0", "/data/disk"])
def test_drop_ins_are_those_of_the_project(unit: str, mount: str):
    site = OFFICE.replace("/srv/drbd0", mount)
    path = f"etc/systemd/system/{unit}.service.d/reconciler.conf"
    assert lines(site, "ns1", path) == own_lines(f"systemd/{unit}-pair.conf", mount=mount)
    # Only what is not below /srv has to be let in.
    extra = "etc/systemd/system/reconciler.service.d/reconciler.conf"
    assert (extra in rendered(site, "ns1")[1]) == (mount == "/data/disk")
    if mount == "/data/disk":
        assert lines(site, "ns1", extra) == ["[Service]", "ReadWritePaths=/data"]


@pytest.mark.parametrize("unit", ["reconciler-prepare", "reconciler-active"])
def test_a_mount_of_the_units_own_is_taken_away(unit: str):
    """They have `ConditionPathIsMountPoint=/srv/drbd0`, to which another would be added (systemd.unit(5))."""
    assert "ConditionPathIsMountPoint=/srv/drbd0" in own_lines(f"systemd/{unit}.service")
    path = f"etc/systemd/system/{unit}.service.d/reconciler.conf"
    made = lines(OFFICE.replace("/srv/drbd0", "/srv/other"), "ns1", path)
    assert made == ["[Unit]", "ConditionPathIsMountPoint=", "ConditionPathIsMountPoint=/srv/other"]


def test_the_order_at_shutdown_is_that_of_the_project():
    mine = lines(HOME, "lsvm1", "etc/systemd/system/heartbeat.service.d/reconciler.conf")
    theirs = own_lines("systemd/heartbeat-pair.conf")
    assert mine[0] == theirs[0]
    assert set(theirs[1].split()) - {"named.service"} <= set(mine[1].split())


def test_pacemaker_is_told_what_the_example_says():
    """Names and order of the group, agents, bounds of time; addresses are counted here."""
    site, node = SITES["pacemaker"]
    mine = [shlex.split(line) for line in lines(site, node, "pacemaker.sh") if line.startswith("pcs ")]
    theirs = [shlex.split(line) for line in own_lines("hooks/pacemaker.example") if line.startswith("pcs ")]
    swap = {"address4": "address1", "address6": "address2"}
    wanted = [[swap.get(token, token) for token in line] for line in theirs]
    mine = [[token for token in line if token != "nic=eth0"] for line in mine]
    assert [line for line in mine if line not in wanted] == [
        ["pcs", "constraint", "location", "serve", "prefers", "ns2=50"]
    ]
    assert [line for line in wanted if line not in mine] == []


def test_node_yaml_is_one_that_the_daemon_reads(tmp_path: Path):
    for number, (site, node) in enumerate(SITES.values()):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text(site, node, "etc/reconciler/node.yaml"))
        settings = config.load(path)
        assert settings.node == node
        shared = state_of(site).site.pair
        assert settings.role == (shared.manager if shared else "always")
        assert (settings.mount is None) == (shared is None)
        assert settings.bind is None or (settings.bind.address, settings.bind.port) == (
            "127.0.0.1",
            53 if site == SINGLE else 5353,
        )


def test_this_node_never_asks_its_own_servers():
    for site, node in SITES.values():
        here, files = rendered(site, node)
        ours = {address.ip for link in here.links for address in link.virtual} | set(here.addresses)
        named = re.findall(r"^nameserver (.*)$", files["etc/resolv.conf"].text, re.MULTILINE)
        assert named
        assert not ours & {ip_address(each) for each in named}
    assert text(SINGLE, "malaria", "etc/resolv.conf").endswith("nameserver 198.51.100.254\n")


def test_netplan_and_ifupdown_agree():
    for site, node in SITES.values():
        files = rendered(site, node)[1]
        if "etc/netplan/60-reconciler.yaml" not in files:
            continue
        network = yaml.safe_load(files["etc/netplan/60-reconciler.yaml"].text)["network"]
        ours = {
            own
            for kind in ("ethernets", "vlans")
            for each in network.get(kind, {}).values()
            for own in each.get("addresses", ())
        }
        found = re.findall(r"^ +address (.*)$", files["etc/network/interfaces.d/reconciler"].text, re.MULTILINE)
        assert ours == set(found)


def test_isolated_clients_ask_at_their_own_networks_addresses_alone():
    found = rules(facts(state_of(HOME), "lsvm1", {}))
    guest = "192.168.3.50"
    assert first(found, guest, "192.168.3.4", "enp2s1.3") is True
    assert first(found, guest, "192.168.3.6", "enp2s1.3") is True
    assert first(found, guest, "192.168.1.4", "enp2s1.3") is False
    # Through the router, it comes in by the other interface.
    assert first(found, guest, "192.168.1.4", "enp2s1") is False
    # With an address of the other network.
    assert first(found, "192.168.1.50", "192.168.1.4", "enp2s1.3") is False
    assert first(found, "192.168.1.50", "192.168.1.4", "enp2s1") is True
    assert first(found, "192.168.1.50", "192.168.3.4", "enp2s1") is True
    assert first(found, "203.0.113.9", "192.168.1.4", "enp2s1") is None
    assert first(found, guest, "192.168.3.6", "enp2s1.3", "22") is None


def test_the_nodes_alone_speak_to_each_other():
    found = {rule.why: rule for rule in rules(facts(state_of(OFFICE), "ns1", {}))}
    assert (str(found["DRBD"].source), str(found["DRBD"].to)) == ("192.168.10.3", "192.168.10.2")
    vrrp = [rule for rule in rules(facts(state_of(OFFICE), "ns1", {})) if rule.protocol == "vrrp"]
    assert [(str(rule.source), str(rule.to)) for rule in vrrp] == [
        ("192.168.10.3", "192.168.10.2"),
        ("2001:db8:a::3", "2001:db8:a::2"),
    ]
    assert [rule.port for rule in rules(facts(state_of(SIX), "one", {})) if rule.why == "DRBD"] == ["7790"]


def test_zones_of_a_public_server_are_answered_to_everybody():
    found = rules(facts(state_of(SINGLE), "malaria", {}))
    assert first(found, "203.0.113.9", "198.51.100.253", "eth0") is True
    assert "allow-recursion { reconciler-clients; };" in text(SINGLE, "malaria", "etc/bind/named.conf.options")


CARRIED = """\
  other: {interface: eth1, ipv4: 192.168.2.0/24}
  guest: {interface: guest0, vlan: 3, ipv4: 192.168.3.0/24}
"""

REFUSED = {
    "no such node": (OFFICE, "ns3", 'site.yaml:4:1: there is no node "ns3"; `nodes:` has ns1, ns2'),
    "no disk": (OFFICE[: OFFICE.index("  drbd:")], "ns1", "site.yaml:22:1: the pair has no disk"),
    "no interface": (
        OFFICE.replace("address: 192.168.10.2", "address: [192.168.11.2, 192.168.10.2]"),
        "ns1",
        "site.yaml:5:19: 192.168.11.2, the first address of ns1, is in no network that has an interface",
    ),
    "nobody to ask": (
        OFFICE.replace("9.9.9.9, ", "").replace("    router: 192.168.10.1\n", ""),
        "ns1",
        "site.yaml:16:1: nobody is named whom ns1 itself could ask",
    ),
    "which carrier": (
        OFFICE.replace("networks:\n", f"networks:\n{CARRIED}"),
        "ns1",
        'site.yaml:9:22: which interface carries VLAN 3 of network "guest" does not show; name its interface after it',
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str):
    site, node, what = REFUSED[case]
    state = state_of(site)
    with pytest.raises(Refused) as error:
        facts(state, node, {})
    assert what in str(error.value)


def test_a_secret_stands_in_its_file_alone_and_the_file_is_closed():
    for site, node in SITES.values():
        for path, file in rendered(site, node)[1].items():
            for value in SECRETS.values():
                assert value not in file.text or (file.mode == 0o600 and path.startswith("etc/"))


@given(value=st.text(min_size=1, max_size=80))
def test_whatever_a_secret_is_it_is_written_whole_or_refused(value: str):
    try:
        files = rendered(HOME, "lsvm1", {"drbd": value, "heartbeat": value})[1]
    except Refused as error:
        allowed = "write 1 to 63 letters, digits and + / = _ . : , % ^ ~ -"
        assert str(error) == f"secret drbd cannot be used: {allowed}", "the same, whatever the secret is"
        return
    assert f'        shared-secret "{value}";\n' in files["etc/drbd.d/drbd0.res"].text
    assert f"\n1 sha1 {value}\n" in files["etc/ha.d/authkeys"].text


@given(value=st.text(max_size=60))
def test_a_word_has_nothing_that_a_format_means_anything_by(value: str):
    try:
        found = word(value)
    except Refused:
        return
    assert shlex.split(found) == [value]
    assert not re.search(r"""[\s"'#;{}$`\\|&<>()*?,=~!%]""", found)
    assert yaml.safe_load(json.dumps(found)) == value


@given(st.lists(st.lists(st.sampled_from(["a;", "b c;"]), max_size=3), max_size=3))
def test_blocks_close_what_they_open(bodies: list[list[str]]):
    made = block("out", *(block("in", *body) for body in bodies))
    depth = 0
    for line in made:
        depth += line.endswith("{") - line.strip().startswith("}")
        assert depth >= 0
    assert depth == 0
    assert sum(line.strip() in ("a;", "b c;") for line in made) == sum(map(len, bodies))


def test_keepalived_takes_eight_characters():
    with pytest.raises(Refused, match="secret vrrp cannot be used: write 1 to 8"):
        rendered(OFFICE, "ns1", {**SECRETS, "vrrp": "123456789"})
    assert secret.placeholder(SecretRef.model_validate({"secret": "vrrp"})) in text_without(OFFICE, "vrrp")


def text_without(site: str, name: str) -> str:
    others = {key: value for key, value in SECRETS.items() if key != name}
    return rendered(site, "ns1", others)[1]["etc/keepalived/keepalived.conf"].text


def test_readme_numbers_its_steps_and_says_what_differs():
    for site, node in SITES.values():
        readme = text(site, node, "README.md")
        numbers = [int(number) for number in re.findall(r"^## (\d+)\.", readme, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1))
    readme = text(OFFICE, "ns1", "README.md")
    differing = readme.partition("What differs on ns2")[2]
    assert "etc/keepalived/keepalived.conf" in differing
    assert "etc/drbd.d/r0.res" not in differing


def test_readme_installs_every_file_or_runs_it():
    for site, node in SITES.values():
        files = rendered(site, node)[1]
        readme = files["README.md"].text
        for path, file in files.items():
            used = f"    put {file.mode:o} {path}\n" in readme or f"sudo sh {path}\n" in readme
            assert used or path.endswith(("README.md", "authorized_keys")), path


def test_an_address_that_cannot_be_known_is_left_out_and_told():
    site = OFFICE.replace("ipv6: 2001:db8:a::/64", "ipv6: {prefix_from: eth1}").replace('"2001:db8:a::4"', '"::4"')
    here, files = rendered(site, "ns1")
    assert "::4" in here.notes[0]
    assert here.notes[0] in files["README.md"].text
    assert "::4" not in files["etc/keepalived/keepalived.conf"].text


def test_addresses_of_a_family_without_ends_move_beside_the_other():
    """VRRP carries one family; where the nodes have no fixed IPv6 address of their own, IPv4's instance takes both."""
    site = OFFICE.replace(', ipv6: "::2"', "").replace(', ipv6: "::3"', "")
    found = lines(site, "ns1", "etc/keepalived/keepalived.conf")
    assert "vrrp_instance ipv6 {" not in found
    at = found.index("virtual_ipaddress_excluded {")
    assert found[at + 1] == "2001:db8:a::4/64 dev eth0 preferred_lft 0"


def test_the_preferred_node_takes_the_role_back_only_where_it_shall():
    back = OFFICE.replace("manager: keepalived", "manager: keepalived\n  auto_failback: yes")
    for site, there, away in ((OFFICE, "nopreempt", "preempt_delay 30"), (back, "preempt_delay 30", "nopreempt")):
        found = lines(site, "ns2", "etc/keepalived/keepalived.conf")
        assert found.count(there) == 2
        assert away not in found
        assert found.count("priority 100") == 2
    assert "auto_failback off" in lines(SIX, "one", "etc/ha.d/ha.cf")
    pacemaker = SITES["pacemaker"][0].replace("manager: pacemaker", "manager: pacemaker\n  auto_failback: yes")
    assert "pcs resource defaults update resource-stickiness=0" in lines(pacemaker, "ns1", "pacemaker.sh")


def test_an_address_is_put_on_one_interface_where_networks_share_a_prefix():
    shared = "  other: {interface: eth1, ipv4: 192.168.2.0/24, ipv6: 2001:db8:a::/64}\n"
    site = OFFICE.replace("dns:\n", f"{shared}dns:\n", 1)
    assert text(site, "ns1", "etc/network/interfaces.d/reconciler").count("address 2001:db8:a::2/64") == 1


def test_a_secret_that_is_there_is_not_made_anew():
    """Without root's rights nobody sees into the folder, and what is there would seem missing."""
    made = [line for line in text(HOME, "lsvm1", "README.md").splitlines() if "/dev/urandom" in line]
    assert len(made) == 2
    assert all(line.startswith("    sudo test -e /etc/reconciler/secrets/") for line in made)


@pytest.mark.parametrize("name", ["e::suid", "a::b"])
def test_a_name_is_one_argument_of_a_resource_script(name: str):
    with pytest.raises(Refused, match="divides arguments"):
        argument(name)
    with pytest.raises(Refused, match="divides arguments"):
        rendered(HOME.replace("interface: enp2s1\n", f"interface: {name}\n"), "lsvm1")
