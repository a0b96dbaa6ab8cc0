"""`reconciler doctor` on a real node: each check is seen to find what it is for, and its remedy to mend it.

What is broken here is on disk or with the daemon; servers are broken in test_doctor_servers.py.
"""

import codecs
import json
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from doctorlab import Patient, patient, write
from nodes import SITE

from reconciler.doctor.child import bounded
from reconciler.doctor.examine import CHECKS, examine
from reconciler.doctor.finding import Finding, Level
from reconciler.doctor.node import Account

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for owners")]

_ENTRY = pwd.getpwnam("nobody")
NOBODY = Account("nobody", _ENTRY.pw_uid, _ENTRY.pw_gid)
SECRET = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ=="
KEYED = SITE + "keys:\n  acme: {algorithm: hmac-sha256, secret: {secret: acme}}\n"


@pytest.fixture(scope="module")
def sick() -> Iterator[Patient]:
    with patient() as made:
        yield made


def test_nothing_is_broken_on_a_healthy_node(sick: Patient) -> None:
    done = sick.command("--json")
    document = json.loads(done.stdout)
    # The machine that runs the tests may have no synchronized clock, and here is no way out.
    found = [item for item in document["findings"] if item["check"] not in ("clock", "resolver", "delegation")]
    assert {item["level"] for item in found} == {"well"}, done.stdout
    assert (document["broken"], done.returncode) == (False, 0)
    told = {item["check"] for item in document["findings"]}
    assert told == {"settings", *(check.name for check in CHECKS)} - {"mount"}


def test_who_may_not_see_it_is_told_so_and_nothing_is_called_broken(sick: Patient) -> None:
    node = sick.seen()
    # Python itself may lie where only root can read it here.
    for encoding in ("ascii", "idna"):
        codecs.lookup(encoding)
    found: list[Finding] = []
    for check in CHECKS:
        if check.name != "python":
            found += bounded(lambda name=check.name: list(examine(node, [name])), 60, NOBODY)  # type: ignore[misc]
    assert not [item for item in found if item.level is Level.BROKEN]
    skipped = [item for item in found if item.level is Level.SKIPPED]
    assert len(skipped) > 12
    assert "this needs the rights of user root: run as root" in {item.what for item in skipped}


def test_only_one_check_and_an_unknown_one(sick: Patient) -> None:
    done = sick.command("--only", "hooks")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split()[:2] == ["well", "hooks"]
    assert "1 well" in done.stdout
    assert sick.command("--only", "nonsense").returncode == 2


def test_a_mistake_in_node_yaml_is_told_and_packages_are_looked_at_all_the_same(sick: Patient) -> None:
    config, text = sick.node.config, sick.node.config.read_text()
    config.write_text(text + "bogus: 1\n")
    done = sick.command()
    config.write_text(text)
    assert done.returncode == 1
    line = text.count("\n") + 1
    assert f"broken   settings       {config}:{line}:1: unknown key 'bogus'; known are: node, repo" in done.stdout
    assert f"sudoedit {config}" in done.stdout
    assert f"sudo reconciler doctor --config {config}" in done.stdout
    assert "well     python" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_node_yaml_that_anybody_may_write(sick: Patient) -> None:
    sick.node.config.chmod(0o666)
    done = sick.command("--only", "settings")
    assert done.returncode == 1
    assert "can be written by others" in done.stdout
    remedy = f"chmod go-w {sick.node.config}"
    assert remedy in done.stdout
    subprocess.run(remedy.split(), check=True)
    assert sick.command("--only", "settings").returncode == 0


def test_a_python_package_that_cannot_be_imported(sick: Patient) -> None:
    broken = sick.node.folder / "broken"
    broken.mkdir()
    (broken / "watchdog.py").write_text("raise ImportError('no luck')\n")
    done = sick.command("--only", "python", PYTHONPATH=f"{broken}:{os.environ.get('PYTHONPATH', '')}")
    assert done.returncode == 1
    assert "Python package watchdog: cannot be imported (ImportError: no luck)" in done.stdout
    assert "-m pip install 'watchdog>=4.0'" in done.stdout


def test_a_program_that_is_missing_or_old(sick: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("git", "named-checkconf", "named-checkzone", "named-compilezone"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    sick.trouble("programs", "named-journalprint is not installed", "apt-get install bind9-utils")
    (tmp_path / "named-journalprint").symlink_to("/usr/bin/named-journalprint")
    sick.is_well("programs")
    write(tmp_path / "dnsmasq", "#!/bin/sh\necho Dnsmasq version 2.80\n")
    says = f"{tmp_path}/dnsmasq is version 2.80; the oldest that this was tried with is 2.90"
    sick.trouble("programs", says, "apt-get install dnsmasq", level=Level.WARNING)


@pytest.mark.parametrize(
    ("folder", "mode", "says"),
    [
        ("node/state.git", 0o755, "has mode 0755, not 0700"),
        ("node/state", 0o755, "has mode 0755, not 0750"),
        ("named/bind", 0o750, "has mode 0750, not 02750"),
        ("named/bind/zones", 0o2750, "has mode 2750, not 02770"),
        ("dnsmasq/dnsmasq", 0o700, "has mode 0700, not 0755"),
        ("secrets", 0o755, "has mode 0755, not 0750"),
    ],
)
def test_a_folder_with_another_mode(sick: Patient, folder: str, mode: int, says: str) -> None:
    path = sick.node.folder / folder
    path.chmod(mode)
    sick.follow(sick.trouble("folders", f"{path} {says}", f"chmod {says.rpartition(' 0')[2]} {path}"))
    sick.is_well("folders")


def test_a_folder_of_another_owner_group_or_gone(sick: Patient) -> None:
    repo, zones, state = sick.node.repo, sick.node.folder / "named/bind/zones", sick.node.root / "state"
    os.chown(repo, NOBODY.uid, -1)
    sick.follow(sick.trouble("folders", f"{repo} belongs to nobody", f"chown root {repo}"))
    os.chown(zones, -1, 0)
    sick.follow(sick.trouble("folders", f"{zones} is of group root, not of named's, bind", f"chgrp bind {zones}"))
    state.rename(state.with_name("moved"))
    finding = sick.trouble("folders", f"{state} is not there", "reconciler init --user")
    state.with_name("moved").rename(state)
    sick.follow(finding)
    sick.is_well("folders")


def test_files_of_another_owner(sick: Patient) -> None:
    head, zone = sick.node.repo / "HEAD", sick.node.folder / "named/bind/zones/example.net"
    os.chown(head, NOBODY.uid, -1)
    sick.follow(sick.trouble("owners", f"{head} belongs to nobody, not to root", f"chown -R root {sick.node.repo}"))
    os.chown(zone, 54321, -1)
    journal = zone.with_name("dyn.example.net.jnl")
    journal.touch()
    shutil.chown(journal, "bind")
    sick.follow(sick.trouble("owners", f"{zone} belongs to 54321", "-name '*.jnl' -exec chown bind:bind"))
    assert journal.owner() == "bind"
    os.chown(journal, 0, 0)
    finding = sick.trouble(
        "owners", f"{journal} belongs to root, not to bind: named refuses updates", "chown bind:bind"
    )
    sick.follow(finding)
    journal.unlink()
    sick.is_well("owners")


def test_the_daemons_user(sick: Patient) -> None:
    sick.trouble("accounts", "there is no user reconciler", "systemd-sysusers", daemon=None)
    says = "user nobody is not in group bind"
    sick.trouble("accounts", says, "usermod --append --groups bind nobody", daemon=NOBODY)


def test_a_repository_that_is_damaged_empty_or_locked(sick: Patient) -> None:
    repo = sick.node.repo
    (repo / "HEAD").rename(repo / "HEAD.away")
    sick.trouble("repository", str(repo), f"git -C {repo} fsck")
    (repo / "HEAD.away").rename(repo / "HEAD")
    settings = sick.seen().settings.model_copy(update={"branch": "other"})
    says = f"branch other of {repo} has no commit yet"
    sick.trouble("repository", says, "git push origin other", level=Level.WARNING, settings=settings)
    lock = repo / "refs/heads/$(touch pwned).lock"  # git takes such a name
    lock.touch()
    sick.is_well("repository")
    os.utime(lock, (0, time.time() - 3600))
    finding = sick.trouble("repository", f"{lock} is left of a git that ended", f"rm '{lock}'", level=Level.WARNING)
    assert "Locks that git left" in finding.remedy
    sick.follow(finding)
    assert not Path("/pwned").exists()
    sick.is_well("repository")


def test_a_record_of_what_is_deployed_that_is_damaged_or_not_ended(sick: Patient) -> None:
    state = sick.node.root / "state"
    manifest, pending = state / "manifest.json", state / "pending.json"
    text = manifest.read_text()
    zones = json.loads(text)["zones"]
    pending.write_text(json.dumps({"version": 1, "apply": "half", "zones": {"example.net.": [zones["example.net."]]}}))
    says = "an apply of example.net. was begun, and its end is not on record"
    sick.follow(sick.trouble("manifest", says, "reconciler apply", level=Level.WARNING))
    sick.is_well("manifest")
    manifest.write_text("{")
    finding = sick.trouble("manifest", f"{manifest}: not JSON", f"mv {state} {state}.damaged")
    others = sick.troubles("zones", "frozen", "future", "dnsmasq-names")
    assert {item.level for item in others} == {Level.SKIPPED}
    # The daemon goes on running, and makes everything anew.
    assert not sick.follow(finding)
    sick.is_well("manifest", "folders", "owners", "zones", "status")
    assert json.loads(manifest.read_text())["zones"].keys() == zones.keys()


def test_hooks_that_git_would_not_run_or_that_are_not_ours(sick: Patient) -> None:
    repo = sick.node.repo
    hook = repo / "hooks/pre-receive"
    init = "reconciler init --user"
    hook.unlink()
    sick.follow(sick.trouble("hooks", "hook pre-receive is missing", init))
    hook.chmod(0o644)
    sick.follow(sick.trouble("hooks", f"hook {hook} is not executable", init))
    hook.write_text("#!/bin/sh\nexit 0\n")
    sick.follow(sick.trouble("hooks", "hook pre-receive in", init))
    for key, value in (("core.hooksPath", "/dev/null"), ("core.fsync", "none")):
        subprocess.run(["git", "config", "--file", repo / "config", key, value], check=True)
        sick.follow(sick.trouble("hooks", f"{repo / 'config'}: {key.lower()} is {value}", init))
    (repo / "reconciler.control").write_text("/elsewhere\n")
    sick.follow(sick.trouble("hooks", "does not name the daemon's socket", init))
    (repo / "reconciler.fallback").write_text("/nowhere/reconciler\n")
    sick.follow(sick.trouble("hooks", "does not name a program that checks a push", init))
    sick.is_well("hooks")


def test_a_secret_that_is_missing_or_open(sick: Patient) -> None:
    secret = sick.node.folder / "secrets/acme"
    write(secret, SECRET)
    secret.chmod(0o640)
    sick.clone.change({"site.yaml": KEYED})
    sick.is_well("secrets")
    secret.chmod(0o644)
    sick.follow(sick.trouble("secrets", f"{secret} can be read or written by everybody", f"chmod o= {secret}"))
    sick.is_well("secrets")
    secret.unlink()
    finding = sick.trouble("secrets", f"the state names secret acme, and {secret} cannot be read", "install -m 640")
    sick.follow(finding)
    secret.write_text(SECRET)
    sick.is_well("secrets")


def test_files_and_serials_ahead_of_the_clock(sick: Patient) -> None:
    zone = sick.node.folder / "named/bind/zones/example.net"
    os.utime(zone, (0, time.time() + 7200))
    says = f"{zone} was written 120 min in this node's future"
    sick.follow(sick.trouble("future", says, f"touch {zone}", level=Level.WARNING))
    sick.is_well("future")
    earlier = sick.troubles("future", now=time.time() - 30 * 86_400)
    assert any("the serial of example.net." in item.what and "ahead of the date" in item.what for item in earlier)


def test_a_clock_that_is_wrong_or_left_alone(sick: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    sick.trouble("clock", "the clock says 1970-01-01 00:00 UTC", "timedatectl set-ntp true", now=5.0)
    monkeypatch.setattr("reconciler.doctor.clock.synchronized", lambda: False)
    sick.trouble("clock", "nothing keeps the clock right", "apt-get install chrony", level=Level.WARNING)
    monkeypatch.setattr("reconciler.doctor.clock.synchronized", lambda: True)
    sick.is_well("clock")


def test_the_daemon_is_down_or_another_version(sick: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.doctor.daemon.__version__", "9.9.9")
    sick.trouble("daemon", "installed is 9.9.9", "systemctl restart reconciler", level=Level.WARNING)
    monkeypatch.undo()
    sick.node.stop_daemon()
    finding = sick.trouble("daemon", "no daemon answers", "systemctl start reconciler")
    assert [item.level for item in sick.troubles("status")] == [Level.SKIPPED]
    assert "start reconciler" in sick.follow(finding)
    sick.node.start_daemon()
    sick.is_well("daemon", "status")


def test_the_restart_helper_is_missing(sick: Patient) -> None:
    sick.node.helper.stop()
    finding = sick.trouble("helper", f"nobody listens at {sick.node.helper.path}", "reconciler-helper.socket")
    assert "enable --now reconciler-helper.socket" in sick.follow(finding)
    sick.node.helper.start()
    sick.is_well("helper")


def test_a_pause_drift_and_a_pass_that_did_not_end_well(sick: Patient) -> None:
    run = [*sick.node.command("pause", "--reason", "moving the rack")]
    subprocess.run(run, check=True, capture_output=True)
    sick.follow(sick.trouble("status", "moving the rack", "reconciler resume", level=Level.WARNING))
    sick.is_well("status")
    conf = sick.node.folder / "dnsmasq/dnsmasq/dnsmasq.conf"
    text = conf.read_text()
    conf.write_text(text + "# by hand\n")
    subprocess.run(sick.node.command("apply"), check=False, capture_output=True)
    sick.trouble("status", "dnsmasq/dnsmasq.conf", "reconciler status", level=Level.WARNING)
    conf.write_text(text)
    subprocess.run(sick.node.command("apply"), check=True, capture_output=True)
    sick.is_well("status")
    sick.clone.commit({"hosts.yaml": "a: {ipv4: 10.9.9.9, network: office}\n"})
    # A commit that came without a push stands on the branch; this one takes nearly all hosts away.
    subprocess.run(["git", "fetch", "-q", sick.clone.path, "HEAD:main"], cwd=sick.node.repo, check=True)
    subprocess.run(sick.node.command("apply"), check=False, capture_output=True)
    sick.trouble("status", "the last pass ended as held: guard", "reconciler status")
