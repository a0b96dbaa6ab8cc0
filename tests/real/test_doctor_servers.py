"""`reconciler doctor` and the servers: real named and dnsmasq, each broken in one way, found, and mended as told."""

import codecs
import os
import pwd
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest
from doctorlab import Patient, patient
from servers import wait_until

from reconciler.demo.dnsmasq import DnsmasqServer
from reconciler.demo.named import NamedServer
from reconciler.doctor import sockets
from reconciler.doctor.finding import Finding, Level
from reconciler.doctor.node import Account
from reconciler.services.bind.keys import new_key_text, read_key_file
from reconciler.services.bind.query import Presence, Server

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to see who listens")]

NOBODY = pwd.getpwnam("nobody")

HOLD = """\
import ctypes, signal, socket, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode())
held = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for one in held:
    one.bind(("127.0.0.1", int(sys.argv[2])))
held[1].listen()
print("held", flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def sick() -> Iterator[Patient]:
    with patient() as made:
        yield made


@pytest.fixture(autouse=True)
def running(sick: Patient) -> None:
    """Both servers run, also where the test before failed in the middle."""
    for server in (named(sick), dnsmasq(sick)):
        if server.pid is None:
            server.start()


def named(sick: Patient) -> NamedServer:
    assert sick.node.named
    return sick.node.named


def dnsmasq(sick: Patient) -> DnsmasqServer:
    assert sick.node.dnsmasq
    return sick.node.dnsmasq


@contextmanager
def held(name: str, port: int) -> Iterator[int]:
    """Another program of this name listens on the port. Gives its process id."""
    with subprocess.Popen([sys.executable, "-c", HOLD, name, str(port)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"held\n"
            yield process.pid
        finally:
            process.kill()


def update(server: NamedServer, name: str) -> None:
    """What somebody with the node's key does with nsupdate."""
    key = read_key_file(server.bind / "reconciler.key")
    keyring = dns.tsigkeyring.from_text({key.name: key.secret})
    message = dns.update.UpdateMessage("dyn.example.net.", keyring=keyring, keyalgorithm=key.algorithm)
    message.add(name, 60, "A", "192.168.10.250")
    assert dns.query.tcp(message, "127.0.0.1", port=server.port, timeout=10).rcode() == dns.rcode.NOERROR


def test_named_is_down(sick: Patient) -> None:
    named(sick).stop()
    for check in ("zones", "rndc"):
        sick.trouble(check, "", "systemctl st")
    assert "named is down" in sick.trouble("rndc", "connection refused", "systemctl status named").remedy
    ports = sick.troubles("ports")
    assert len(ports) == 3
    assert f"nobody listens at 127.0.0.1 port {named(sick).port} (udp)" in ports[0].what
    assert "start named" in sick.follow(ports[0])
    named(sick).start()
    sick.is_well("zones", "rndc", "ports")


@pytest.mark.parametrize(("name", "remedy"), [("stray", "kill {pid}"), ("systemd-resolve", "DNSStubListener=no")])
def test_a_port_is_held_by_another_program(sick: Patient, name: str, remedy: str) -> None:
    named(sick).stop()
    with held(name, named(sick).port) as pid:
        found = [item for item in sick.troubles("ports") if "held" in item.what]
        assert len(found) == 2
        port = named(sick).port
        assert f"127.0.0.1 port {port} (udp) is held by {name} (process {pid}), not by named" in found[0].what
        assert remedy.format(pid=pid) in found[0].remedy
        if name == "stray":
            os.kill(pid, signal.SIGKILL)
    named(sick).start()
    sick.is_well("ports")


def test_rndc_is_not_let_in(sick: Patient) -> None:
    key = named(sick).folder / "rndc.key"
    text = key.read_text()
    key.write_text(new_key_text("rndc-key"))
    finding = sick.trouble("rndc", "the key is invalid", f"rndc -k {key}")
    assert '"rndc is not let in"' in finding.remedy
    key.write_text(text)
    sick.is_well("rndc")
    nobody = Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid)
    # The pocket node lies in a folder that everybody may enter, so that the key's own mode decides.
    says = f"cannot read {key}: Permission denied"
    sick.trouble("rndc", says, f"chgrp bind {key}", daemon=nobody)
    key.chmod(0o644)
    # Python itself may lie where only root can read it here.
    codecs.lookup("ascii")
    sick.is_well("rndc", daemon=nobody)
    key.chmod(0o640)


def test_named_conf_without_our_part_unsound_or_another(sick: Patient) -> None:
    conf = named(sick).folder / "named.conf"
    text = conf.read_text()
    ours = f'include "{named(sick).bind}/named.conf.reconciler";'
    conf.write_text(text.replace(ours, ""))
    finding = sick.trouble("named-conf", f"{conf} does not include our part", f"tee -a {conf}")
    sick.follow(finding_without(finding, "rndc"))
    sick.is_well("named-conf")
    conf.write_text(text + "nonsense;\n")
    sick.trouble("named-conf", "unknown option 'nonsense'", f"named-checkconf {conf}")
    conf.write_text(text + 'key "k" { algorithm hmac-sha256; secret c2VjcmV0IQ c2VjcmV0IQ; };\n')
    assert "c2VjcmV0IQ" not in sick.trouble("named-conf", "before '(secret)'", "named-checkconf").what
    conf.write_text(text)
    other = conf.with_name("other.conf")
    other.write_text(text)
    settings = sick.seen().settings
    assert settings.bind
    bind = settings.bind.model_copy(update={"named_conf": other})
    says = f"was started with {conf}, and node.yaml says {other}"
    sick.trouble("named-conf", says, f"named_conf: {conf}", settings=settings.model_copy(update={"bind": bind}))
    sick.is_well("named-conf")


def finding_without(finding: Finding, word: str) -> Finding:
    """The remedy without a command that asks the machine's own server."""
    lines = [line for line in finding.remedy.splitlines() if not line.startswith(f"sudo {word}")]
    return Finding(finding.level, finding.what, "\n".join(lines))


def test_a_zone_that_is_not_served(sick: Patient) -> None:
    zone = named(sick).bind / "zones/example.net"
    content = zone.read_bytes()
    named(sick).stop()
    zone.write_bytes(b"rubbish\n")
    named(sick).start()
    finding = sick.trouble("zones", "zone example.net. is not served: named says SERVFAIL", "reconciler apply")
    sick.follow(finding)
    sick.is_well("zones")
    assert zone.read_bytes() != b"rubbish\n" != content


def test_a_zone_that_somebody_else_changed_or_put_back(sick: Patient) -> None:
    zone = named(sick).bind / "zones/example.net"
    content = zone.read_text()
    serial = re.findall(r"\b(20\d{8})\b", content)[0]
    zone.write_text(content.replace(serial, str(int(serial) + 50)))
    named(sick).restart()
    says = f"is served with serial {int(serial) + 50}, deployed is {serial}: somebody else changed it"
    sick.trouble("zones", says, "reconciler status", level=Level.WARNING)
    zone.write_text(content.replace(serial, str(int(serial) - 1)))
    named(sick).restart()
    sick.trouble("zones", f"is served with serial {int(serial) - 1}, deployed is {serial}", "reconciler apply")
    zone.write_text(content)
    named(sick).restart()
    sick.is_well("zones")


def test_a_frozen_zone(sick: Patient) -> None:
    server = named(sick)
    rndc = ["rndc", "-k", str(server.folder / "rndc.key"), "-p", str(server.rndc_port)]
    subprocess.run([*rndc, "freeze", "dyn.example.net"], check=True, capture_output=True)
    finding = sick.trouble("frozen", "zone dyn.example.net. is frozen: updates are refused", "thaw dyn.example.net")
    sick.follow(finding)
    sick.is_well("frozen")


def test_a_journal_of_no_zone_and_of_a_static_one(sick: Patient) -> None:
    zones = named(sick).bind / "zones"
    for name, why in (("gone.example.net", "of a zone that is not deployed"), ("example.net", "of a static zone")):
        journal = zones / f"{name}.jnl"
        journal.write_bytes(b";BIND LOG V9.2\n".ljust(64, b"\0"))
        finding = sick.trouble("journals", f"{journal} is a journal {why}", f"mv {journal}", level=Level.WARNING)
        sick.follow(finding)
        assert not journal.exists()
    sick.is_well("journals")


def test_a_journal_that_is_out_of_sync_with_its_zone(sick: Patient) -> None:
    server = named(sick)
    zone = server.bind / "zones/dyn.example.net"
    subprocess.run(sick.node.command("apply"), check=True, capture_output=True)
    update(server, "their.dyn.example.net.")
    sick.is_well("journals")
    text = zone.read_text()
    serial = re.findall(r"\b(20\d{8})\b", text)[0]
    server.kill()
    zone.write_text(text.replace(serial, str(int(serial) + 70)))
    finding = sick.trouble("journals", f"and the zone's file has {int(serial) + 70}: out of sync", "stop named")
    # As found: named does not take the zone.
    server.start()
    assert Server("127.0.0.1", server.port).live("dyn.example.net.").presence is Presence.BROKEN
    server.stop()
    before, after = finding.remedy.split("sudo systemctl start named\n")
    assert "stop named" in sick.follow(Finding(Level.BROKEN, "", before))
    server.start()
    sick.follow(Finding(Level.BROKEN, "", after))
    sick.is_well("journals")
    wait_until(lambda: not sick.troubles("zones"), what="the zone is served again")


def test_a_zone_that_the_state_does_not_know(sick: Patient) -> None:
    conf = named(sick).folder / "named.conf"
    text = conf.read_text()
    conf.write_text(text + 'zone "old.example" { type primary; file "/nowhere/old.example"; };\n')
    finding = sick.trouble(
        "strangers", "named serves zone old.example., which the state does not know", "grep -rn", level=Level.WARNING
    )
    sick.follow(finding)
    conf.write_text(text)
    sick.is_well("strangers")


@contextmanager
def other_dnsmasq(sick: Patient, *options: str) -> Iterator[int]:
    """Another dnsmasq in place of ours, with these options. Gives its process id."""
    server = dnsmasq(sick)
    server.stop()
    argv = ["dnsmasq", "-d", *options, "--user=root", "--pid-file="]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: sockets.holder("dnsmasq", "127.0.0.1", server.port), what="the other dnsmasq listens")
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)
            server.start()


def test_a_dnsmasq_that_does_not_read_what_we_write(sick: Patient) -> None:
    ours = dnsmasq(sick).directory / "dnsmasq.conf"
    port = dnsmasq(sick).port
    conf = dnsmasq(sick).folder / "other.conf"
    conf.write_text(f"port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n")
    with other_dnsmasq(sick, f"--conf-file={conf}") as pid:
        says = f"dnsmasq (process {pid}) does not read {ours}"
        sick.trouble("dnsmasq-conf", says, f"echo 'conf-file={ours}' | sudo tee /etc/dnsmasq.d/reconciler.conf")
        answers = sick.troubles("dnsmasq-names")
        assert {item.level for item in answers} == {Level.BROKEN}
        assert "dnsmasq says of" in answers[0].what
        assert "dig @127.0.0.1" in answers[0].remedy
    # As the remedy says, but not in /etc: what is read there leads to ours.
    folder = dnsmasq(sick).folder / "dnsmasq.d"
    folder.mkdir()
    (folder / "reconciler.conf").write_text(f"conf-file={ours}\n")
    with other_dnsmasq(sick, "-C", "/dev/null", "-7", f"{folder},.dpkg-dist"):
        sick.is_well("dnsmasq-conf", "dnsmasq-names", "ports")


def test_dnsmasq_is_down(sick: Patient) -> None:
    server = dnsmasq(sick)
    server.stop()
    sick.trouble("dnsmasq-conf", "no dnsmasq runs that reads our part", "systemctl status dnsmasq")
    finding = sick.trouble("dnsmasq-names", "dnsmasq does not answer", "systemctl start dnsmasq")
    assert "start dnsmasq" in sick.follow(Finding(Level.BROKEN, "", finding.remedy))
    server.start()
    sick.is_well("dnsmasq-conf", "dnsmasq-names")


def test_a_configuration_of_dnsmasq_that_is_unsound_or_newer_than_it(sick: Patient) -> None:
    server = dnsmasq(sick)
    conf = server.directory / "dnsmasq.conf"
    text = conf.read_text()
    conf.write_text(text + "nonsense=1\n")
    os.utime(conf, (0, 0))
    sick.trouble("dnsmasq-conf", f"{conf}: dnsmasq: bad option at line", f"dnsmasq --test -C {conf}")
    conf.write_text(text)
    running = sockets.holder("dnsmasq", "127.0.0.1", server.port)
    assert running
    wait_until(lambda: time.time() > running.started + 3, what="some time after its start")
    conf.write_text(text)
    says = f"{conf} was written after dnsmasq (process {running.pid}) had started"
    finding = sick.trouble("dnsmasq-conf", says, "systemctl restart dnsmasq", level=Level.WARNING)
    assert "restart dnsmasq" in sick.follow(finding)
    server.restart()
    sick.is_well("dnsmasq-conf")


def test_files_that_dnsmasq_may_not_read(sick: Patient) -> None:
    hosts = next((dnsmasq(sick).directory / "hosts.d").iterdir(), None) or dnsmasq(sick).directory / "dnsmasq.conf"
    hosts.chmod(0o600)
    finding = sick.trouble("dnsmasq-conf", f"{hosts} cannot be read by everybody", "chmod -R a+rX")
    assert "restart dnsmasq" in sick.follow(finding)
    sick.is_well("dnsmasq-conf")


def test_a_lease_file_that_is_not_where_node_yaml_says(sick: Patient, tmp_path: Path) -> None:
    server = dnsmasq(sick)
    settings = sick.seen().settings
    assert settings.dnsmasq
    here = settings.model_copy(update={"dnsmasq": settings.dnsmasq.model_copy(update={"dhcp": True})})
    elsewhere, ours = tmp_path / "leases", server.directory / "dnsmasq.conf"
    conf = server.folder / "leases.conf"
    conf.write_text(f"conf-file={ours}\ndhcp-leasefile={elsewhere}\n")
    with other_dnsmasq(sick, "-C", str(conf)):
        says = f"dnsmasq keeps its leases in {elsewhere}, and node.yaml says {settings.dnsmasq.lease_file}"
        sick.trouble("leases", says, f"lease_file: {elsewhere}", settings=here)
        mended = settings.dnsmasq.model_copy(update={"dhcp": True, "lease_file": elsewhere})
        there = settings.model_copy(update={"dnsmasq": mended})
        sick.trouble("leases", f"leases cannot be read: {elsewhere}: No such file", "sudoedit", settings=there)
        elsewhere.touch()
        sick.is_well("leases", settings=there)
