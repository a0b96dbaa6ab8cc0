"""Views on a whole node, with dnsmasq before BIND: pushes, what they say, and kill -9 while views come and go."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest
from crashing import make_pass
from nodes import ENVIRONMENT, HOSTS, SITE, ZONES, Clone, ask, reconciler, running_node, status

from reconciler.audit.history import history
from reconciler.demo.pocket import PocketSite
from reconciler.dns import serials
from reconciler.manifest import ManifestStore
from reconciler.services.bind.keys import new_key_text

pytestmark = pytest.mark.real

OUTSIDE = "127.0.0.3"
MOST = 120
KEYS = "keys:\n  ada: {secret: {secret: ada}}\n"
POLICY = "dynamic: yes, update: [{key: ada, name: '*'}]"
PLAIN = SITE.partition("zones:")[0] + KEYS + f"zones:\n  dyn.example.net: {{{POLICY}}}\n"
VIEWS = """\
views:
  internal: {clients: 10.0.0.0/8, zones: all}
  external: {clients: any, recursion: no}
"""
SPLIT = PLAIN.replace("zones:\n", f"{VIEWS}zones:\n  example.net: {{views: [internal, external]}}\n").replace(
    "{dynamic", "{views: [internal, external], dynamic"
)
OUT = {
    "zones/external/example.net.yaml": "ns: {type: A, value: 203.0.113.2}\n",
    "zones/external/dyn.example.net.yaml": "two: {type: A, value: 203.0.113.202}\n",
}


def outside(node: PocketSite, name: str, rtype: str = "A") -> list[str]:
    """Record data, or the code of an answer without, for a client that is neither this server nor near it."""
    assert node.named
    answer = dns.query.udp(dns.message.make_query(name, rtype), "127.0.0.1", 15, node.named.port, OUTSIDE)
    found = sorted(datum.to_text() for rrset in answer.answer for datum in rrset)
    return found or [dns.rcode.to_text(answer.rcode())]


def inside(node: PocketSite, name: str, rtype: str = "A") -> list[str]:
    """The same for this server's own questions."""
    assert node.named
    return ask(node.named.port, name, rtype)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[PocketSite, Clone]]:
    (tmp_path / "secrets").mkdir()
    text = new_key_text("ada")
    (tmp_path / "ada.key").write_text(text)
    (tmp_path / "secrets/ada").write_text(text.split('"')[3])
    with running_node(tmp_path, site=PLAIN) as made:
        yield made


def test_a_push_that_gives_the_site_views_and_one_that_changes_one(running: tuple[PocketSite, Clone]) -> None:
    node, clone = running
    assert node.dnsmasq
    said = clone.change({"site.yaml": SPLIT, **OUT}, "-o", "allow-mass-change")
    assert "example.net. (external)" in said
    assert "takes the place of example.net." in said
    assert "is answered in view" not in said
    assert inside(node, "ns.example.net") == ["192.168.10.2"] == ask(node.dnsmasq.port, "ns.example.net")
    assert outside(node, "ns.example.net") == ["203.0.113.2"]
    assert outside(node, "host10.office.example.net") == ["NXDOMAIN"]
    assert ask(node.dnsmasq.port, "host10.office.example.net") == ["192.168.10.10"]
    before = {zone["name"]: zone["serial"] for zone in status(node)["zones"]}
    said = clone.change({"zones/external/example.net.yaml": "ns: {type: A, value: 203.0.113.3}\n"})
    after = {zone["name"]: zone["serial"] for zone in status(node)["zones"]}
    assert {name for name in after if after[name] != before[name]} == {"example.net. (external)"}
    assert f"serials   example.net. (external) {after['example.net. (external)']}" in said
    assert outside(node, "ns.example.net") == ["203.0.113.3"]
    tree = subprocess.run(
        ["git", f"--git-dir={node.repo}", "ls-tree", "--name-only", "audit", "zones/"],
        check=True,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    ).stdout
    assert "zones/example.net@external\n" in tree
    entries = [history(node.repo, zone=zone) for zone in ("example.net.", "example.net.@external")]
    assert [entry.commit for entry in entries[0]][:2] == [entry.commit for entry in entries[1]]
    assert reconciler(node, "plan").returncode == 0
    assert status(node)["healthy"]
    doctor = reconciler(node, "doctor").stdout
    assert "zones served as deployed" in doctor, doctor
    assert "dynamic and taking updates" in doctor, doctor
    assert "which the state does not know" not in doctor
    assert "of no zone" not in doctor
    clone.run("rm", "-r", "--quiet", "zones/external")
    clone.change({"site.yaml": PLAIN}, "-o", "allow-mass-change")
    assert outside(node, "ns.example.net") == ["192.168.10.2"]


class Sweep:
    """A node without its daemon, and commits between a state with views and one without."""

    def __init__(self, node: PocketSite, clone: Clone) -> None:
        self.node = node
        self.clone = clone
        self.text = ""
        self.serials: dict[tuple[str, bool], int] = {}
        first = clone.head()
        node.stop_daemon()
        split = clone.commit({"site.yaml": SPLIT, "hosts.yaml": HOSTS, **ZONES, **OUT})
        trees = [f"{first}^{{tree}}", f"{split}^{{tree}}"]
        self.commits = [first]
        for number in range(1, MOST):
            text = ["commit-tree", trees[number % 2], "-p", self.commits[-1], "-m", f"step {number}"]
            self.commits.append(clone.run(*text).stdout.strip())
        assert clone.run("push", "--no-verify", "origin", f"{self.commits[-1]}:refs/heads/steps").returncode == 0

    def run(self) -> int:
        """Kill before effect 1, 2, 3 … of an apply, until one ends by itself; how many effects it had."""
        ended = [False, False]
        for number in range(1, MOST):
            argv = ["git", f"--git-dir={self.node.repo}", "update-ref", "refs/heads/main", self.commits[number]]
            subprocess.run(argv, check=True, env=ENVIRONMENT)
            made = make_pass(self.node.config, fatal=number)
            assert made.killed or made.result == "applied", made
            self._update(f"step {number}")
            again = make_pass(self.node.config)
            where = f"killed before effect {number} ({made.killed}), then {again}"
            assert again.result in ("applied", "unchanged"), where
            assert not (problems := self._problems(number, split=number % 2 == 1)), f"{where}: {problems}"
            ended[number % 2] = not made.killed
            if all(ended):
                return number - 1
        raise AssertionError(f"an apply has more than {MOST} effects")

    def _update(self, text: str) -> None:
        assert self.node.named
        name = "_acme-challenge.dyn.example.net"
        lines = [f"server 127.0.0.1 {self.node.named.port}", "zone dyn.example.net", f"update delete {name} TXT"]
        lines += [f'update add {name} 60 TXT "{text}"', "send\n"]
        argv = ["nsupdate", "-k", str(self.node.folder / "ada.key")]
        if subprocess.run(argv, input="\n".join(lines), text=True, capture_output=True, check=False).returncode == 0:
            self.text = text

    def _problems(self, number: int, *, split: bool) -> list[str]:
        node = self.node
        assert node.named
        deployed = ManifestStore(node.root / "state").load()
        found = [f"left over: {path}" for root in (node.root, node.named.bind) for path in root.rglob(".*.tmp")]
        if deployed.commit != self.commits[number] or deployed.pending or deployed.unrecorded:
            found.append(f"the manifest says {deployed.commit}, pending {list(deployed.pending)}")
        wanted = {
            ("in", "ns.example.net"): ["192.168.10.2"],
            ("out", "ns.example.net"): ["203.0.113.2" if split else "192.168.10.2"],
            ("in", "two.dyn.example.net"): ["192.168.10.202"],
            ("out", "two.dyn.example.net"): ["203.0.113.202" if split else "192.168.10.202"],
            ("in", "host10.office.example.net"): ["192.168.10.10"],
        }
        for (where, name), rdatas in wanted.items():
            got = (outside if where == "out" else inside)(node, name)
            if got != rdatas:
                found.append(f"{where}: {name} is {got}, not {rdatas}")
        if self.text and inside(node, "_acme-challenge.dyn.example.net", "TXT") != [f'"{self.text}"']:
            found.append(f"the record of others is not {self.text}")
        for zone in ("example.net", "dyn.example.net"):
            for out in (False, True):
                serial = int((outside if out else inside)(node, zone, "SOA")[0].split()[2])
                last = self.serials.get((zone, out), serial)
                if serials.newer(last, serial):
                    found.append(f"{zone}: serial went back from {last} to {serial}")
                self.serials[zone, out] = serial
        zones = {path.name for path in (node.named.bind / "zones").iterdir() if path.suffix != ".jnl"}
        if sum("@" in name for name in zones) != (4 if split else 0):
            found.append(f"files: {zones}")
        return found


def test_killed_before_any_effect_while_views_come_and_go(running: tuple[PocketSite, Clone]) -> None:
    assert Sweep(*running).run() > 20
