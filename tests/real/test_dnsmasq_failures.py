"""Broken input and broken surroundings: the old answers stay, and it is said who said what."""

import socket

import pytest
from dnsmasq_fixtures import HOSTS, ZONE, Bench, make_site

from reconciler.errors import ApplyFailed, NotPrimary, Refused, Temporary
from reconciler.role.base import Condition, RoleReport
from reconciler.services.dnsmasq import trial
from reconciler.state.model import Hatch

pytestmark = pytest.mark.real

PRINTER = "printer.internal.example.org."
NEW = HOSTS.replace("192.168.1.40", "192.168.1.44")


def broken(text: str, hosts: str = HOSTS):
    """A site whose escape hatch holds `text`, as if the allow-list had let it through."""
    site = make_site(hosts)
    object.__setattr__(site, "dnsmasq_hatches", (Hatch("dnsmasq.d/extra.conf", text),))
    return site


def untouched(bench: Bench, pid: int | None, files: dict) -> None:
    assert bench.server.pid == pid
    assert contents(bench) == files
    assert bench.ask(PRINTER) == ("192.168.1.40",)


def contents(bench: Bench) -> dict:
    return {
        str(path.relative_to(bench.server.directory)): path.read_bytes()
        for path in bench.server.directory.rglob("*")
        if path.is_file()
    }


def test_syntax_error_is_refused_with_its_place(bench: Bench) -> None:
    bench.apply(make_site())
    pid, files = bench.server.pid, contents(bench)
    site = broken("cache-size=100\nno-such-option=1\n", NEW)
    assert bench.service.check(site, bench.deployed) == [
        "dnsmasq --test: bad option at dnsmasq.d/extra.conf:2: no-such-option=1"
    ]
    with pytest.raises(Refused, match="dnsmasq --test: bad option"):
        bench.apply(site)
    untouched(bench, pid, files)


@pytest.mark.skipif(trial.obstacle() is not None, reason=f"no trial start: {trial.obstacle()}")
def test_what_only_a_start_shows_is_refused(bench: Bench) -> None:
    bench.apply(make_site())
    pid, files = bench.server.pid, contents(bench)
    for text, words in (
        ("interface=ghost0", "unknown interface ghost0"),
        ("listen-address=192.0.2.99", "failed to create listening socket for 192.0.2.99"),
        ("tftp-root=/nonexistent\nenable-tftp", "TFTP directory /nonexistent inaccessible"),
    ):
        complaints = bench.service.check(broken(text, NEW), bench.deployed)
        assert any(item.startswith("dnsmasq (trial start): ") and words in item for item in complaints), complaints
    untouched(bench, pid, files)


def test_failed_restart_puts_the_old_state_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "obstacle", lambda: "not today")
    bench.apply(make_site())
    files = contents(bench)
    with pytest.raises(ApplyFailed, match="unknown interface ghost0"):
        bench.apply(broken("interface=ghost0", NEW))
    untouched(bench, bench.server.pid, files)
    assert bench.server.pid is not None


def test_wrong_answer_puts_the_old_state_back(bench: Bench) -> None:
    """Removed from hosts.yaml, but an escape hatch goes on answering it: no checker can see that."""
    hatch = "host-record=printer.internal.example.org,192.168.1.40"
    bench.apply(broken(hatch))
    pid, files = bench.server.pid, contents(bench)
    with pytest.raises(ApplyFailed, match=r"asked for 40\.1\.168\.192\.in-addr\.arpa\. PTR, it says printer"):
        bench.apply(broken(hatch, "nas: {ipv4: 192.168.1.41, ipv6: '::41'}\n"))
    untouched(bench, pid, files)


def test_helper_that_is_gone_is_temporary(bench: Bench) -> None:
    bench.apply(make_site())
    pid, files = bench.server.pid, contents(bench)
    bench.helper.stop()
    with pytest.raises(Temporary, match=r"helper\.sock"):
        bench.apply(make_site(NEW, ZONE + "text: {type: TXT, value: hello}\n"))
    untouched(bench, pid, files)


def test_undo_brings_the_old_answers_back(bench: Bench) -> None:
    bench.apply(make_site())
    files = contents(bench)
    staged = bench.service.stage(make_site(NEW), bench.deployed, bench.effects)
    assert staged is not None
    staged.commit(bench.said.append)
    assert bench.ask(PRINTER) == ("192.168.1.44",)
    outcome = staged.undo(bench.said.append)
    untouched(bench, bench.server.pid, files)
    assert outcome.files == bench.deployed.files


def test_discarded_change_leaves_nothing(bench: Bench) -> None:
    bench.apply(make_site())
    files = contents(bench)
    staged = bench.service.stage(make_site(NEW), bench.deployed, bench.effects)
    assert staged is not None and contents(bench) != files
    staged.discard()
    assert contents(bench) == files


def test_recovery_removes_what_was_staged_and_finishes_what_was_swapped(bench: Bench) -> None:
    bench.apply(make_site())
    files = contents(bench)
    bench.service.stage(make_site(NEW), bench.deployed, bench.effects)
    bench.conf.write_text(bench.conf.read_text() + "cache-size=99\n")  # Swapped in, then the power went.
    bench.service.recover(bench.deployed, bench.effects, bench.said.append)
    done = list(bench.helper.done)
    bench.apply(make_site())
    kept = {path: data for path, data in contents(bench).items() if not path.startswith("aside/")}
    assert kept == files and bench.helper.done == [*done, "restart dnsmasq"]


def test_standby_touches_nothing(bench: Bench) -> None:
    bench.apply(make_site())
    pid, files = bench.server.pid, contents(bench)

    class Standby:
        name = "standby"

        def read(self) -> RoleReport:
            return RoleReport((Condition(False, "a test says so"),))

    bench.effects._role = Standby()
    with pytest.raises(NotPrimary):
        bench.apply(make_site(NEW))
    untouched(bench, pid, files)


def test_edits_by_hand_are_reported_and_kept_aside(bench: Bench) -> None:
    bench.apply(make_site())
    assert bench.service.drift(make_site(), bench.deployed, bench.effects) == ()
    hosts = bench.server.directory / "hosts.d" / "internal.hosts"
    hosts.write_text(hosts.read_text() + "192.168.1.66 sneaked.internal.example.org\n")
    (hosts.parent / "mine.hosts").write_text("192.168.1.67 mine.internal.example.org\n")
    found = {(item.place, item.change) for item in bench.service.drift(make_site(), bench.deployed, bench.effects)}
    assert found == {("dnsmasq/hosts.d/internal.hosts", "~"), ("dnsmasq/hosts.d/mine.hosts", "+")}
    bench.apply(make_site(NEW))
    assert bench.ask("sneaked.internal.example.org.") == bench.ask("mine.internal.example.org.") == ("NXDOMAIN",)
    aside = [path.read_text() for path in (bench.server.directory / "aside").iterdir()]
    assert len(aside) == 2 and any("sneaked" in text for text in aside)


@pytest.mark.skipif(trial.obstacle() is not None, reason=f"no trial start: {trial.obstacle()}")
def test_trial_leaves_no_process_nor_interface(bench: Bench) -> None:
    before = set(socket.if_nameindex())
    bench.service.check(make_site(), bench.deployed)
    assert set(socket.if_nameindex()) == before
