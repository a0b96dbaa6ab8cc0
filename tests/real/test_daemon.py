"""The daemon against signals, full disks, damage, an impostor on named's port, and wrong settings."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, HOSTS, SITE, ZONES, Clone, ask, held_restart, reconciler, running_node, status
from servers import wait_until
from test_hostile_push import host, note, start_push

from reconciler.audit.history import history
from reconciler.demo.named import NamedServer
from reconciler.demo.pocket import PocketSite

pytestmark = pytest.mark.real

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PocketSite, Clone]]:
    with running_node(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture
def node(pair: tuple[PocketSite, Clone]) -> Iterator[PocketSite]:
    yield pair[0]
    assert "Traceback" not in pair[0].log.read_text()


@pytest.fixture
def clone(pair: tuple[PocketSite, Clone]) -> Clone:
    clone = pair[1]
    clone.run("fetch", "--quiet")
    clone.run("reset", "--quiet", "--hard", "origin/main")
    return clone


def send(node: PocketSite, number: signal.Signals) -> None:
    assert node.pid
    os.kill(node.pid, number)


def logged(node: PocketSite, text: str, since: int) -> None:
    """Wait until the log says `text` after its first `since` characters."""
    wait_until(lambda: text in node.log.read_text()[since:], timeout=60, what=text)


def size(node: PocketSite) -> int:
    return len(node.log.read_text())


def answer(node: PocketSite, name: str) -> list[str]:
    assert node.named
    return ask(node.named.port, f"{name}.office.example.net")


# Signals


def test_sigterm_in_the_middle_of_an_apply_ends_it_in_order(node: PocketSite, clone: Clone) -> None:
    commit = clone.commit({"dnsmasq.d/cache.conf": "cache-size=601\n", **host("term", 101)})
    with held_restart(node) as reached:
        push = start_push(clone)
        assert reached.wait(60)
        send(node, signal.SIGTERM)
    wait_until(lambda: node.pid is None, timeout=60, what="the daemon ends")
    said, _ = push.communicate(timeout=60)
    assert "applied" in said, said
    node.stop_daemon()
    node.start_daemon()
    assert status(node)["deployed"] == commit
    assert status(node)["healthy"]
    assert answer(node, "term") == ["192.168.10.101"]


def test_sigterm_while_a_push_waits_to_be_checked_stores_nothing_and_says_so(node: PocketSite, clone: Clone) -> None:
    first = clone.commit({"dnsmasq.d/cache.conf": "cache-size=602\n"})
    clone.commit(host("unchecked", 102))
    with held_restart(node) as reached:
        slow = start_push(clone, first)
        assert reached.wait(60)
        push = start_push(clone)
        wait_until(lambda: list((node.repo / "objects").glob("tmp_objdir-incoming-*")), what="the second push")
        send(node, signal.SIGTERM)
    wait_until(lambda: node.pid is None, timeout=60, what="the daemon ends")
    said, _ = push.communicate(timeout=60)
    slow.communicate(timeout=60)
    # The hook may have found the socket closed already; then it checks the push itself.
    assert push.returncode != 0 or "applied at its start" in said, said
    assert "try again" in said or "nothing is stored" in said or "applied at its start" in said, said
    node.stop_daemon()
    node.start_daemon()
    assert status(node)["healthy"]
    assert clone.push().returncode == 0
    assert answer(node, "unchecked") == ["192.168.10.102"]


def test_new_settings_are_taken_over_without_a_restart(node: PocketSite, clone: Clone) -> None:
    before, pid, text = size(node), node.pid, node.config.read_text()
    node.config.write_text(text.replace('"plain"', '"json"').replace("#log: plain", "log: json"))
    assert node.config.read_text() != text
    try:
        send(node, signal.SIGHUP)
        logged(node, '"message": "settings read anew"', before)
        assert "applied" in clone.change(host("hup", 103))
        assert node.pid == pid
    finally:
        node.config.write_text(text)
        send(node, signal.SIGHUP)
    wait_until(lambda: node.log.read_text()[before:].count("settings read anew") == 2, timeout=60)


@pytest.mark.parametrize(
    "spoiled",
    [b"", b"- a\n", b"\xff\xfe\0binary", b"node: [", b"? [a]\n: b\n", b"node: x\n", b"a" * 100_000, b"[" * 5000],
)
def test_broken_settings_change_nothing(node: PocketSite, spoiled: bytes) -> None:
    before, pid, text = size(node), node.pid, node.config.read_bytes()
    node.config.write_bytes(spoiled)
    try:
        send(node, signal.SIGHUP)
        logged(node, "the settings stay as they were", before)
    finally:
        node.config.write_bytes(text)
    assert node.pid == pid
    assert status(node)["healthy"]


def test_settings_that_read_well_and_cannot_be_used_change_nothing(node: PocketSite, clone: Clone) -> None:
    before, pid, text = size(node), node.pid, node.config.read_text()
    node.config.write_text(text.replace(str(node.control), str(node.log)))
    try:
        send(node, signal.SIGHUP)
        logged(node, "is no socket", before)
    finally:
        node.config.write_text(text)
    wait_until(lambda: "applied" in clone.change(host("stays", 104)), timeout=60)
    assert node.pid == pid
    assert node.log.read_text()


def test_sighup_in_the_middle_of_a_push_lets_it_end(node: PocketSite, clone: Clone) -> None:
    before = size(node)
    clone.commit({"dnsmasq.d/cache.conf": "cache-size=603\n", **host("both", 105)})
    with held_restart(node) as reached:
        push = start_push(clone)
        assert reached.wait(60)
        send(node, signal.SIGHUP)
    said, _ = push.communicate(timeout=60)
    assert "applied" in said, said
    logged(node, "settings read anew", before)
    assert "applied" in clone.change(host("later", 106))


def test_a_node_without_a_partner_is_not_demoted(node: PocketSite) -> None:
    said = reconciler(node, "demote")
    assert said.returncode == 1
    assert "no partner" in said.stdout
    assert status(node)["role"] == "primary"


# Damage


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b'{"version": 1, "zones": {"a.": {"digest": 3}}, "files": {}}'),
        ("pending.json", b"\xff\0junk"),
        ("zones", b""),
    ],
)
def test_a_damaged_manifest_is_told_and_nothing_is_applied_by_it(
    node: PocketSite, clone: Clone, name: str, content: bytes
) -> None:
    state = node.root / "state"
    kept = node.folder / "kept"
    shutil.copytree(state, kept)
    damaged = sorted((state / "zones").iterdir())[0] if name == "zones" else state / name
    node.stop_daemon()
    try:
        damaged.write_bytes(content)
        node.start_daemon()
        said = reconciler(node, "status")
        assert said.returncode == 1
        assert str(damaged) in said.stdout
        assert "Traceback" not in said.stdout
        clone.commit(host("damaged", 107))
        refused = clone.push()
        assert refused.returncode != 0
        assert str(damaged) in refused.stdout
        assert answer(node, "damaged") == []
        assert answer(node, "host10") == ["192.168.10.10"]
    finally:
        node.stop_daemon()
        shutil.rmtree(state)
        kept.rename(state)
        node.start_daemon()
    assert status(node)["healthy"]


def test_with_a_lost_manifest_everything_is_compared_and_applied_anew(node: PocketSite, clone: Clone) -> None:
    before = {zone["name"]: zone["serial"] for zone in status(node)["zones"]}
    state = node.root / "state"
    state.rename(node.folder / "moved-aside")
    done = reconciler(node, "apply")
    assert done.returncode == 0, done.stdout
    assert answer(node, "host10") == ["192.168.10.10"]
    after = {zone["name"]: zone["serial"] for zone in status(node)["zones"]}
    assert after.keys() == before.keys()
    assert all(after[name] >= before[name] for name in before)
    assert status(node)["healthy"]


def test_a_pause_outlives_a_crash(node: PocketSite, clone: Clone) -> None:
    assert reconciler(node, "pause", "--reason", "a test").returncode == 0
    node.kill_daemon()
    node.start_daemon()
    assert "a test" in clone.change(host("paused", 108))
    assert answer(node, "paused") == []
    assert reconciler(node, "resume").returncode == 0
    assert answer(node, "paused") == ["192.168.10.108"]


def test_a_damaged_object_is_told_and_the_daemon_goes_on_when_it_is_mended(node: PocketSite, clone: Clone) -> None:
    clone.change(host("loose", 109))
    head = clone.head()
    path = node.repo / "objects" / head[:2] / head[2:]
    content = path.read_bytes()
    node.stop_daemon()
    path.chmod(0o644)
    path.write_bytes(content[:20])
    try:
        node.start_daemon()
        said = reconciler(node, "status")
        plan = reconciler(node, "plan")
        later = clone.commit(host("later-still", 110))
        refused = clone.push()
    finally:
        path.write_bytes(content)
    assert said.returncode == 0 or "fsck" in said.stdout, said.stdout
    assert plan.returncode == 1
    assert "Traceback" not in said.stdout + plan.stdout + refused.stdout
    assert answer(node, "loose") == ["192.168.10.109"]
    assert clone.push().returncode == 0
    wait_until(lambda: status(node)["deployed"] == later and status(node)["healthy"], timeout=60)


def test_an_audit_that_was_deleted_begins_again_with_everything(node: PocketSite, clone: Clone) -> None:
    subprocess.run(["git", f"--git-dir={node.repo}", "update-ref", "-d", "refs/heads/audit"], check=True)
    assert "audit" in clone.change(host("again", 111))
    listed = git(node, "ls-tree", "-r", "--name-only", "audit")
    assert "zones/example.net/records" in listed
    assert "services/dnsmasq/dnsmasq.conf" in listed
    assert len(history(node.repo)) == 1


def test_an_audit_that_cannot_be_written_is_told_and_caught_up_with(node: PocketSite, clone: Clone) -> None:
    lock = node.repo / "refs/heads/audit.lock"
    lock.write_text("")
    try:
        said = clone.change(host("unrecorded", 112))
        assert "the audit could not be written" in said
        assert answer(node, "unrecorded") == ["192.168.10.112"]
        assert reconciler(node, "status").returncode == 1
        assert "the audit could not be written" in reconciler(node, "status").stdout
    finally:
        lock.unlink()
    commit = clone.head()
    node.kill_daemon()
    node.start_daemon()
    assert status(node)["healthy"]
    entry = history(node.repo, limit=1)[0]
    assert entry.values("State") == (commit,)
    assert entry.values("Result") == ("applied",)
    assert "unrecorded.office.example.net." in git(node, "grep", "unrecorded", "audit", "--", "zones")
    assert "applied on ns1" in note(clone, commit)


def git(node: PocketSite, *arguments: str) -> str:
    argv = ["git", f"--git-dir={node.repo}", *arguments]
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout


# Disks


@contextlib.contextmanager
def disk(path: Path, *, kilobytes: int) -> Iterator[Path]:
    """A small filesystem at `path`, always unmounted."""
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=755", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextlib.contextmanager
def full(path: Path) -> Iterator[None]:
    """No block is left on the filesystem of `path`."""
    filler = path / "filler"
    with filler.open("wb") as stream, contextlib.suppress(OSError):
        while True:
            os.write(stream.fileno(), b"\0" * 4096)
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(path)], check=True)


REASON = {full: "No space left on device", read_only: "Read-only file system"}


@AS_ROOT
def test_full_and_read_only_disks_take_no_answer_away_and_need_no_restart(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(disk(tmp_path / "node/state", kilobytes=2048))
        repo = stack.enter_context(disk(tmp_path / "node/state.git", kilobytes=4096))
        bind = stack.enter_context(disk(tmp_path / "named/bind", kilobytes=2048))
        node, clone = stack.enter_context(running_node(tmp_path))
        number = 100
        for trouble in (full, read_only):
            for place in (repo, state, bind):
                number += 1
                commit = clone.commit(host("disk", number))
                before = answer(node, "disk")
                with trouble(place):
                    said = clone.push().stdout
                    # Of a full repository git itself tells.
                    assert REASON[trouble] in said or (place is repo and "unpack" in said), said
                    assert "Traceback" not in said
                    assert answer(node, "disk") == before
                    assert answer(node, "host10") == ["192.168.10.10"]
                assert clone.push().returncode == 0
                wait_until(lambda: status(node)["healthy"], what=f"{trouble.__name__} {place}")
                assert status(node)["deployed"] == commit
                assert answer(node, "disk") == [f"192.168.10.{number}"]
                assert not list(tmp_path.glob("n*/**/.*.tmp"))
        assert "Traceback" not in node.log.read_text()
        node.stop()


# Servers


@AS_ROOT
def test_a_fix_behind_a_failing_commit_is_applied_and_the_failing_one_is_not_tried_again() -> None:
    # pytest's own folder is closed to other users, and named runs as one here.
    folder = Path(tempfile.mkdtemp(prefix="reconciler-test-"))
    folder.chmod(0o755)
    try:
        with running_node(folder, named_user="bind") as (node, clone):
            assert node.named
            zones = node.named.bind / "zones"
            os.chown(zones, 0, 0)
            zones.chmod(0o755)
            failing = clone.commit(host("failing", 101))
            assert "failed" in clone.push().stdout
            shutil.chown(zones, 0, "bind")
            zones.chmod(0o2770)
            for _ in range(3):
                git(node, "pack-refs", "--all")
            clone.run("push", "origin", "HEAD:side")
            assert status(node)["last"]["result"] == "failed"
            assert "failed" in reconciler(node, "status").stdout
            assert answer(node, "failing") == []
            assert "applied" in clone.change(host("fix", 102))
            assert answer(node, "failing") == ["192.168.10.101"]
            assert answer(node, "fix") == ["192.168.10.102"]
            assert status(node)["healthy"]
            of_failing = [entry for entry in history(node.repo) if entry.values("State") == (failing,)]
            assert [entry.values("Result") for entry in of_failing] == [("failed",)]
            assert "superseded" in note(clone, failing)
    finally:
        shutil.rmtree(folder)


def test_a_server_that_is_down_is_told_by_apply_and_status(node: PocketSite) -> None:
    assert node.dnsmasq
    silent = f"dnsmasq does not answer at 127.0.0.1:{node.dnsmasq.port}"
    node.dnsmasq.stop()
    try:
        said = reconciler(node, "apply")
        assert said.returncode == 1
        assert silent in said.stdout
        shown = reconciler(node, "status")
        assert shown.returncode == 1
        assert silent in shown.stdout
    finally:
        node.dnsmasq.start()
    wait_until(lambda: status(node)["healthy"])


def test_another_named_on_the_same_port_is_noticed(node: PocketSite, clone: Clone, tmp_path: Path) -> None:
    assert node.named
    impostor = NamedServer(tmp_path / "impostor")
    impostor.port = node.named.port
    zone = impostor.folder / "zone"
    zone.write_text("@ 60 SOA ns.example.net. x. 1 1 1 1 1\n@ 60 NS ns.example.net.\nns 60 A 192.0.2.66\n")
    impostor.extra = f'zone "example.net" {{ type primary; file "{zone}"; }};'
    impostor.configure()
    node.named.stop()
    try:
        impostor.start()
        said = reconciler(node, "apply")
        assert said.returncode == 1 or "drift" in said.stdout, said.stdout
        shown = reconciler(node, "status")
        assert shown.returncode == 1, said.stdout + shown.stdout + node.log.read_text()[-3000:]
        assert "Traceback" not in said.stdout + shown.stdout
        pushed = clone.commit(host("impostor", 113))
        assert "applied  " not in clone.push().stdout
    finally:
        impostor.stop()
        node.named.start()
    wait_until(lambda: status(node)["deployed"] == pushed)
    assert answer(node, "impostor") == ["192.168.10.113"]
    assert reconciler(node, "apply").returncode == 0
    assert status(node)["healthy"]


# Wrong usage


JUNK = {
    "missing": None,
    "empty": b"",
    "binary": bytes(range(256)) * 20,
    "list": b"- a\n- b\n",
    "number": b"7\n",
    "unclosed": b"node: [\n",
    "unknown": b"node: n\nrepo: /r\nstate: /s\nnonsense: 1\n",
    "relative": b"node: n\nrepo: r\nstate: s\n",
    "elsewhere": b"node: n\nrepo: /proc/nonexistent/r\nstate: /proc/nonexistent/s\ncontrol: /proc/nonexistent/c\n",
    "long": b"node: n\nrepo: /proc/nonexistent/r\nstate: /proc/nonexistent/s\ncontrol: /tmp/" + b"c" * 200 + b"\n",
    "nul": b'node: n\nrepo: "/proc/nonexistent/\\0"\nstate: /proc/nonexistent/s\n',
}
COMMANDS = (
    ["plan"], ["plan", "nonsense"], ["apply"], ["run"], ["status"], ["status", "--json"], ["log"], ["pause"],
    ["resume"], ["rollback", "--", "-x"], ["render", "-o", "out"], ["hook", "pre-receive"],
)  # fmt: skip


def run_many(folder: Path, commands: list[list[str]]) -> list[tuple[list[str], int, str]]:
    """Run `reconciler ARGUMENTS` for all in one process that forks: each start would cost half a second."""
    script = folder / "many.py"
    script.write_text("""\
import json, os, signal, sys
from reconciler.cli import apply, check, hook, log, main, pause, plan, render, resume, rollback, run, status  # noqa
running = {}
def end_one():
    child, code = os.wait()
    with open(f"{running.pop(child)}.code", "w") as stream:
        stream.write(str(os.waitstatus_to_exitcode(code)))
for number, arguments in enumerate(json.load(open(sys.argv[1]))):
    child = os.fork()
    if not child:
        signal.alarm(30)
        out = os.open(f"{number}.out", os.O_CREAT | os.O_WRONLY)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = ["reconciler", *arguments]
        try:
            main.main()
        except SystemExit as end:
            # Without the interpreter's own clearing up, which takes most of the time.
            sys.stdout.flush()
            os._exit(end.code)
    running[child] = number
    if len(running) == 4:
        end_one()
while running:
    end_one()
""")
    (folder / "commands.json").write_text(json.dumps(commands))
    done = subprocess.run(
        [sys.executable, str(script), str(folder / "commands.json")], cwd=folder, timeout=60, check=False
    )
    assert done.returncode == 0
    return [
        (command, int((folder / f"{n}.code").read_text()), (folder / f"{n}.out").read_text(errors="replace"))
        for n, command in enumerate(commands)
    ]


def test_no_command_shows_a_traceback_whatever_its_settings_are(tmp_path: Path) -> None:
    commands = []
    for name, content in JUNK.items():
        path = tmp_path / f"{name}.yaml"
        if content is not None:
            path.write_bytes(content)
        chosen = COMMANDS if name in ("missing", "binary", "elsewhere") else (["status"], ["run"])
        commands += [[*command[:1], "--config", str(path), *command[1:]] for command in chosen]
    commands += [[*command[:1], "--config", str(tmp_path), *command[1:]] for command in COMMANDS]
    for command, code, said in run_many(tmp_path, commands):
        assert code in (1, 2), (command, code, said)
        assert said.strip(), command
        assert "Traceback" not in said and "mistake in this program" not in said, (command, said)
        assert "Errno" not in said, (command, said)


def test_no_command_shows_a_traceback_whatever_its_arguments_are(tmp_path: Path, node: PocketSite) -> None:
    junk = tmp_path / "junk"
    junk.mkdir()
    for name, content in JUNK.items():
        if content is not None:
            (junk / "hosts").mkdir(exist_ok=True)
            (junk / "hosts" / f"{name}.yaml").write_bytes(content)
            (junk / f"{name}.yaml").write_bytes(content)
    (junk / "site.yaml").write_bytes(JUNK["binary"] or b"")
    (junk / "zones").mkdir()
    (junk / "zones/..yaml").write_text("a: {type: A, value: 1.2.3.4}\n")
    os.mkfifo(junk / "fifo")
    with_config = ["--config", str(node.config)]
    places = [str(junk), "/proc/nonexistent", "/dev/null", "/etc/hostname", "", "\udcff", "x" * 5000]
    commands = [["check", place] for place in places]
    commands += [["plan", *with_config, "--dir", place] for place in places]
    commands += [["render", *with_config, place, "-o", str(tmp_path / "out")] for place in places]
    commands += [
        ["render", *with_config, str(junk), "-o", "/dev/null/x"],
        ["plan", *with_config, "--", "-x"],
        ["plan", *with_config, "HEAD:site.yaml"],
        ["plan", *with_config, "\udcff\n"],
        ["rollback", *with_config, ""],
        ["rollback", *with_config, "HEAD~99999"],
        ["rollback", *with_config, "\udcff"],
        ["log", *with_config, "-n", "0"],
        ["log", *with_config, "-n", "many"],
        ["schema", "nonsense"],
        ["nonsense"],
        ["hook", *with_config, "update"],
        ["init", "--config", "/dev/null/x", "--root", "/dev/null"],
        ["init", "--config", str(tmp_path / "n.yaml"), "--user", "nobody-has-this-name"],
        ["status", *with_config, "extra"],
    ]
    for command, code, said in run_many(tmp_path, commands):
        assert code in (1, 2), (command, code, said)
        assert said.strip(), command
        assert "Traceback" not in said and "mistake in this program" not in said, (command, said)
        assert "Errno" not in said, (command, said)
    assert status(node)["healthy"]


def test_all_of_this_left_the_node_as_it_was(node: PocketSite, clone: Clone) -> None:
    clone.change({"site.yaml": SITE, "hosts.yaml": HOSTS, **ZONES})
    assert status(node)["healthy"]
    assert not [path for root in (node.root, node.folder / "named/bind") for path in root.rglob(".*.tmp")]
