"""Parts of the doctor that need no server: what they make of texts, and a check that hangs or goes wrong."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler import config
from reconciler.config import NodeConfig
from reconciler.doctor import clock, examine, forwarder, named, network, sockets
from reconciler.doctor.child import bounded
from reconciler.doctor.finding import Finding, Level, well
from reconciler.doctor.node import Node
from reconciler.doctor.sockets import Listening, Process
from reconciler.errors import ConfigError, Temporary
from reconciler.role.base import Condition, RoleReport

DOCUMENTS = Path(__file__).parents[2]
BIND = "/srv/reconciler/bind"


def node(system: Path, bind: str = BIND) -> Node:
    settings = NodeConfig.model_validate(
        {"node": "ns1", "repo": "/nowhere/state.git", "state": "/nowhere/state", "bind": {"directory": bind}}
    )
    report = RoleReport((Condition(True, "alone"),))
    return Node(Path("/nowhere/node.yaml"), settings, report, None, dict, lambda: None, system)


def test_a_check_that_hangs_is_stopped_and_what_it_had_found_is_kept() -> None:
    def look() -> Iterator[Finding]:
        yield well("first")
        time.sleep(3600)

    begun = time.monotonic()
    found = list(bounded(look, 0.3))
    assert time.monotonic() - begun < 60
    assert [item.what for item in found] == [
        "first",
        "did not end within 0 s and was stopped; does the disk or a server hang?",
    ]


def test_a_check_that_goes_wrong_is_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def mistaken() -> list[Finding]:
        return [Finding(Level.WELL, str(1 // 0))]

    def away() -> list[Finding]:
        raise Temporary("it went away")

    (found,) = bounded(mistaken, 60)
    assert (found.level, found.what[:26]) == (Level.BROKEN, "a mistake in this program,")
    assert [item.what for item in bounded(away, 60)] == ["it went away"]
    assert capfd.readouterr() == ("", "")


def test_what_may_not_be_seen_is_not_broken_for_who_is_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed() -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/secret")

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (found,) = bounded(closed, 60)
    assert (found.level, found.what) == (Level.SKIPPED, "/secret: Permission denied: run as root")


def test_sockets_in_the_kernels_own_form() -> None:
    udp = "  81: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101 0 4242 2 0 0"
    assert sockets.parse("udp", udp, "07") == Listening("udp", "127.0.0.1", 53, 4242)
    tcp6 = "   0: 00000000000000000000000001000000:03B9 00000000000000000000000000000000:0000 0A 0:0 0:0 0 102 0 77 1"
    assert sockets.parse("tcp", tcp6, "0A") == Listening("tcp", "::1", 953, 77)
    assert sockets.parse("tcp", tcp6.replace(" 0A ", " 01 "), "0A") is None


def test_who_gets_what_is_sent_to_an_address() -> None:
    one = Listening("udp", "127.0.0.1", 53, 1)
    every = [one, Listening("udp", "0.0.0.0", 53, 2), Listening("udp", "::", 53, 3), Listening("tcp", "::1", 53, 4)]
    assert [item.inode for item in sockets.at(every, "udp", "127.0.0.1", 53)] == [1, 2, 3]
    assert [item.inode for item in sockets.at(every, "udp", "::1", 53)] == [3]
    assert [item.inode for item in sockets.at(every, "udp", "127.0.0.53", 53)] == [2, 3]


def test_what_a_dnsmasq_reads(tmp_path: Path) -> None:
    conf, inner = tmp_path / "dnsmasq.conf", tmp_path / "d"
    inner.mkdir()
    for name in ("a.conf", "b.conf.dpkg-dist", "c.conf~", "d.other"):
        (inner / name).write_text("")
    (inner / "a.conf").write_text(f"conf-file={conf}\ndhcp-leasefile=/var/lib/leases\n")
    conf.write_text(f"# conf-dir=/nowhere\nconf-dir={inner},*.conf\n")
    process = Process(1, 0, "dnsmasq", ("dnsmasq", "-C", str(conf)), 0.0)
    files: set[str] = set()
    assert list(forwarder.effective(process, files)) == [("dhcp-leasefile", "/var/lib/leases")]
    assert files == {str(conf), str(inner / "a.conf")}
    debian = Process(1, 0, "dnsmasq", ("dnsmasq", f"--conf-file={conf}", "-7", f"{inner},.dpkg-dist,.other"), 0.0)
    assert forwarder.read_by(debian) == files


def confined(system: Path, rules: str) -> Node:
    profiles, local = system / "sys/kernel/security/apparmor", system / "etc/apparmor.d/local"
    profiles.mkdir(parents=True)
    local.mkdir(parents=True)
    (profiles / "profiles").write_text("/usr/bin/man (enforce)\nnamed (enforce)\n")
    (local / "usr.sbin.named").write_text(rules)
    return node(system)


@pytest.mark.parametrize(
    ("rules", "level"),
    [
        ("", Level.BROKEN),
        (f"{BIND}/** r,\n", Level.BROKEN),
        (f"# {BIND}/** rw,\n", Level.BROKEN),
        (f"{BIND}/* r,\n{BIND}/zones/ rw,\n{BIND}/zones/** rw,\n", Level.WELL),
        ("/srv/** rwk,\n", Level.WELL),
    ],
)
def test_what_apparmor_lets_named_do(tmp_path: Path, rules: str, level: Level) -> None:
    (found,) = named.apparmor(confined(tmp_path, rules))
    assert found.level is level
    if level is Level.BROKEN:
        # What the remedy adds is what the check wants.
        added = "\n".join(re.findall(r"^echo '(.*)' \| sudo tee", found.remedy, re.MULTILINE))
        (tmp_path / "etc/apparmor.d/local/usr.sbin.named").write_text(added)
        assert [item.level for item in named.apparmor(node(tmp_path))] == [Level.WELL]


def test_apparmor_where_named_is_free_or_the_folder_is_debians(tmp_path: Path) -> None:
    assert "not at work" in next(named.apparmor(node(tmp_path))).what
    free = confined(tmp_path, "")
    (tmp_path / "sys/kernel/security/apparmor/profiles").write_text("named (complain)\n")
    assert "does not confine" in next(named.apparmor(free)).what
    assert "lets it read" in next(named.apparmor(node(tmp_path, "/var/lib/bind/reconciler"))).what


def machine(system: Path, resolv: str, route: str = "") -> Node:
    (system / "etc").mkdir()
    (system / "proc/net").mkdir(parents=True)
    (system / "etc/resolv.conf").write_text(resolv)
    (system / "proc/net/route").write_text("Iface Destination Gateway\n" + route)
    (system / "proc/net/ipv6_route").write_text("")
    return node(system)


def test_a_resolver_that_is_missing_silent_or_not_asked(tmp_path: Path) -> None:
    (found,) = network.resolver(machine(tmp_path, "search example.net\n"))
    assert (found.level, "names no server" in found.what) == (Level.WARNING, True)
    (tmp_path / "etc/resolv.conf").write_text("nameserver 127.0.0.254\n")
    (found,) = network.resolver(node(tmp_path))
    assert (found.level, "no route to anywhere" in found.what) == (Level.SKIPPED, True)
    (tmp_path / "proc/net/route").write_text("Iface Destination Gateway\neth0 00000000 0101A8C0\n")
    (found,) = network.resolver(node(tmp_path))
    assert (found.level, found.what[:13]) == (Level.WARNING, "127.0.0.254 o")
    assert "dig @127.0.0.254 . NS" in found.remedy


def test_the_kernel_tells_whether_its_clock_follows_another() -> None:
    assert clock.synchronized() in (True, False, None)


def test_each_chapter_that_a_remedy_names_is_there() -> None:
    named_ = set()
    for path in (*(DOCUMENTS / "reconciler/doctor").glob("*.py"), DOCUMENTS / "reconciler/cli/doctor.py"):
        named_ |= set(re.findall(r'chapter\(\s*"([^"]+)"(?:, "([^"]+)")?', path.read_text()))
    assert len(named_) > 20
    for title, document in named_:
        text = (DOCUMENTS / (document or "docs/operations.md")).read_text()
        assert re.search(rf"^#+ {re.escape(title)}$", text, re.MULTILINE), (title, document)


def test_each_check_is_short_to_name_and_in_order_once() -> None:
    names = [check.name for check in examine.CHECKS]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 14 for name in names)


@pytest.mark.parametrize("name", ["/dev/zero", "/proc/kmsg", "fifo", "a\0b"])
def test_whoever_calls_a_program_dnsmasq_may_name_it_any_file(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    process = Process(1, 0, "dnsmasq", ("dnsmasq", "-C", str(tmp_path / name)), 0.0)
    assert list(forwarder.effective(process, set())) == []


@pytest.mark.parametrize("kind", ["fifo", "folder", "/dev/zero"])
def test_node_yaml_is_a_file(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="is not a file"):
        config.load(tmp_path / kind)
