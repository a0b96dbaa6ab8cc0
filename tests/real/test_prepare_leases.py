"""A torn lease file comes back from what the daemon remembered, or from the history in the repository."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, SITE, reconciler, running_node
from servers import wait_until

from reconciler.demo.pocket import PocketSite
from reconciler.leases import dnsmasq

pytestmark = pytest.mark.real

POOL = SITE.replace("{clients_ask: dnsmasq, ", "{clients_ask: bind, ").replace(
    "    ipv4: 192.168.10.0/24\n",
    "    ipv4: 192.168.10.0/24\n    interface: eth0\n    dhcp: {ranges: [192.168.10.100-192.168.10.199], lease: 1h}\n",
)
DUID = "00:01:00:01:2a:2b:2c:2d:52:54:00:11:22:33"


def content(count: int) -> str:
    expires = int(time.time()) + 7200
    rows = [f"{expires} 52:54:00:00:00:{n:02x} 192.168.10.{100 + n} client{n} *\n" for n in range(count)]
    return "".join(rows) + f"duid {DUID}\n"


def remembered(node: PocketSite, count: int) -> bool:
    try:
        document = json.loads((node.root / "state/leases.json").read_bytes())
    except OSError:
        return False
    return len(document["leases"]) == count and DUID in document["server_duids"].values()


def test_a_torn_lease_file_is_made_whole(tmp_path: Path) -> None:
    leases = tmp_path / "dnsmasq.leases"
    leases.write_text(content(20))
    leases.chmod(0o644)
    with running_node(tmp_path, site=POOL, dnsmasq=False, leases=leases) as (node, _):
        wait_until(lambda: remembered(node, 20), what="the daemon to remember 20 leases")
        node.stop_daemon()
        assert node.named is not None
        node.named.stop()
        whole = leases.read_bytes()

        done = reconciler(node, "prepare")
        assert (done.returncode, leases.read_bytes()) == (0, whole)
        assert "ready" in done.stdout

        (tmp_path / ".dnsmasq.leases.0123abcd.tmp").write_text("left by a prepare that was killed")
        for cut in (0, 30, 700, len(whole) - 3):
            leases.write_bytes(whole[:cut])
            done = reconciler(node, "prepare")
            assert done.returncode == 0
            assert f"{leases} was torn" in done.stdout, done.stdout
            parsed, before = dnsmasq.parse(leases.read_bytes()), dnsmasq.parse(whole)
            assert sorted(map(repr, parsed.leases)) == sorted(map(repr, before.leases))
            assert parsed.server_duid == DUID and parsed.complete
            assert leases.stat().st_mode & 0o777 == 0o644

        assert not list(tmp_path.glob(".dnsmasq.leases.*"))

        # The history stands in where that memory is damaged.
        (node.root / "state/leases.json").write_text("{")
        leases.write_bytes(b"")
        done = reconciler(node, "prepare")
        assert "asking the history" in done.stdout, done.stdout
        found = dnsmasq.parse(leases.read_bytes()).leases
        assert {str(lease.address) for lease in found} == {f"192.168.10.{100 + n}" for n in range(20)}
        assert all(lease.expires and lease.expires > time.time() for lease in found)


def test_what_is_no_lease_file_neither_hangs_nor_is_touched(tmp_path: Path) -> None:
    leases = tmp_path / "dnsmasq.leases"
    leases.write_text(content(3))
    with running_node(tmp_path, site=POOL, dnsmasq=False, leases=leases) as (node, _):
        wait_until(lambda: remembered(node, 3), what="the daemon to remember 3 leases")
        node.stop_daemon()
        assert node.named is not None
        node.named.stop()
        leases.unlink()
        os.mkfifo(leases)
        done = reconciler(node, "prepare")
        assert (done.returncode, "no regular file" in done.stdout) == (0, True)
        leases.unlink()
        secret = tmp_path / "secret"
        secret.write_text("")
        leases.symlink_to(secret)
        done = reconciler(node, "prepare")
        assert (done.returncode, "symbolic link" in done.stdout, secret.read_text()) == (0, True, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="a name of a process is looked for that only root may look at")
def test_a_file_that_dnsmasq_has_open_is_left_alone(tmp_path: Path) -> None:
    leases = tmp_path / "dnsmasq.leases"
    leases.write_text(content(3))
    with running_node(tmp_path, site=POOL, dnsmasq=False, leases=leases) as (node, _):
        wait_until(lambda: remembered(node, 3), what="the daemon to remember 3 leases")
        node.stop_daemon()
        leases.write_bytes(b"")
        # What dnsmasq is here: a process of that name which has the file open.
        program = tmp_path / "bin/dnsmasq"
        program.parent.mkdir()
        program.symlink_to("/bin/sleep")
        with leases.open("rb") as held:
            holder = subprocess.Popen([str(program), "100"], stdin=held, env=ENVIRONMENT)
        try:
            done = reconciler(node, "prepare")
            assert "dnsmasq is running" in done.stdout, done.stdout
            assert leases.read_bytes() == b""
        finally:
            holder.kill()
            holder.wait()
        assert "was torn" in reconciler(node, "prepare").stdout
