"""The lab: its tour ends by itself and leaves nothing, however it ends; its commands work from another terminal."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from labs import RECONCILER, Push, applied, cli, folder, missing, remains, running
from servers import wait_until

from reconciler.lab.lab import Lab
from reconciler.lab.layout import CLIENTS
from reconciler.lab.timeline import right_everywhere, takeover

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

ETC = ("/etc/resolv.conf", "/etc/hosts", "/etc/netns", "/etc/reconciler", "/etc/keepalived", "/etc/bind/rndc.key")
STEPS = 8


def etc() -> dict[str, tuple[int, int] | None]:
    """Files of the machine that a careless lab would touch."""
    paths = {name: Path(name) for name in ETC}
    return {
        name: (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None for name, path in paths.items()
    }


def start_tour(path: Path, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as stream:
        return subprocess.Popen(
            [RECONCILER, "lab", "--folder", str(path), "tour"],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            # As from a terminal: Ctrl-C is not ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )


def test_the_tour_ends_by_itself_and_leaves_nothing(tmp_path: Path) -> None:
    before, log = etc(), tmp_path / "log"
    with folder() as path:
        assert start_tour(path, log).wait(240) == 0, log.read_text()
        said = log.read_text()
        assert said.count("as expected") == STEPS, said
        for words in (
            "virtual addresses moved",
            "disk mounted",
            "named answers",
            "reconciler acts",
            "without an answer",
        ):
            assert said.count(words) == 2, (words, said)
        assert remains(path) == []
    assert etc() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_tour_that_is_broken_off_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "log"
    with folder() as path:
        tour = start_tour(path, log)
        moment = {signal.SIGINT: "== two nodes", signal.SIGTERM: "== push", signal.SIGHUP: "== cut"}[number]
        wait_until(lambda: moment in log.read_text() or tour.poll() is not None, timeout=90, what=moment)
        assert moment in log.read_text(), log.read_text()
        time.sleep(0.3)
        tour.send_signal(number)
        assert tour.wait(60) == 130, log.read_text()
        assert remains(path) == []
        assert "Traceback" not in log.read_text()


def test_a_tour_whose_lab_is_taken_away_says_so(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with folder() as path:
        tour = start_tour(path, log)
        wait_until(lambda: "== push" in log.read_text(), timeout=60)
        assert cli(path, "down").returncode == 0
        assert tour.wait(240) == 1, log.read_text()
        assert "took the lab" in log.read_text()
        assert "Traceback" not in log.read_text()
        assert remains(path) == []


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("x")
    for command, words in (("tour", "is not empty"), ("up", "is not empty"), ("down", "there is no lab")):
        done = cli(tmp_path, command)
        assert (done.returncode, words in done.stdout) == (1, True), done.stdout
    assert (tmp_path / "theirs").read_text() == "x"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(interval=0.3) as made:
        yield made


def test_playing_from_another_terminal(lab: Lab) -> None:
    path = lab.layout.folder
    first = lab.await_primary().name
    watching = subprocess.Popen([RECONCILER, "lab", "--folder", str(path), "watch"], stdout=subprocess.PIPE, text=True)
    try:
        assert "applied" in (pushed := cli(path, "push", "scanner: {ipv4: 192.168.10.43}")).stdout, pushed.stdout
        asked = cli(path, "on", "admin", "dig", "+short", "@192.168.10.4", "scanner.internal.example.net")
        assert asked.stdout == "192.168.10.43\n"
        assert "gave the role" in cli(path, "switch").stdout
        second = lab.await_primary().name
        assert second != first
        assert cli(path, "fail", second).stdout.startswith(f"{first} is primary\n")
        assert "is down" in cli(path, "switch").stdout
        back = cli(path, "back", second).stdout
        assert f"{first} is primary\n" in back
        assert f"{second:<5} standby" in back
        said = cli(path, "status").stdout
        assert said.startswith(f"{first} is primary\n")
        assert "(primary)" in said
    finally:
        watching.terminate()
        seen = watching.communicate(timeout=20)[0]
    assert f"{second:<5} primary" in seen
    assert f"{second:<5} down" in seen
    assert f"{second:<5} standby" in seen


def test_a_refused_push_leaves_nothing_in_the_way(lab: Lab) -> None:
    path, hosts = lab.layout.folder, lab.layout.clone / "hosts.yaml"
    lab.await_primary()
    before = hosts.read_text()
    refused = cli(path, "push", "printer: {ipv4: 192.168.10.46}")
    assert (refused.returncode, "the commit is undone" in refused.stdout) == (1, True), refused.stdout
    assert hosts.read_text() == before
    pushed = cli(path, "push", "scale: {ipv4: 192.168.10.46}")
    assert (pushed.returncode, "applied" in pushed.stdout) == (0, True), pushed.stdout
    # What was edited by hand is no less somebody's work for a mistake in it.
    before = hosts.read_text()
    hosts.write_text(before + "bell: {ipv4: 192.168.10.46.1}\n")
    refused = cli(path, "push")
    assert (refused.returncode, "is still in" in refused.stdout) == (1, True), refused.stdout
    hosts.write_text(hosts.read_text().replace("46.1", "47"))
    pushed = cli(path, "push")
    assert (pushed.returncode, "applied" in pushed.stdout) == (0, True), pushed.stdout
    subjects = lab.run(*lab.git("log", "--format=%s", "origin/main")).splitlines()
    assert (subjects[:2], subjects.count("Add printer")) == (["Change", "Add scale"], 0)


def test_a_command_on_a_node_is_about_that_node(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    path, primary = lab.layout.folder, lab.await_primary().name
    monkeypatch.setenv("RECONCILER_CONFIG", "/of/this/machine/node.yaml")
    for name in lab.nodes:
        role = "primary" if name == primary else "standby"
        assert cli(path, "on", name, "reconciler", "role").stdout.startswith(f"node {name}: {role}\n")
        assert f"node {name} ({role})" in cli(path, "on", name, "reconciler", "status").stdout
    assert f"cannot read {lab.layout.config}" in cli(path, "on", "admin", "reconciler", "status").stdout

    def answers_given() -> bool:
        return ";; " not in cli(path, "on", primary, "dig", "+tries=1", "+short", "-p5353", "@127.0.0.1", "x").stdout

    assert answers_given()
    for verb, given in (("stop", False), ("start", True)):
        assert cli(path, "on", primary, "server", "named", verb).returncode == 0
        wait_until(lambda given=given: answers_given() is given, timeout=30)
    demoted = cli(path, "on", primary, "reconciler", "demote")
    assert (demoted.returncode, "demoted" in demoted.stdout) == (0, True), demoted.stdout
    assert f"{primary} gave the role" in cli(path, "switch").stdout


def test_without_a_primary_commands_say_so_at_once(lab: Lab) -> None:
    path, head = lab.layout.folder, lab.run(*lab.git("rev-parse", "HEAD"))
    for name in lab.nodes:
        assert cli(path, "fail", name).returncode == 0
    for arguments, words in (
        (("status",), "no node is primary"),
        (("switch",), "no node is primary"),
        (("push", "late: {ipv4: 192.168.10.48}"), "no node has the virtual address 192.168.10.4"),
    ):
        done = cli(path, *arguments)
        assert words in done.stdout
        assert done.returncode == (0 if arguments[0] == "status" else 1), done.stdout
    assert lab.run(*lab.git("rev-parse", "HEAD")) == head
    assert lab.run(*lab.git("status", "--porcelain")) == ""
    for name in lab.nodes:
        assert " is primary\n" in cli(path, "back", name).stdout


def test_mistakes_get_a_sentence(lab: Lab, tmp_path: Path) -> None:
    path = lab.layout.folder
    assert cli(path, "fail", "ns9").returncode == 2
    for arguments in (("on", "mars", "true"), ("back", "ns1"), ("up",)):
        done = cli(path, *arguments)
        assert (done.returncode, done.stdout.count("\n")) == (1, 1), done.stdout
    none = tmp_path / "none"
    assert f"there is no lab in {none}; `reconciler lab --folder {none} up`" in cli(none, "status").stdout
    for arguments in (("foo", "stop"), ("named", "halt"), ("named",), ("named", "stop", "now")):
        done = cli(path, "on", "ns1", "server", *arguments)
        assert (done.returncode, "server named|dnsmasq start|stop" in done.stdout) == (2, True), done.stdout
    assert "--keep is for the tour" in cli(path, "--keep", "status").stdout
    assert lab.exists


def test_the_disk_can_be_had_by_one_node_only(lab: Lab) -> None:
    primary = lab.await_primary()
    standby = next(node for node in lab.nodes.values() if node is not primary)
    disk = str(lab.layout.programs / "disk")
    refused = subprocess.run(standby.command(disk, "start"), capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "the other node has the disk" in refused.stderr
    assert primary.has_disk
    assert not standby.has_disk


def test_a_node_without_power_answers_for_no_address(lab: Lab) -> None:
    """A kernel goes on answering ARP and NDP for a namespace whose processes are dead: no cut would look like that."""
    for client in CLIENTS:
        lab.start_client(client)
    for _ in lab.nodes:
        dead = lab.await_primary()
        dead.fail()
        lab.await_primary(other_than=dead.name)
        wait_until(lambda: right_everywhere(lab), timeout=60)
        for _ in range(3):
            for client in CLIENTS:
                lab.run(*lab.on(client, "ip", "neighbour", "flush", "all"))
            # Once to learn whose the address is, then with that.
            right_everywhere(lab)
            assert right_everywhere(lab)
        dead.start()
        wait_until(lambda node=dead: (node.status() or {}).get("role") == "standby", timeout=60)


def test_a_power_cut_after_the_acknowledgement_loses_nothing(lab: Lab) -> None:
    """What was not synced is lost in it, so it is also shown that the push had been."""
    for client in CLIENTS:
        lab.start_client(client)
    for number in range(3):
        dead = lab.await_primary()
        other = next(node for node in lab.nodes.values() if node is not dead)
        wait_until(lambda node=other: (node.status() or {}).get("role") == "standby", timeout=60)
        push = Push(lab, f"cut{number}: {{ipv4: 192.168.10.{50 + number}}}")
        unsynced = f"{lab.layout.disk}/unsynced"
        assert push.end(), push.said
        subprocess.run(dead.command("sh", "-c", f"echo x >{unsynced}"), check=True)
        timeline = takeover(lab, other, dead.fail)
        assert not Path(f"/proc/{other.pid}/root{unsynced}").exists(), "this was no power cut"
        assert push.stored
        asked = ["dig", "+short", "@192.168.10.4", f"cut{number}.internal.example.net"]
        assert lab.run(*lab.on("admin", *asked)) == f"192.168.10.{50 + number}\n"
        assert applied(lab).count(push.commit[:12]) == 1, timeline.lines
        dead.start()
    assert right_everywhere(lab)
