"""kill -9, or a lost role, before every single effect of an apply: the next start finishes, nobody notices."""

import hashlib
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from crashing import make_pass
from nodes import ENVIRONMENT, HOSTS, SITE, ZONES, Clone, running_node

from reconciler.audit.history import history
from reconciler.audit.tree import zone_changes
from reconciler.demo.pocket import PocketSite
from reconciler.deployed import Deployed
from reconciler.dns import serials
from reconciler.manifest import ManifestStore
from reconciler.services.bind.query import Server, Unreachable

pytestmark = pytest.mark.real

Answers = Mapping[tuple[str, str], str]
"""(name, type) to the one record that is to be answered."""

HOST = ("host10.office.example.net", "A")
MOVED = ("moved.office.example.net", "A")
PTR = ("11.10.168.192.in-addr.arpa", "PTR")
ONE, TWO = ("one.dyn.example.net", "A"), ("two.dyn.example.net", "A")
CHALLENGE = "_acme-challenge.dyn.example.net"
KEPT_ZONES = ("example.net.", "office.example.net.", "dyn.example.net.", "10.168.192.in-addr.arpa.")
MOST = 120
"""No apply here has more effects."""


def before_and_after(site: str) -> tuple[dict[str, str], dict[str, str]]:
    """Two states: every kind of change between them, in both directions."""
    old = {
        "site.yaml": site + "  old.example: {}\n",
        "hosts.yaml": HOSTS + "moved: {ipv4: 192.168.10.98}\ngone: {ipv4: 192.168.10.97}\n",
        **ZONES,
        "zones/old.example.yaml": "ns: {type: A, value: 192.168.10.2}\n",
    }
    new = {
        "site.yaml": site + "  new.example: {}\n",
        "hosts.yaml": HOSTS + "moved: {ipv4: 192.168.10.99}\n",
        **ZONES,
        "zones/dyn.example.net.yaml": ZONES["zones/dyn.example.net.yaml"].replace("10.201", "10.211"),
        "zones/new.example.yaml": "ns: {type: A, value: 192.168.10.2}\n",
        "dnsmasq.d/cache.conf": "cache-size=500\n",
    }
    return old, new


def answers(last: int, one: int) -> Answers:
    return {
        HOST: "192.168.10.10",
        PTR: "host11.office.example.net.",
        MOVED: f"192.168.10.{last}",
        ONE: f"192.168.10.{one}",
        TWO: "192.168.10.202",
    }


EXPECTED = (answers(98, 201), answers(99, 211))


class Watcher:
    """A client that asks all the time. Whatever it does not like is in `complaints`."""

    def __init__(self, port: int, *, may_be_away: bool, zones: tuple[str, ...]) -> None:
        self._server = Server("127.0.0.1", port)
        self._may_be_away = may_be_away
        self._serials = dict.fromkeys(zones, 0)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.complaints: list[str] = []
        self.asked = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(60)
        self._server.close()

    def _watch(self) -> None:
        while not self._end.wait(0.003):
            for question in EXPECTED[0]:
                self._ask(*question)
            for zone in self._serials:
                self._look(zone)

    def _ask(self, name: str, rtype: str) -> None:
        try:
            answer = self._server.ask(name, rtype, timeout=0.5)
        except Unreachable as error:
            if not self._may_be_away:
                self.complaints.append(f"{name}: {error}")
            return
        found = [datum.to_text() for rrset in answer.answer for datum in rrset]
        if len(found) != 1 or found[0] not in {state[name, rtype] for state in EXPECTED}:
            self.complaints.append(f"{name} {rtype}: {answer.rcode().name} {found}")
        self.asked += 1

    def _look(self, zone: str) -> None:
        serial = self._server.live(zone).serial
        if serial and self._serials[zone] and serials.newer(self._serials[zone], serial):
            self.complaints.append(f"{zone}: serial went back from {self._serials[zone]} to {serial}")
        self._serials[zone] = serial or self._serials[zone]


@contextmanager
def watched(node: PocketSite) -> Iterator[list[Watcher]]:
    found = []
    if node.named:
        found.append(Watcher(node.named.port, may_be_away=False, zones=KEPT_ZONES))
    if node.dnsmasq:
        # It is away while it restarts.
        found.append(Watcher(node.dnsmasq.port, may_be_away=True, zones=()))
    for watcher in found:
        watcher.start()
    try:
        yield found
    finally:
        for watcher in found:
            watcher.stop()


class Sweep:
    """A node without its daemon, and commits that lead from one state to the other and back, again and again."""

    def __init__(self, node: PocketSite, clone: Clone, site: str) -> None:
        self.node = node
        self.clone = clone
        self.challenge = ""
        old, new = before_and_after(site)
        first = self._commit(old)
        assert clone.push("-o", "allow-mass-change").returncode == 0
        node.stop_daemon()
        trees = [f"{first}^{{tree}}", f"{self._commit(new)}^{{tree}}"]
        self.commits = [first]
        for number in range(1, MOST):
            text = ["commit-tree", trees[number % 2], "-p", self.commits[-1], "-m", f"step {number}"]
            self.commits.append(clone.run(*text).stdout.strip())
        assert clone.run("push", "--no-verify", "origin", f"{self.commits[-1]}:refs/heads/steps").returncode == 0

    def _commit(self, files: dict[str, str]) -> str:
        for path in self.clone.path.glob("*/*"):
            if ".git" not in path.parts:
                path.unlink()
        return self.clone.commit(files)

    def move_to(self, number: int) -> str:
        head = self.commits[number]
        argv = ["git", f"--git-dir={self.node.repo}", "update-ref", "refs/heads/main", head]
        subprocess.run(argv, check=True, env=ENVIRONMENT)
        return head

    def update(self, text: str) -> None:
        """A dynamic update of another's record; once it is acknowledged it must stay."""
        if not self.node.named:
            return
        lines = [
            f"server 127.0.0.1 {self.node.named.port}",
            "zone dyn.example.net",
            f"update delete {CHALLENGE} TXT",
            f'update add {CHALLENGE} 60 TXT "{text}"',
            "send\n",
        ]
        argv = ["nsupdate", "-k", str(self.node.named.bind / "reconciler.key")]
        if subprocess.run(argv, input="\n".join(lines), text=True, capture_output=True, check=False).returncode == 0:
            self.challenge = text

    def problems(self, head: str, expected: Answers) -> list[str]:
        """Everything that is not as it should be after a start that had time to finish."""
        node = self.node
        deployed = ManifestStore(node.root / "state").load()
        found = [
            f"left over: {path}" for root in (node.root, node.folder / "named/bind") for path in root.rglob(".*.tmp")
        ]
        if deployed.commit != head or deployed.pending or deployed.unrecorded:
            found.append(f"the manifest says {deployed.commit}, pending {list(deployed.pending)}")
        found += self._wrong_files(deployed) + self._wrong_answers(expected) + self._wrong_audit(head, deployed)
        return found + (self._wrong_zones(deployed) if node.named else [])

    def _wrong_files(self, deployed: Deployed) -> list[str]:
        assert deployed.files
        folders = {"bind": self.node.folder / "named/bind", "dnsmasq": self.node.folder / "dnsmasq/dnsmasq"}
        found = []
        for path, digest in deployed.files.items():
            service, _, relative = path.partition("/")
            if hashlib.sha256((folders[service] / relative).read_bytes()).hexdigest() != digest:
                found.append(f"{path} is not what the manifest says")
        return found

    def _wrong_answers(self, expected: Answers) -> list[str]:
        found = []
        for server in (self.node.named, self.node.dnsmasq):
            for (name, rtype), wanted in expected.items() if server else ():
                assert server
                answer = Server("127.0.0.1", server.port).ask(name, rtype)
                got = [datum.to_text() for rrset in answer.answer for datum in rrset]
                if got != [wanted]:
                    found.append(f"port {server.port} answers {got} for {name} {rtype}, not {wanted}")
        return found

    def _wrong_zones(self, deployed: Deployed) -> list[str]:
        assert self.node.named
        server, found = Server("127.0.0.1", self.node.named.port), []
        for name, zone in deployed.zones.items():
            live = server.live(name)
            if live.serial != zone.serial and not (zone.dynamic and serials.newer(live.serial, zone.serial)):
                found.append(f"{name}: the manifest says serial {zone.serial}, named {live.words}")
            if "frozen: yes" in self._rndc("zonestatus", name):
                found.append(f"{name} is frozen")
        texts = [datum.to_text() for rrset in server.ask(CHALLENGE, "TXT").answer for datum in rrset]
        if self.challenge and texts != [f'"{self.challenge}"']:
            found.append(f"the record of others is {texts}, not {self.challenge}")
        return found

    def _wrong_audit(self, head: str, deployed: Deployed) -> list[str]:
        (entry,) = history(self.node.repo, limit=1)
        if entry.values("State") != (head,) or entry.values("Result") != ("applied",):
            return [f"the audit's last entry is {entry.trailers}, not that of {head}"]
        wanted = {path: text for path, text in zone_changes({}, deployed.zones).items() if text is not None}
        argv = ["git", f"--git-dir={self.node.repo}", "ls-tree", "-r", "-z", "audit", "--", "zones"]
        listed = subprocess.run(argv, check=True, capture_output=True, env=ENVIRONMENT).stdout.decode().split("\0")
        there = {path: fields.split()[2] for fields, _, path in (line.partition("\t") for line in listed if line)}
        blobs = {path: hashlib.sha1(b"blob %d\0%b" % (len(text), text)).hexdigest() for path, text in wanted.items()}
        return [] if there == blobs else [f"the audit's tree differs: {sorted(there.items() ^ blobs.items())}"]

    def _rndc(self, *arguments: str) -> str:
        assert self.node.named
        key = str(self.node.named.folder / "rndc.key")
        argv = ["rndc", "-c", key, "-y", "rndc-key", "-s", "127.0.0.1", "-p", str(self.node.named.rndc_port)]
        return subprocess.run([*argv, *arguments], capture_output=True, text=True, check=False).stdout

    def run(self) -> int:
        """Kill before effect 1, 2, 3 … of an apply, until one ends by itself; how many effects it had.

        There and back take the same effects: a zone is added, one removed, and so on.
        """
        for number in range(1, MOST):
            head, expected = self.move_to(number), EXPECTED[number % 2]
            made = make_pass(self.node.config, fatal=number)
            assert made.killed or made.result == "applied", made
            self.update(f"step {number}")
            again = make_pass(self.node.config)
            where = f"killed before effect {number} ({made.killed}), then {again}"
            assert again.result in ("applied", "unchanged"), where
            assert not (problems := self.problems(head, expected)), f"{where}: {problems}"
            if not made.killed:
                return number - 1
        raise AssertionError(f"an apply has more than {MOST} effects")

    def run_losing(self) -> int:
        """As `run`, but the role is lost there; the next primary finishes. How many effects an apply has."""
        folders = (self.node.root, self.node.folder / "named/bind", self.node.folder / "dnsmasq/dnsmasq")
        for number in range(1, MOST):
            head, expected = self.move_to(number), EXPECTED[number % 2]
            made = make_pass(self.node.config, lose=number, folders=folders)
            where = f"role lost before effect {number}: {made}"
            assert made.reads > made.effects, where
            assert not made.touched, where
            assert made.result == ("standby" if made.lost else "applied"), where
            again = make_pass(self.node.config)
            assert again.result in ("applied", "unchanged"), f"{where}, then {again}"
            assert not (problems := self.problems(head, expected)), f"{where}, then {again}: {problems}"
            if not made.lost:
                return number - 1
        raise AssertionError(f"an apply has more than {MOST} effects")


def sweep(folder: Path, site: str, *, bind: bool, losing: bool = False) -> None:
    with running_node(folder, site=site.partition("zones:")[0], bind=bind) as (node, clone):
        swept = Sweep(node, clone, site)
        with watched(node) as watchers:
            count = swept.run_losing() if losing else swept.run()
        for watcher in watchers:
            assert not watcher.complaints, watcher.complaints[:10]
            assert watcher.asked > 100
        assert count > 10


def test_killed_before_any_effect_on_bind_and_dnsmasq_it_converges_unnoticed(tmp_path: Path) -> None:
    sweep(tmp_path, SITE, bind=True)


def test_the_role_lost_at_any_step_nothing_more_is_touched_and_the_next_primary_finishes(tmp_path: Path) -> None:
    sweep(tmp_path, SITE, bind=True, losing=True)


def test_killed_before_any_effect_on_dnsmasq_alone_it_converges_unnoticed(tmp_path: Path) -> None:
    alone = SITE.replace("authoritative: bind, nameservers: [ns.example.net]", "authoritative: none")
    static = alone.replace("{dynamic: yes, keep: [{name: _acme-challenge, types: TXT}]}", "{}")
    sweep(tmp_path, static, bind=False)
