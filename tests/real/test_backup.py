"""A node is backed up while it serves, everything is deleted, and it comes back from the file."""

import hashlib
import os
import pwd
import shutil
import site
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest
from nodes import HOSTS, SITE, Clone, ask, reconciler, running_node, status
from servers import wait_until

from reconciler import config
from reconciler.backup import archive, restore
from reconciler.demo.pocket import PocketSite
from reconciler.errors import Refused
from reconciler.services.bind.keys import read_key_file, view_key

pytestmark = pytest.mark.real

WITH_DHCP = SITE.replace("{clients_ask: dnsmasq, ", "{clients_ask: bind, serial: increment, ").replace(
    "    ipv4: 192.168.10.0/24\n",
    "    ipv4: 192.168.10.0/24\n    interface: eth0\n    dhcp: {ranges: [192.168.10.100-192.168.10.199], lease: 1h}\n",
)
ASKED = (
    ("host10.office.example.net", "A"),
    ("10.10.168.192.in-addr.arpa", "PTR"),
    ("phone.office.example.net", "A"),
    ("150.10.168.192.in-addr.arpa", "PTR"),
    ("_acme-challenge.dyn.example.net", "TXT"),
    ("one.dyn.example.net", "A"),
    ("ns.example.net", "A"),
)
ROOT = Path(__file__).resolve().parents[2]
ZONE_NAMES = ("office.example.net", "10.168.192.in-addr.arpa", "dyn.example.net", "example.net")


class Node:
    """A node with a lease, a record of others, and several applies."""

    def __init__(self, pocket: PocketSite, clone: Clone, folder: Path) -> None:
        self.site, self.clone = pocket, clone
        assert pocket.named and pocket.leases
        self.named, self.leases = pocket.named, pocket.leases
        self.file = folder / "kept/backup.tar"
        self.file.parent.mkdir()

    def answers(self) -> dict[str, list[str]]:
        return {f"{name} {rtype}": ask(self.named.port, name, rtype) for name, rtype in ASKED}

    def serials(self) -> dict[str, int]:
        return {zone: int(ask(self.named.port, zone, "SOA")[0].split()[2]) for zone in ZONE_NAMES}

    def refs(self, *names: str) -> list[str]:
        return self.git("rev-list", *names).split()

    def git(self, *arguments: str) -> str:
        argv = ["git", f"--git-dir={self.site.repo}", *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def backup(self) -> bytes:
        done = reconciler(self.site, "backup", str(self.file))
        assert done.returncode == 0, done.stdout
        return self.file.read_bytes()

    def lose(self) -> None:
        """Both disks are gone; the servers are installed anew."""
        self.site.stop()
        for path in (self.site.root, self.named.bind, self.site.folder / "secrets", self.site.folder / "own"):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.site.config, self.leases, *self.site.folder.glob("control.*")):
            path.unlink(missing_ok=True)

    def restore(self) -> subprocess.CompletedProcess[str]:
        user = "root" if os.geteuid() == 0 else subprocess.check_output(["id", "-un"], text=True).strip()
        return reconciler(self.site, "restore", str(self.file), "--user", user)

    def left(self) -> list[Path]:
        return [path for path in (self.site.config, self.site.root, self.named.bind, self.leases) if path.exists()]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    leases = tmp_path / "dnsmasq.leases"
    leases.write_text("")
    with running_node(tmp_path, site=WITH_DHCP, dnsmasq=False, leases=leases) as (pocket, clone):
        made = Node(pocket, clone, tmp_path)
        (tmp_path / "secrets").mkdir(exist_ok=True)
        (tmp_path / "secrets/provider").write_text("hunter2-hunter2")
        leases.write_text(f"{int(time.time()) + 3600} 52:54:00:00:00:01 192.168.10.150 phone *\n")
        key = read_key_file(made.named.bind / "reconciler.key")
        update = dns.update.UpdateMessage(
            "dyn.example.net",
            keyring=dns.tsigkeyring.from_text({key.name: (key.algorithm, key.secret)}),
            keyalgorithm=key.algorithm,
        )
        update.add("_acme-challenge", 60, "TXT", '"of somebody else"')
        done = dns.query.udp(update, "127.0.0.1", port=made.named.port, timeout=15)
        assert done.rcode() == dns.rcode.NOERROR
        wait_until(lambda: ask(made.named.port, "phone.office.example.net") == ["192.168.10.150"])
        clone.change({"hosts.yaml": HOSTS + "new: {ipv4: 192.168.10.99}\n"})
        yield made


def test_all_comes_back(node: Node) -> None:
    before, refs = node.answers(), node.git("for-each-ref")
    assert all(before.values()), before
    data = node.backup()
    assert stat.S_IMODE(node.file.stat().st_mode) == 0o600
    assert node.backup() == data, "the same node gives the same bytes"
    assert b"hunter2" not in data and read_key_file(node.named.bind / "reconciler.key").secret.encode() not in data
    # What happens after the backup is lost, but not that these serials were served.
    for number in range(5):
        node.clone.change({"hosts.yaml": HOSTS + f"new: {{ipv4: 192.168.10.{80 + number}}}\n"})
    served = node.serials()
    node.lose()
    done = node.restore()
    assert done.returncode == 0, done.stdout
    assert f"MISSING  {node.site.folder / 'secrets/provider'}" in done.stdout
    assert "Next (" in done.stdout
    assert node.git("for-each-ref") == refs
    node.git("fsck", "--strict")
    node.site.start()
    wait_until(lambda: node.answers() == before, what=f"{node.answers()} as {before}; {node.site.log.read_text()}")
    assert status(node.site)["healthy"], reconciler(node.site, "status").stdout
    now = node.serials()
    assert {zone: now[zone] > served[zone] for zone in ZONE_NAMES} == dict.fromkeys(ZONE_NAMES, True), (served, now)
    assert "192.168.10.150" in reconciler(node.site, "leases").stdout
    # The clone has commits from after the backup; a push brings them back.
    said = node.clone.change({"hosts.yaml": HOSTS + "newer: {ipv4: 192.168.10.98}\n"})
    assert "applied" in said, said
    assert ask(node.named.port, "newer.office.example.net") == ["192.168.10.98"]
    for line in refs.splitlines():
        commit, _, ref = line.replace("\t", " ").split(" ")
        assert commit in node.refs(ref), "history goes on where it was"
    wait_until(lambda: status(node.site)["healthy"], what=reconciler(node.site, "status").stdout)


VIEWS = """\
views:
  internal: {clients: 10.0.0.0/8, zones: all}
  external: {clients: any, recursion: no}
zones:
  dyn.example.net: {dynamic: yes, views: [internal, external], keep: [{name: _acme-challenge, types: TXT}]}
"""
OUTSIDE = "127.0.0.3"


def seen(node: Node, source: str) -> list[str]:
    """What a client with this address gets of the dynamic zone that has a version for each view."""
    found = []
    for name, rtype in (("one", "A"), ("_acme-challenge", "TXT")):
        query = dns.message.make_query(f"{name}.dyn.example.net", rtype)
        answer = dns.query.udp(query, "127.0.0.1", 15, node.named.port, source)
        found += [datum.to_text() for rrset in answer.answer for datum in rrset]
    return found


@pytest.mark.parametrize("named", ["running", "down"])
def test_versions_for_views_come_back_with_what_others_put_into_each(node: Node, named: str) -> None:
    site = WITH_DHCP.partition("zones:")[0] + VIEWS
    outer = {"zones/external/dyn.example.net.yaml": "one: {type: A, value: 203.0.113.1}\n"}
    node.clone.change({"site.yaml": site, **outer}, "-o", "allow-mass-change")
    own = read_key_file(node.named.bind / "reconciler.key")
    key = view_key(own, "external")
    ring = dns.tsigkeyring.from_text({key.name: (key.algorithm, key.secret)})
    update = dns.update.UpdateMessage("dyn.example.net", keyring=ring, keyalgorithm=key.algorithm)
    update.add("_acme-challenge", 60, "TXT", '"of somebody outside"')
    assert dns.query.udp(update, "127.0.0.1", port=node.named.port, timeout=15).rcode() == dns.rcode.NOERROR
    before = {source: seen(node, source) for source in ("127.0.0.1", OUTSIDE)}
    assert before == {
        "127.0.0.1": ["192.168.10.201", '"of somebody else"'],
        OUTSIDE: ["203.0.113.1", '"of somebody outside"'],
    }
    if named == "down":
        node.named.stop()
    node.backup()
    files = archive.unpack(node.file.read_bytes(), "backup")
    assert b"of somebody else" in files["zones/dyn.example.net@internal"]
    assert b"of somebody outside" in files["zones/dyn.example.net@external"]
    node.lose()
    done = node.restore()
    assert done.returncode == 0, done.stdout
    node.site.start()
    wait_until(lambda: {source: seen(node, source) for source in before} == before, what=node.site.log.read_text())
    assert status(node.site)["healthy"], reconciler(node.site, "status").stdout


def test_named_is_down(node: Node) -> None:
    """What others have in a dynamic zone is then in its file and journal."""
    node.named.stop()
    node.backup()
    before = hashlib.sha256(node.file.read_bytes()).hexdigest()
    files = archive.unpack(node.file.read_bytes(), "backup")
    assert b"of somebody else" in files["zones/dyn.example.net"], before


def test_a_file_that_is_cut_or_changed_writes_nothing(node: Node) -> None:
    data = node.backup()
    node.lose()
    middle = data.index(b"PACK") + 40
    broken = {
        "cut": data[: len(data) // 2],
        "cut at a block": data[: len(data) // 2 // 512 * 512],
        "a bit": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "empty": b"",
        "text": b"hello\n" * 1000,
    }
    for what, content in broken.items():
        node.file.write_bytes(content)
        done = node.restore()
        assert done.returncode == 1 and "Traceback" not in done.stdout, f"{what}: {done.stdout}"
        assert "reconciler: " in done.stdout
        assert node.left() == [], what


def test_a_bundle_that_git_does_not_take_leaves_no_half_repository(node: Node) -> None:
    files = archive.unpack(node.backup(), "backup")
    node.lose()
    node.file.write_bytes(archive.pack({**files, "repository.bundle": files["repository.bundle"][:-100]}))
    done = node.restore()
    assert done.returncode == 1, done.stdout
    assert "the repository in the backup cannot be used" in done.stdout
    assert list(node.site.repo.iterdir()) == [] and list((node.site.root / "state").iterdir()) == []
    node.file.write_bytes(archive.pack(files))
    assert node.restore().returncode == 0, "and so it can be tried again"


def test_nothing_is_written_over(node: Node) -> None:
    node.backup()
    head = node.git("for-each-ref")
    node.leases.write_text(f"{int(time.time()) + 3600} 52:54:00:00:00:02 192.168.10.151 tablet *\n")
    done = node.restore()
    assert done.returncode == 1
    for path in (node.site.repo, node.site.root / "state", node.leases, node.named.bind / "zones"):
        assert str(path) in done.stdout
    assert next(line for line in head.splitlines() if "refs/heads/main" in line) in node.git("for-each-ref")
    assert status(node.site)["healthy"]


def test_two_restores_at_once(node: Node) -> None:
    """The second one, which has found the places empty too, neither writes nor clears anything away."""
    node.backup()
    loaded, settings = restore.read(node.file), config.load(node.site.config)
    node.lose()
    settings.state.mkdir(parents=True)
    with restore.alone(loaded, settings):
        (settings.state / "written").write_text("by the first")
        with pytest.raises(Refused, match="another `reconciler restore` is at work"), restore.alone(loaded, settings):
            pass
    with pytest.raises(Refused, match="is not empty"), restore.alone(loaded, settings):
        pass
    assert (settings.state / "written").exists()


def test_a_daemon_is_at_work(node: Node) -> None:
    node.backup()
    for path in (node.site.repo, node.site.root / "state", node.named.bind / "zones"):
        shutil.rmtree(path)
    node.leases.unlink()
    done = node.restore()
    assert done.returncode == 1 and "another reconciler is at work" in done.stdout, done.stdout


def test_backups_while_pushes_come_in(node: Node) -> None:
    """Each one restores to a state that was deployed, with its commit in the repository."""
    pushed = subprocess.Popen(
        [
            "sh",
            "-c",
            "for n in 1 2 3 4 5 6; do git commit -q --allow-empty -m $n && git push -q origin HEAD:main; done",
        ],
        cwd=node.clone.path,
        env={
            **os.environ,
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@b",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    taken = 0
    while pushed.poll() is None or not taken:
        files = archive.unpack(node.backup(), "backup")
        taken += 1
        assert b"PACK" in files["repository.bundle"]
    assert pushed.returncode == 0
    node.lose()
    assert node.restore().returncode == 0
    node.site.start()
    assert node.answers()["host10.office.example.net A"] == ["192.168.10.10"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount")
def test_onto_an_empty_pair(tmp_path: Path) -> None:
    """Where the shared disk is mounted, and nowhere else."""
    disk, file = tmp_path / "node", tmp_path / "backup.tar"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "reconciler-test", str(disk)]
    subprocess.run(mount, check=True)
    try:
        (tmp_path / "role").write_text("primary")
        with running_node(tmp_path, role="file", mount=disk, dnsmasq=False, site=WITH_DHCP) as (pocket, _):
            assert pocket.named
            assert reconciler(pocket, "backup", str(file)).returncode == 0
            (tmp_path / "role").write_text("standby")
            said = reconciler(pocket, "backup", str(tmp_path / "other.tar")).stdout
            assert "this node is standby" in said and not (tmp_path / "other.tar").exists()
            pocket.stop()
            subprocess.run(["umount", str(disk)], check=True)
            shutil.rmtree(pocket.named.bind)
            pocket.config.unlink()
            said = reconciler(pocket, "restore", str(file), "--user", "root").stdout
            assert f"nothing is mounted at {disk}" in said
            assert not list(disk.iterdir()) and not pocket.config.exists()
            subprocess.run(mount, check=True)
            done = reconciler(pocket, "restore", str(file), "--user", "root")
            assert done.returncode == 0 and "On the other node: copy" in done.stdout, done.stdout
            (tmp_path / "role").write_text("primary")
            pocket.start()
            assert ask(pocket.named.port, "host10.office.example.net") == ["192.168.10.10"]
    finally:
        while disk.is_mount():
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")
def test_root_restores_for_the_daemons_user() -> None:
    """Root packs a repository that is another's without running git in it; what comes back is that user's."""
    # One that everybody can read; with our packages.
    python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(python).exists():
        pytest.skip(f"{python} is not installed")
    # Not under pytest's own folder: only root may enter that.
    folder = Path(tempfile.mkdtemp(prefix="reconciler-backup-"))
    try:
        folder.chmod(0o755)
        config, root, file = folder / "etc/node.yaml", folder / "srv", folder / "backup.tar"

        def run(*arguments: str) -> str:
            argv = [python, "-m", "reconciler.cli.main", *arguments, "--config", str(config)]
            environment = {**os.environ, "PYTHONPATH": ":".join((str(ROOT), *site.getsitepackages()))}
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=120, check=False, cwd="/", env=environment
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        bind = ("--bind", "--no-dnsmasq", "--bind-directory", str(folder / "bind"))
        run("init", "--root", str(root), "--user", "bind", "--node", "ns1", *bind, "--example", "office")
        with config.open("a") as stream:
            stream.write(f"control: {folder}/control.sock\nsecrets: {folder}/etc/secrets\n")
        (config.parent / "secrets/provider").write_text("hunter2")
        said = run("backup", str(file))
        assert "secrets/provider" in said and (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) == (0, 0o600)
        for lost in (root, folder / "bind", config.parent):
            shutil.rmtree(lost)
        said = run("restore", str(file), "--user", "bind")
        assert "restored 1 ref with all history" in said, said
        owner = pwd.getpwnam("bind").pw_uid
        owners = {path: path.lstat().st_uid for path in (root / "state.git").rglob("*")}
        assert set(owners.values()) == {owner}, owners
    finally:
        shutil.rmtree(folder)


def test_servers_go_on_without_us(tmp_path: Path) -> None:
    """README, Uninstalling: the daemon stopped, the program's own files gone, the servers restarted, edits by hand."""
    with running_node(tmp_path) as (node, clone):
        assert node.named and node.dnsmasq
        clone.change({"hosts.yaml": HOSTS + "new: {ipv4: 192.168.10.99}\n"})
        node.stop_daemon()
        node.helper.stop()
        rndc = ["rndc", "-s", "127.0.0.1", "-p", str(node.named.rndc_port), "-k", str(tmp_path / "named/rndc.key")]
        subprocess.run([*rndc, "sync", "-clean"], check=True, capture_output=True)
        for path in (node.root, node.config, tmp_path / "secrets"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        node.named.restart()
        node.dnsmasq.restart()
        for port in (node.named.port, node.dnsmasq.port):
            assert ask(port, "new.office.example.net") == ["192.168.10.99"]
            assert ask(port, "99.10.168.192.in-addr.arpa", "PTR") == ["new.office.example.net."]
        assert ask(node.named.port, "one.dyn.example.net") == ["192.168.10.201"]
        for zone, dynamic in (("office.example.net", False), ("dyn.example.net", True)):
            path = node.named.bind / "zones" / zone
            if dynamic:
                subprocess.run([*rndc, "freeze", zone], check=True, capture_output=True)
            serial = ask(node.named.port, zone, "SOA")[0].split()[2]
            text = path.read_text().replace(serial, str(int(serial) + 1), 1)
            path.write_text(f"{text}hand.{zone}. 60 IN A 192.168.10.3\n")
            subprocess.run([*rndc, *(["thaw"] if dynamic else ["reload"]), zone], check=True, capture_output=True)
            wait_until(lambda zone=zone: ask(node.named.port, f"hand.{zone}") == ["192.168.10.3"])  # type: ignore[misc]
