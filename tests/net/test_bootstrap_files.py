"""Every file of a node is one that its own program reads; and that program sees when the file is broken."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from bootstrap_programs import CHECKERS, HEARTBEAT, Node
from bootstrap_sites import EVERY, OFFICE, SECRETS, SITES, SIX, rendered, state_of

from reconciler.bootstrap import folder

NEEDED = ("drbdadm", "keepalived", "nft", "ufw", "named-checkconf", "dnsmasq", "netplan", "ifup", "apparmor_parser")
NEEDED += ("systemd-analyze", "systemd-sysusers", "/usr/sbin/sshd", "shellcheck")
missing = [program for program in NEEDED if shutil.which(program) is None]

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}"),
]


# Not every release has heartbeat any more.
no_heartbeat = shutil.which(HEARTBEAT) is None
ASKED = [name for name, (path, _) in CHECKERS.items() if path != "etc/ha.d" or not no_heartbeat]
with_heartbeat = pytest.mark.skipif(no_heartbeat, reason="heartbeat is not installed")


def written(path: Path, site: str | Mapping[str, str], name: str, secrets: dict[str, str] = SECRETS) -> Node:
    facts, files = rendered(site, name, secrets)
    folder.write(path / "node", files)
    return Node(path / "node", facts)


ALL = {**SITES, **EVERY}


@pytest.mark.parametrize("site", ALL)
def test_every_file_passes_its_program(site: str, tmp_path: Path) -> None:
    node = written(tmp_path, *ALL[site])
    asked = 0
    for name in ASKED:
        path, check = CHECKERS[name]
        if (node.tree / path).exists():
            said = check(node)
            assert said.well, f"{name}: {said.text}"
            asked += 1
    assert asked >= 8


def test_every_file_has_a_program(tmp_path: Path) -> None:
    """What no program checks is named here: node.yaml by our own reader, the list of keys, and README.md."""
    paths = {path for path, _ in CHECKERS.values()}
    without = {
        "README.md",
        "etc/reconciler/node.yaml",
        "srv/reconciler/.ssh/authorized_keys",
        "users.sh",
        "etc/default/dnsmasq",
    }
    for site, name in SITES.values():
        _, files = rendered(site, name)
        left = {path for path in files if not any(path.startswith(known) for known in (*paths, *without))}
        assert not left


BREAKS = {
    "drbdadm": ("home", "etc/drbd.d/drbd0.res", "address 192.168.1.6:7788;", "address 192.168.1.6;"),
    "heartbeat": ("home", "etc/ha.d/ha.cf", "keepalive 500ms", "keepalives 500ms"),
    "ResourceManager": ("home", "etc/ha.d/haresources", "IPaddr2::", "IPaddr9::"),
    "keepalived": ("keepalived", "etc/keepalived/keepalived.conf", "interface eth0", "interface eth9"),
    "ha.conf": ("keepalived", "etc/reconciler/ha.conf", "reconciler-prepare", "reconciler-prepares"),
    "pacemaker.sh": ("pacemaker", "pacemaker.sh", "pcs resource create disk", "pcs resources create disk"),
    "nft": ("home", "etc/nftables.d/reconciler.nft", "tcp dport 22", "tcp dports 22"),
    "ufw": ("home", "ufw.sh", "ufw allow proto tcp from 192.168.1.7", "ufw allow proto tcp from 192.168.1.777"),
    "named-checkconf": ("keepalived", "etc/bind/named.conf.options", "recursion yes;", "recursion yes"),
    "dnsmasq": ("home", "etc/dnsmasq.d/reconciler.conf", "conf-file=", "conf-fil="),
    "netplan": ("home", "etc/netplan/60-reconciler.yaml", "link: enp2s1", "link: enp9s1"),
    "ifup": ("home", "etc/network/interfaces.d/reconciler", "inet static", "inet statisch"),
    "apparmor_parser": ("keepalived", "etc/apparmor.d/local/usr.sbin.named", "/zones/ rw,", "/zones/ rq,"),
    "systemd-analyze": (
        "home",
        "etc/systemd/system/dnsmasq.service.d/reconciler.conf",
        "ConditionPathIsMountPoint=",
        "ConditionPathIsMountpoint=",
    ),
    "resolved.conf": ("home", "etc/systemd/resolved.conf.d/reconciler.conf", "DNSStubListener", "DNSStub"),
    "resolv.conf": ("home", "etc/resolv.conf", "nameserver ", "nameserve "),
    "sshd": ("home", "etc/ssh/sshd_config.d/reconciler.conf", "PermitTTY", "PermitTTYs"),
    "systemd-sysusers": ("home", "etc/sysusers.d/reconciler.conf", "u reconciler 853", "u reconciler 8x3"),
    "shellcheck": ("home", "ufw.sh", "comment 'DRBD'", "comment 'DRBD"),
}


@pytest.mark.parametrize("program", ASKED)
def test_a_break_is_seen_by_its_program(program: str, tmp_path: Path) -> None:
    site, path, old, new = BREAKS[program]
    node = written(tmp_path, *SITES[site])
    file = node.tree / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    said = CHECKERS[program][1](node)
    assert not said.well, said.text


@pytest.mark.parametrize(
    ("program", "site", "secret"),
    [
        ("drbdadm", "home", "drbd"),
        pytest.param("heartbeat", "home", "heartbeat", marks=with_heartbeat),
        ("keepalived", "keepalived", "vrrp"),
    ],
)
def test_without_its_secret_a_file_is_refused_by_its_program(
    program: str, site: str, secret: str, tmp_path: Path
) -> None:
    others = {name: text for name, text in SECRETS.items() if name != secret}
    node = written(tmp_path, *SITES[site], others)
    said = CHECKERS[program][1](node)
    assert not said.well, said.text


@with_heartbeat
def test_heartbeat_is_given_whole_ipv6_addresses(tmp_path: Path) -> None:
    """`::` divides arguments in haresources: an address with it would reach the script in two parts."""
    node = written(tmp_path, SIX, "one")
    said = CHECKERS["ResourceManager"][1](node)
    assert "IPv6addr 2001:0db8:0006:0000:0000:0000:0000:0004/64/eth0 start" in said.text
    assert said.text.count(" start\n") == 6


def test_both_nodes_of_a_pair_agree(tmp_path: Path) -> None:
    ours, theirs = (rendered(OFFICE, name)[1] for name in ("ns1", "ns2"))
    assert state_of(OFFICE).site.pair is not None
    for path in ("etc/drbd.d/r0.res", "etc/reconciler/ha.conf", "etc/sysusers.d/reconciler.conf", "users.sh"):
        assert ours[path] == theirs[path]
    for name in ("ns1", "ns2"):
        (tmp_path / name).mkdir()
        said = CHECKERS["keepalived"][1](written(tmp_path / name, OFFICE, name))
        assert said.well, said.text
    priorities = [files["etc/keepalived/keepalived.conf"].text.count("priority 100") for files in (ours, theirs)]
    assert priorities == [0, 2]
