"""users.sh brings accounts that packages have made to the numbers of both nodes, or changes nothing."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from bootstrap_programs import Node, Said, inside
from bootstrap_sites import OFFICE, rendered

from reconciler.bootstrap import folder

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(os.geteuid() != 0, reason="another /etc needs root"),
]

MACHINE = """
for file in passwd shadow group gshadow; do
    sed -i '/^bind:/d; /^dnsmasq:/d; /^reconciler:/d; /:85[123]:/d' /etc/$file
done
for place in /var/lib /var/cache /srv; do mount -t tmpfs tmpfs $place; done
groupadd -g 705 bind; useradd -u 702 -g bind -d /var/cache/bind -M bind
useradd -u 709 -g nogroup -d /var/lib/misc -M dnsmasq
mkdir -p /var/lib/bind/zones /var/cache/bind /var/lib/misc /srv/elsewhere
touch /var/lib/bind/zones/a /var/lib/misc/leases /srv/elsewhere/kept
chown -R 702:705 /var/lib/bind /var/cache/bind /srv/elsewhere; chown 709 /var/lib/misc/leases
ln -s /srv/elsewhere/kept /var/lib/bind/link; chown -h 702:705 /var/lib/bind/link
mkdir /var/lib/bind/other; mount -t tmpfs tmpfs /var/lib/bind/other
touch /var/lib/bind/other/b; chown 702 /var/lib/bind/other/b
show() { getent passwd bind dnsmasq | cut -d: -f1,3,4; getent group bind | cut -d: -f1,3; cd /var/lib
    stat -c '%n %u:%g' bind/zones/a bind/link bind/other/b misc/leases /srv/elsewhere/kept; cd "$OLDPWD"; }
"""
BEFORE = """\
bind:702:705
dnsmasq:709:65534
bind:705
bind/zones/a 702:705
bind/link 702:705
bind/other/b 702:0
misc/leases 709:0
/srv/elsewhere/kept 702:705
"""
AFTER = """\
bind:851:851
dnsmasq:852:65534
bind:851
bind/zones/a 851:851
bind/link 851:851
bind/other/b 702:0
misc/leases 852:0
/srv/elsewhere/kept 702:705
"""
"""Not what a link points to, nor what is mounted there: the shared disk is mended by `reconciler prepare`."""


def run(tmp_path: Path, script: str) -> Said:
    facts, files = rendered(OFFICE, "ns1")
    folder.write(tmp_path / "node", files)
    return inside(Node(tmp_path / "node", facts), f"{MACHINE}\n{script}")


def test_accounts_and_what_they_own_get_the_numbers(tmp_path: Path) -> None:
    said = run(tmp_path, "sh users.sh; echo code $?; show; echo; echo again; sh users.sh; echo code $?")
    told = "bind: user number 702 is 851 now\nbind: group number 705 is 851 now\ndnsmasq: user number 709 is 852 now\n"
    assert f"{told}code 0\n{AFTER}\nagain\ncode 0\n" in said.text


@pytest.mark.parametrize(
    ("trouble", "what"),
    [
        ("useradd -u 852 -M somebody", "dnsmasq has 709, and its number 852 is that of somebody (passwd)"),
        ("groupadd -g 851 somebody", "bind has 705, and its number 851 is that of somebody (group)"),
        ("useradd -u 853 -M somebody", "number 853 of reconciler is that of somebody (passwd)"),
        ("setpriv --reuid 709 sleep 60 &", "processes of dnsmasq run; stop them first"),
    ],
)
def test_refused_with_nothing_changed(tmp_path: Path, trouble: str, what: str) -> None:
    said = run(tmp_path, f"{trouble}\nsh users.sh; echo code $?; show")
    assert f"users.sh: {what}" in said.text
    assert f"nothing was changed\ncode 1\n{BEFORE}" in said.text


def test_a_node_without_them_is_left_to_sysusers(tmp_path: Path) -> None:
    script = "userdel bind; userdel dnsmasq; sh users.sh; echo code $?; "
    script += "systemd-sysusers $PWD/etc/sysusers.d/reconciler.conf; id bind; id dnsmasq; id reconciler"
    said = run(tmp_path, script)
    assert "code 0\n" in said.text
    assert "uid=851(bind) gid=851(bind)" in said.text
    assert "uid=852(dnsmasq) gid=65534(nogroup)" in said.text
    assert "uid=853(reconciler) gid=853(reconciler) groups=853(reconciler),851(bind)" in said.text
