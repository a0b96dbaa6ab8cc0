"""README.md of a node is followed as it stands, on a machine of its own; and the firewall that it loads is tried."""

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from bootstrap_programs import ROOT, Node, Said, inside
from bootstrap_sites import EXAMPLES, SITES, rendered

from reconciler.bootstrap import folder

PROGRAMS = ("drbdadm", "keepalived", "nft", "/usr/sbin/sshd", "systemd-sysusers", "dig", "dnsmasq")
missing = [program for program in PROGRAMS if shutil.which(program) is None]
pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(os.geteuid() != 0, reason="another /etc needs root"),
    pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}"),
]

FOLLOWED = ("put", "sudo install ", "sudo sh users.sh", "sudo systemd-sysusers", "id ", "test -e ", "sudo test -e ")
FOLLOWED += (
    "sudo ssh-keygen",
    "sudo sshd -t",
    "sudo drbdadm dump",
    "sudo keepalived -t",
    "sudo nft -c",
    "sudo mkdir -p",
)
ELSEWHERE = ("/usr/lib/reconciler", "$CLONE/systemd/*")
"""What would be written outside of the machine's own folders."""

MACHINE = f"""
sudo() {{ "$@"; }}
CLONE={ROOT}
for place in /srv /var/lib; do mount -t tmpfs tmpfs $place; done
for file in passwd shadow group gshadow; do sed -i '/^bind:/d; /^dnsmasq:/d; /^reconciler:/d' /etc/$file; done
mkdir -p /run/sshd /run/reconciler-ha; ssh-keygen -q -A
echo 'include "/etc/drbd.d/*.res";' >/etc/drbd.conf
"""


def followed(readme: str) -> list[str]:
    found = [line.strip() for line in readme.splitlines() if line.startswith("    ")]
    found = [line.partition(" && sudo systemctl")[0] for line in found]
    return [line for line in found if line.startswith(FOLLOWED) and not any(each in line for each in ELSEWHERE)]


def run(tmp_path: Path, site: str, script: str, secrets: dict[str, str]) -> tuple[Node, Said]:
    facts, files = rendered(*SITES[site], secrets)
    folder.write(tmp_path / "node", files)
    node = Node(tmp_path / "node", facts)
    return node, inside(node, script)


@pytest.mark.parametrize("site", ["home", "keepalived", "pacemaker", "single", "behind", "apart"])
def test_its_commands_put_every_file_in_place(tmp_path: Path, site: str) -> None:
    """Each ends well, in this order; then the machine has all files with their modes, and secrets are made."""
    secrets = {"drbd": "first", "heartbeat": "first", "vrrp": "first"}
    _, files = rendered(*SITES[site], secrets)
    commands = followed(files["README.md"].text)
    script = MACHINE + "".join(f"{line} || echo FAILED {shlex.quote(line)}\n" for line in commands)
    placed = [path for path in files if path.startswith(("etc/", "srv/"))]
    script += "".join(f"cmp {path} /{path} && stat -c '%a %n' /{path}\n" for path in placed)
    script += "stat -c '%a %s' /etc/reconciler/secrets/*"
    _, said = run(tmp_path, site, script, secrets)
    words = said.text.partition("stat -c '%a %s' /etc/reconciler/secrets/*\n")[2]
    assert "FAILED" not in words, words
    for path in placed:
        assert f"{files[path].mode:o} /{path}\n" in words, words
    sizes = {"home": ["600 32", "600 32", "640 0"], "keepalived": ["600 32", "600 8"], "pacemaker": ["600 32"]}
    sizes |= {"single": [], "behind": ["640 0"], "apart": []}
    found = [line for line in words.splitlines() if line.startswith(("600 ", "640 ")) and "/" not in line]
    assert sorted(found) == sizes[site]


CLIENTS = """
ip address add 192.168.1.4/24 dev enp2s1; ip address add 192.168.3.4/24 dev enp2s1.3
ip netns add lan; ip link set peer0 netns lan; ip netns add guest; ip link set peer1 netns guest
ip -n lan address add 192.168.1.50/24 dev peer0; ip -n lan link set peer0 up
ip -n lan route add default via 192.168.1.6
ip -n guest address add 192.168.3.50/24 dev peer1; ip -n guest link set peer1 up
ip -n guest route add default via 192.168.3.6
"""
FIREWALL = f"""{CLIENTS}
dnsmasq -C /dev/null --user=root --pid-file=/run/dnsmasq.pid --no-resolv --no-hosts --address=/x.example/192.0.2.1
ask() {{ echo "$1 $2 $(ip netns exec $1 dig +short +time=1 +tries=2 $3 @$2 x.example | grep -c 192.0.2.1)"; }}
all() {{ for way in +notcp +tcp; do ask guest 192.168.3.4 $way; ask guest 192.168.3.6 $way; ask guest 192.168.1.4 $way
    ask guest 192.168.1.6 $way; ask lan 192.168.1.4 $way; ask lan 192.168.3.4 $way; done; }}
echo open; all
nft -f etc/nftables.d/reconciler.nft
echo closed; all
ip netns exec lan ping -c 1 -W 5 192.168.1.4 >/dev/null && echo ping
"""


def test_the_firewall_keeps_isolated_clients_at_their_own_addresses(tmp_path: Path) -> None:
    """Real questions over UDP and TCP; all are answered before the rules are loaded."""
    _, said = run(tmp_path, "home", FIREWALL, {})
    words = said.text.rpartition("echo ping\n")[2]
    before, _, after = words.partition("open\n")[2].partition("closed\n")
    asked = ["guest 192.168.3.4", "guest 192.168.3.6", "guest 192.168.1.4", "guest 192.168.1.6"]
    asked += ["lan 192.168.1.4", "lan 192.168.3.4"]
    assert before.split("\n")[:-1] == [f"{each} 1" for each in asked * 2], words
    answers = ["1", "1", "0", "0", "1", "1"] * 2
    assert after.splitlines() == [*(f"{each} {one}" for each, one in zip(asked * 2, answers, strict=True)), "ping"], (
        words
    )


SERVERS = f"""{CLIENTS}
mount -t tmpfs tmpfs /srv; mkdir -p /etc/dnsmasq.d /srv/drbd0/reconciler/leases /srv/drbd0/reconciler/dnsmasq/isolated
cp etc/default/dnsmasq* /etc/default/; rm -f /etc/dnsmasq.d/*; cp etc/dnsmasq.d/* /etc/dnsmasq.d/
{sys.executable} -m reconciler.cli.main render {EXAMPLES}/home -o /run/out --config etc/reconciler/node.yaml >/dev/null
cp -r /run/out/dnsmasq/. /srv/drbd0/reconciler/dnsmasq/
cp -r /run/out/dnsmasq@guest /srv/drbd0/reconciler/dnsmasq/isolated/guest
cd /srv/drbd0/reconciler/dnsmasq; sed -i /^dhcp-script=/d dnsmasq.conf isolated/guest/dnsmasq.conf; cd "$OLDPWD"
start() {{ (. "/etc/default/dnsmasq${{1:+.$1}}"
    dnsmasq -x "/run/dnsmasq$1.pid" -u root ${{DNSMASQ_EXCEPT:+-I $DNSMASQ_EXCEPT}} ${{CONFIG_DIR:+-7 $CONFIG_DIR}} \\
        ${{DNSMASQ_OPTS-}} --local-service) || echo "dnsmasq $1 does not start"; }}
start ''; start guest
nft -f etc/nftables.d/reconciler.nft
ask() {{ echo "$1 $2 $3" $(ip netns exec "$1" dig +time=5 +tries=2 "@$2" "$3" |
    sed -n 's/.*status: \\([A-Z]*\\).*/\\1/p'); }}
echo asked; for name in nas.internal doorbell.guest; do
    ask lan 192.168.1.4 $name.thesteins.org; ask guest 192.168.3.4 $name.thesteins.org; done
dig +short +time=5 @127.0.0.1 nas.internal.thesteins.org A; dig +short +time=5 @127.0.1.3 doorbell.guest.thesteins.org A
"""
"""As Debian's `systemd-helper exec` starts a dnsmasq, with what /etc/default says."""


def test_both_dnsmasqs_run_with_what_bootstrap_and_the_daemon_write(tmp_path: Path) -> None:
    _, said = run(tmp_path, "home", SERVERS, {})
    assert said.text.rpartition("asked\n")[2].splitlines() == [
        "lan 192.168.1.4 nas.internal.thesteins.org NOERROR",
        "guest 192.168.3.4 nas.internal.thesteins.org NXDOMAIN",
        "lan 192.168.1.4 doorbell.guest.thesteins.org NOERROR",
        "guest 192.168.3.4 doorbell.guest.thesteins.org NOERROR",
        # As node.yaml has it that they are asked.
        "192.168.1.41",
        "192.168.3.40",
    ], said.text
