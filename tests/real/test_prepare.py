"""`reconciler prepare` with a real named: journals, broken files, kill -9 at every instant."""

import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from bindlab import Lab, dynamic, site, static
from servers import wait_until

from reconciler.config import NodeConfig
from reconciler.daemon.lock import at_work
from reconciler.demo.named import NamedServer
from reconciler.dns import serials
from reconciler.effects import Effects
from reconciler.manifest import ManifestStore
from reconciler.prepare import run
from reconciler.services.bind import zonefile
from reconciler.services.bind.keys import read_key_file, view_key
from reconciler.services.bind.render import key_clause
from reconciler.services.bind.servers import Servers
from reconciler.site import SiteView, SiteZone

pytestmark = pytest.mark.real

ZONE = "dyn.example."
FILE = "dyn.example"
_PROCESSES = multiprocessing.get_context("fork")


class Node:
    """A named with a manifest beside it, and what was acknowledged to clients that update its zone."""

    def __init__(self, named: NamedServer) -> None:
        self.lab = Lab(named)
        self.named = named
        self.state = named.folder / "state"
        self.state.mkdir()
        self.settings = NodeConfig.model_construct(
            node="ns1",
            repo=named.folder / "state.git",
            state=self.state,
            control=named.folder / "control.sock",
            bind=named.settings(),
        )
        self.acknowledged: dict[str, str] = {}
        self.serial = 0
        self._names = count()

    def apply(self, *zones: object) -> None:
        self.lab.apply(site(*zones))  # type: ignore[arg-type]
        self.save()

    def save(self) -> None:
        store = ManifestStore(self.state)
        store.begin({}, self.lab.effects)
        store.save(self.lab.deployed, self.lab.effects)

    def update(self, number: int, *, remove: str = "") -> None:
        """Dynamic updates; those that named acknowledged are what counts."""
        for _ in range(number):
            name = f"u{next(self._names)}.{ZONE}"
            done = self.lab.update(FILE, f"update add {name} 60 TXT {name}")
            assert done.returncode == 0, done.stderr
            self.acknowledged[name] = f'"{name}"'
        if remove:
            assert self.lab.update(FILE, f"update delete {remove} TXT").returncode == 0
            del self.acknowledged[remove]
            self.acknowledged[f"gone.{ZONE}"] = ""
        self.serial = self.lab.serial(ZONE)

    def prepare(self, *, fatal: int = 0, budget: float = 60.0) -> tuple[list[str], str]:
        """Prepare in a process of its own; before effect `fatal` it ends as by kill -9. What it said; that effect."""
        ours, theirs = _PROCESSES.Pipe()
        process = _PROCESSES.Process(target=_prepare, args=(theirs, self.settings, fatal, budget))
        process.start()
        theirs.close()
        said, killed = [], ""
        try:
            while True:
                kind, text = ours.recv()
                if kind == "killed":
                    killed = text
                else:
                    said.append(text)
        except EOFError:
            pass
        process.join(60)
        assert process.exitcode == 0, process.exitcode
        return said, killed

    def wrong(self) -> list[str]:
        """Start named; what it does not answer as it should."""
        self.named.start()
        found = []
        for name, text in self.acknowledged.items():
            if (answer := self.lab.ask(name, "TXT")) != ([text] if text else []):
                found.append(f"{name}: {answer} {self.lab.rcode(name, 'TXT')}")
        live = self.lab.serial(ZONE)
        if live != self.serial and not serials.newer(live, self.serial):
            found.append(f"serial {live} after {self.serial}")
        if "out of sync" in self.named.log.read_text():
            found.append("a journal was out of sync")
        self.serial = live
        return found

    @property
    def path(self) -> Path:
        return self.lab.file(FILE)

    @property
    def journal(self) -> Path:
        return zonefile.journal(self.path)

    def aside(self) -> list[str]:
        folder = self.named.bind / "aside"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


class _Deadly(Effects):
    """Ends the process before effect number `fatal` (from 1; 0 for never)."""

    fatal = 0
    answer: Connection

    def check(self, effect: str) -> None:
        super().check(effect)
        if not effect.startswith(("write ", "look ")):
            type(self).fatal -= 1
            if type(self).fatal == 0:
                self.answer.send(("killed", effect))
                os.kill(os.getpid(), signal.SIGKILL)


def _prepare(answer: Connection, settings: NodeConfig, fatal: int, budget: float) -> None:
    _Deadly.fatal, _Deadly.answer = fatal, answer
    run.Effects = _Deadly  # type: ignore[misc]
    run.prepare(settings, lambda text: answer.send(("said", text)), budget=budget)
    os._exit(0)


@pytest.fixture
def node(named: NamedServer) -> Iterator[Node]:
    made = Node(named)
    made.apply(dynamic(ZONE, "a 60 A 192.0.2.1"), static("static.example.", "a 60 A 192.0.2.2"))
    yield made


def test_acknowledged_updates_are_folded_into_the_file(node: Node) -> None:
    node.update(3, remove=f"u1.{ZONE}")
    node.named.kill()
    said, _ = node.prepare()
    assert said == [f"zone {ZONE}: folded the journal into the file, serial {node.serial}"]
    assert not node.journal.exists()
    assert f"u2.{ZONE}" in node.path.read_text()
    said, _ = node.prepare()
    assert len(said) == 1 and said[0].startswith("ready: 2 zones")
    assert node.wrong() == []


def test_nothing_is_touched_while_named_runs(node: Node) -> None:
    node.update(2)
    before = node.journal.read_bytes(), node.path.read_bytes()
    said, _ = node.prepare()
    assert "named is running" in said[0]
    assert (node.journal.read_bytes(), node.path.read_bytes()) == before


def test_nothing_is_touched_where_the_disk_is_not_mounted(node: Node) -> None:
    node.update(1)
    node.named.kill()
    node.settings = node.settings.model_copy(update={"mount": node.named.folder})
    said, _ = node.prepare()
    assert said == [f"nothing done: nothing is mounted at {node.named.folder}"]
    assert node.journal.exists()


def test_killed_before_any_effect_nothing_acknowledged_is_lost(node: Node) -> None:
    for number in range(1, 40):
        node.update(2, remove=f"u0.{ZONE}" if number == 1 else "")
        node.named.kill()
        _, killed = node.prepare(fatal=number)
        said, _ = node.prepare()
        where = f"killed before effect {number} ({killed}), then {said}"
        assert not node.journal.exists(), where
        assert node.lab.leftovers() == [], where
        assert not (wrong := node.wrong()), f"{where}: {wrong}"
        if not killed:
            assert number > 1
            return
    raise AssertionError("too many effects")


@pytest.mark.parametrize("kind", ["out of sync", "inside", "garbage", "file broken", "file gone"])
def test_killed_before_any_effect_a_zone_that_is_hurt_is_healed(node: Node, kind: str) -> None:
    for number in range(1, 40):
        node.update(4)
        node.named.kill()
        _hurt(node, kind)
        _, killed = node.prepare(fatal=number)
        said, _ = node.prepare()
        where = f"killed before effect {number} ({killed}), then {said}"
        assert not node.journal.exists(), where
        assert node.lab.leftovers() == [], where
        if kind in ("out of sync", "inside", "garbage"):
            assert any(name.startswith(f"{FILE}.jnl.") for name in node.aside()), where
            # Those were in the journal alone.
            node.acknowledged = {"hand.dyn.example.": '"hand"'} if kind != "garbage" else {}
        assert not (wrong := node.wrong()), f"{where}: {wrong}"
        assert node.lab.ask(f"a.{ZONE}") == ["192.0.2.1"]
        if not killed:
            assert number > 1
            return
        # What the next file holds that is destroyed is in no journal any more.
        node.acknowledged = {}
    raise AssertionError("too many effects")


def _hurt(node: Node, kind: str) -> None:
    """What people and failing disks do while named is away."""
    if kind == "garbage":
        node.journal.write_bytes(b"\xff" * 5000)
        node.serial = 0
    elif kind == "file broken":
        node.path.write_bytes(b"no zone at all\n")
    elif kind == "file gone":
        node.path.unlink()
    else:
        # A file from before, edited by hand, its serial raised as people do: beyond the journal, or into its middle.
        serial = serials.add(node.serial, 5 if kind == "out of sync" else -0)
        if kind == "inside":
            serial = node.serial - 2
        text = zonefile.with_serial(node.path.read_bytes(), serial)
        node.path.write_bytes(text + b'hand.dyn.example. 60 IN TXT "hand"\n')


def test_a_journal_of_a_zone_that_is_static_or_dropped_is_set_aside(node: Node) -> None:
    node.update(2)
    node.named.kill()
    jnl = node.journal.read_bytes()
    zonefile.journal(node.lab.file("static.example")).write_bytes(jnl)
    zonefile.journal(node.lab.file("dropped.example")).write_bytes(jnl)
    node.lab.file("signed.example.signed.jnl").write_bytes(b"not to be touched")
    node.prepare()
    assert [path.name for path in node.path.parent.glob("*.jnl")] == ["signed.example.signed.jnl"]
    assert {name.partition(".jnl")[0] for name in node.aside()} == {"static.example", "dropped.example"}
    assert node.wrong() == []
    assert node.lab.ask("a.static.example.") == ["192.0.2.2"]


def test_without_a_usable_manifest_journals_are_folded_all_the_same(node: Node) -> None:
    node.update(3)
    node.named.kill()
    (node.state / "manifest.json").write_text("{")
    said, _ = node.prepare()
    assert "not JSON" in said[0] and "folded" in said[1]
    assert node.wrong() == []


@pytest.mark.parametrize("what", ["link", "fifo", "folder", "huge"])
def test_what_is_no_zone_file_is_replaced(node: Node, what: str, tmp_path: Path) -> None:
    node.update(1)
    node.named.kill()
    node.path.unlink()
    if what == "link":
        node.path.symlink_to("/etc/passwd")
    elif what == "fifo":
        os.mkfifo(node.path)
    elif what == "folder":
        node.path.mkdir()
    else:
        node.path.write_bytes(b"x" * (8 << 20))
    said, _ = node.prepare()
    assert any("from what was deployed" in text for text in said), said
    assert node.wrong() == []
    assert Path("/etc/passwd").read_text().startswith("root")


def test_a_journal_that_is_a_pipe_is_set_aside(node: Node) -> None:
    node.named.kill()
    os.mkfifo(node.journal)
    said, _ = node.prepare()
    assert "is no regular file" in said[0]
    assert node.wrong() == []


def test_what_does_not_fit_into_the_time_is_left_and_named(node: Node) -> None:
    node.update(1)
    node.named.kill()
    said, _ = node.prepare(budget=0.0)
    assert any("left as they are" in text and ZONE in text for text in said), said
    assert node.journal.exists()
    node.prepare()
    assert node.wrong() == []


def test_an_older_file_gets_a_serial_beyond_what_was_served(node: Node) -> None:
    older = node.lab.file("static.example").read_bytes()
    node.apply(dynamic(ZONE, "a 60 A 192.0.2.1"), static("static.example.", "a 60 A 192.0.2.3"))
    served = node.lab.serial("static.example.")
    node.named.kill()
    node.lab.file("static.example").write_bytes(older)
    node.prepare()
    assert node.wrong() == []
    assert serials.newer(node.lab.serial("static.example."), served)


def test_a_dump_from_the_middle_of_its_journal_is_folded_whatever_records_it_has(node: Node) -> None:
    """What named wrote itself is never taken for another's file."""
    records = [
        f'Mixed.{ZONE} 60 TXT "a \\"quoted\\" one; with more" "{"x" * 250}"',
        f"_sip._tcp.{ZONE} 60 SRV 1 2 5060 Server.{ZONE}",
        f'{ZONE} 60 CAA 0 issue "ca.example.net"',
        f"_443._tcp.{ZONE} 60 TLSA 3 1 1 {'ab' * 32}",
        f"k.{ZONE} 60 DNSKEY 257 3 13 {'A' * 86}==",
        f"six.{ZONE} 60 AAAA 2001:DB8::0:1",
        f"odd\\.label.{ZONE} 60 TYPE65300 \\# 3 abcdef",
        f'n.{ZONE} 60 NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:x@example.net!" .',
        f"svc.{ZONE} 60 HTTPS 1 . alpn=h2,h3",
        f"*.wild.{ZONE} 60 A 192.0.2.77",
        f"{ZONE} 60 MX 10 Mail.Elsewhere.example.",
    ]
    for record in records:
        done = node.lab.update(FILE, f"update add {record}")
        assert done.returncode == 0, (record, done.stderr)
    node.update(2, remove=f"u0.{ZONE}")
    # Another TTL, and what was deleted comes back.
    assert node.lab.update(FILE, f"update add six.{ZONE} 90 AAAA 2001:db8::1").returncode == 0
    assert node.lab.update(FILE, f"update delete {ZONE} CAA").returncode == 0
    assert node.lab.update(FILE, f"update add {records[2]}").returncode == 0
    before = node.lab.serial(ZONE)
    assert node.lab.rndc("sync", FILE).returncode == 0
    wait_until(lambda: zonefile.serial_in(node.path) == before, what="the dump")
    node.update(2)
    assert zonefile.serial_in(node.path) == before
    node.named.kill()
    said, _ = node.prepare()
    assert said == [f"zone {ZONE}: folded the journal into the file, serial {node.serial}"]
    assert node.wrong() == []
    assert node.lab.ask(f"six.{ZONE}", "AAAA") == ["2001:db8::1"]


def test_a_zone_that_named_signs_keeps_its_journals(node: Node) -> None:
    node.update(1)
    node.named.kill()
    beside = [node.path.with_name(FILE + suffix) for suffix in (".jbk", ".signed", ".signed.jnl")]
    for path in beside:
        path.write_bytes(b"named's own")
    said, _ = node.prepare()
    assert said[0].startswith("ready")
    assert node.journal.exists()
    assert {path.read_bytes() for path in beside} == {b"named's own"}


def test_a_full_disk_leaves_the_zone_as_it_was(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.update(2)
    node.named.kill()
    before = node.path.read_bytes(), node.journal.read_bytes()

    def full(*arguments: object, **options: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(node.path))

    monkeypatch.setattr(Effects, "stage", full)
    said, _ = node.prepare()
    assert said == [f"zone {ZONE}: not made ready: {node.path}: No space left on device"]
    assert (node.path.read_bytes(), node.journal.read_bytes()) == before
    monkeypatch.undo()
    node.prepare()
    assert node.wrong() == []


def test_a_hanging_disk_is_waited_for_no_longer_than_the_time(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.named.kill()
    monkeypatch.setattr(run.Zones, "heal", lambda *arguments: time.sleep(600))
    monkeypatch.setattr(run, "_OVER", 0.5)
    said, _ = node.prepare(budget=0.5)
    assert said == ["prepare did not end within 1 s and was stopped; does the disk hang?"]


def test_while_a_pass_is_at_work_nothing_is_touched(node: Node) -> None:
    node.update(1)
    node.named.kill()
    with at_work(node.settings.control, 1):
        said, _ = node.prepare(budget=0.2)
    assert "another reconciler is at work" in said[0]
    assert node.journal.exists()


def test_versions_of_a_zone_are_healed_one_by_one(node: Node) -> None:
    """One has a journal, one a journal of another time, one a broken file; none is taken for another."""

    def version(view: str, address: str) -> SiteZone:
        item = dynamic(ZONE, f"a 60 A {address}")
        return replace(item, zone=replace(item.zone, view=view), home=view)

    names = ("one", "two", "three")
    zones = [version(view, f"192.0.2.{number}") for number, view in enumerate(names, 1)]
    views = tuple(SiteView(view, ("none",), {ZONE: f"{ZONE}@{view}"}) for view in names)
    node.lab.apply(replace(site(*zones), zones={item.zone.id: item for item in zones}, views=views))
    node.save()
    key = view_key(read_key_file(node.named.bind / "reconciler.key"), "one")
    (node.named.folder / "one.key").write_text(key_clause(key))
    update = node.lab.update(FILE, f"update add u.{ZONE} 60 TXT u", key=node.named.folder / "one.key")
    assert update.returncode == 0, update.stderr
    node.named.kill()
    one, two, three = (node.lab.file(f"{FILE}@{view}") for view in names)
    zonefile.journal(two).write_bytes(zonefile.journal(one).read_bytes()[:40])
    three.write_text("broken\n")
    said, _ = node.prepare()
    assert f"zone {ZONE} (one): folded the journal into the file, serial 3" in said
    assert any(text.startswith(f"zone {ZONE} (two): {FILE}@two.jnl is damaged") for text in said), said
    assert any(text.startswith(f"zone {ZONE} (three): wrote {three} from what was deployed") for text in said), said
    assert f"u.{ZONE}" in one.read_text()
    assert [f"192.0.2.{n}" in path.read_text() for n, path in enumerate((one, two, three), 1)] == [True] * 3
    assert not list(node.lab.file("").glob("*.jnl"))
    said, _ = node.prepare()
    assert len(said) == 1 and said[0].startswith("ready: 3 zones"), said
    node.named.start()
    servers = Servers("127.0.0.1", node.named.port, lambda: read_key_file(node.named.bind / "reconciler.key"))
    for number, view in enumerate(names, 1):
        answer = servers.at(view).ask(f"a.{ZONE}", "A")
        assert [datum.to_text() for rrset in answer.answer for datum in rrset] == [f"192.0.2.{number}"]
