"""What keeps two nodes from being a pair is said where it stands."""

import pytest
from bootstrap_sites import OFFICE
from state_trees import tree_of

from reconciler.build import build
from reconciler.state.load import load

CASES = {
    "both preferred": (
        'ipv6: "::2"}',
        'ipv6: "::2", preferred: yes}',
        '6:56: both nodes are preferred; "ns1" is already',
    ),
    "another family": (
        'address: 192.168.10.3, ipv6: "::3"',
        'address: ["2001:db8:a::3", 192.168.10.3]',
        '6:19: 2001:db8:a::3 is of another family than 192.168.10.2 of "ns1"',
    ),
    "one node": ('  ns1: {address: 192.168.10.2, ipv6: "::2"}\n', "", "21:1: a pair has two nodes, and `nodes:` has 1"),
    "no disk of a node": (
        ", ns2: /dev/disk/by-path/pci-0000:00:1f.2-ata-1",
        "",
        '28:5: no disk of node "ns2" is named',
    ),
    "disk of nobody": ("{ns1: /dev/vg0", "{ns3: /dev/x, ns1: /dev/vg0", '28:18: there is no node "ns3"'),
    "device": ("resource: r0", "resource: r0\n    device: /dev/sda", "27:13: /dev/sda is no DRBD device"),
    "mount": ("/srv/drbd0", "/disk", "27:12: /disk lies in the outermost folder"),
    "mount over the system": ("/srv/drbd0", "/etc/ssh", "27:12: /etc/ssh lies in /etc, which is the system's"),
    "mount with an argument": ("/srv/drbd0", "/srv/a::ext4::suid", "27:12: /srv/a::ext4::suid has a colon"),
    "a file as disk": ("{ns1: /dev/vg0/drbd0", "{ns1: /etc/passwd", "28:18: /etc/passwd is no disk"),
    "itself as disk": ("{ns1: /dev/vg0/drbd0", "{ns1: /dev/drbd0", "28:18: /dev/drbd0 is no disk"),
    "path": ("/srv/drbd0", "'/srv/a b'", "27:12: '/srv/a b' is not the path of a file"),
    "dots": ("/srv/drbd0", "/srv/../etc", "27:12: '/srv/../etc' is not the path of a file"),
    "virtual IPs without interface": (
        "    interface: eth0\n",
        "",
        '13:5: network "internal" has virtual IPs but no interface',
    ),
    "numbers": ("manager:", "uids: {bind: 852}\n  manager:", "23:16: 852 is the number of two users"),
    "number of a person": ("manager:", "uids: {bind: 1000}\n  manager:", "23:16: "),
    "nobody preferred": (", preferred: yes}", "}\n", "25:18: warning: no node is preferred"),
    "auth of pacemaker": (
        "manager: keepalived",
        "manager: pacemaker",
        "24:3: warning: `auth:` has no effect with Pacemaker",
    ),
    "router id": ("manager:", "virtual_router_id: 256\n  manager:", "23:22: "),
}


@pytest.mark.parametrize("case", CASES)
def test_said_where_it_stands(case: str):
    old, new, what = CASES[case]
    assert OFFICE.count(old) == 1
    site = OFFICE.replace(old, new)
    if case == "nobody preferred":
        site = site.replace("  auth:", "  auto_failback: yes\n  auth:")
    loaded = load(tree_of({"site.yaml": site}))
    problems = loaded.problems if loaded.state is None else build(loaded.state).problems
    assert any(str(problem).startswith(f"site.yaml:{what}") for problem in problems), list(map(str, problems))


def test_nothing_is_said_of_a_good_pair():
    loaded = load(tree_of({"site.yaml": OFFICE}))
    assert loaded.state is not None
    assert not build(loaded.state).problems
