"""The public address on a whole node: from `git push` to status and history, over crashes and changes of the role."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodes import ENVIRONMENT, HOSTS, Clone, reconciler, status
from servers import wait_until
from wanlab import NEW, OLD, OTHER, PASSWORD

from reconciler.audit.history import history
from reconciler.demo.pocket import PocketSite
from reconciler.demo.provider import Provider

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("ddclient") is None, reason="ddclient is not installed"),
]

SITE = """\
version: 1
site: test
networks:
  office: {domain: office.example.net, ipv4: 192.168.10.0/24}
dns: {clients_ask: dnsmasq}
"""


class Made:
    """A node with a role file, a clone of its state, a provider."""

    def __init__(self, folder: Path) -> None:
        self.provider = Provider(folder, PASSWORD)
        self.provider.addresses.update({"example.net.": OLD, "www.example.net.": OLD})
        self.provider.whoami = NEW.encode()
        self.node = PocketSite(
            folder,
            bind=False,
            role="file",
            environment={"SSL_CERT_FILE": str(self.provider.certificate)},
            settings={"commands": {"who": ["/bin/echo", OTHER]}, "providers": [self.provider.server]},
        )
        (folder / "secrets").mkdir(exist_ok=True)
        (folder / "secrets/provider").write_text(PASSWORD)

    def start(self) -> None:
        self.provider.start()
        made = subprocess.run(self.node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        self.node.role_file.write_text("primary\n")
        self.node.start()
        self.clone = Clone(self.node, self.node.folder / "clone")
        said = self.clone.change({"site.yaml": SITE, "hosts.yaml": HOSTS})
        assert "applied" in said, said

    def wan(self, **changes: str) -> str:
        values = {"web": self.provider.page, "secret": "provider", "names": "['@', www]", "settle": "0", **changes}
        return SITE + (
            f"wan:\n  watch: [{{web: '{values['web']}'}}]\n  every: 1s\n  settle: {values['settle']}\n  publish:\n"
            f"    - {{protocol: dyndns2, domain: example.net, names: {values['names']},\n"
            f"       server: '{self.provider.server}', login: ada, password: {{secret: {values['secret']}}},\n"
            f"       every: 30s, confirm: '127.0.0.1:{self.provider.dns_port}'}}\n"
        )

    def publication(self) -> dict[str, Any]:
        wan = status(self.node)["wan"]
        found: dict[str, Any] = wan["publications"][0] if wan else {}
        return found

    def is_published(self, address: str) -> None:
        wait_until(
            lambda: (self.publication().get("confirmed") or {}).get("address") == address,
            timeout=60,
            what=str(self.publication()),
        )

    def entries(self) -> list[tuple[str, ...]]:
        """Results of what the audit has of the address, oldest first."""
        found = [entry for entry in history(self.node.repo) if entry.values("Trigger") == ("address",)]
        return [(*entry.values("Result"), *entry.values("Address")) for entry in reversed(found)]

    def become(self, word: str) -> None:
        fresh = self.node.role_file.with_suffix(".tmp")
        fresh.write_text(f"{word}\n")
        fresh.rename(self.node.role_file)
        wait_until(lambda: status(self.node)["role"] == word, timeout=60)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    made = Made(tmp_path)
    try:
        made.start()
        yield made
        assert "Traceback" not in made.node.log.read_text()
        assert PASSWORD not in made.node.log.read_text()
    finally:
        made.node.stop()
        made.provider.stop()


def test_from_push_to_history(made: Made) -> None:
    refused = made.clone
    refused.commit({"site.yaml": made.wan(secret="gone")})
    assert "secrets/gone: No such file" in refused.push().stdout
    refused.commit({"site.yaml": made.wan(web="x").replace("web: 'x'", "command: other")})
    assert "has no other under `commands:`" in refused.push().stdout
    elsewhere = made.wan().replace(f"server: '{made.provider.server}'", "server: evil.example")
    refused.commit({"site.yaml": elsewhere})
    assert "no secret is sent there" in refused.push().stdout
    assert "applied" in made.clone.change({"site.yaml": made.wan()})
    made.is_published(NEW)
    wait_until(lambda: len(made.entries()) == 2, timeout=60)
    assert made.entries() == [("found", NEW), ("published", NEW)]
    assert made.provider.updates == [("example.net.", NEW), ("www.example.net.", NEW)]
    shown = reconciler(made.node, "status").stdout
    assert f"address   {NEW} since 2" in shown, shown
    assert f"published example.net., www.example.net. {NEW}, seen in public DNS 2" in shown
    assert f"said by web {made.provider.page}" in shown
    said = reconciler(made.node, "log").stdout
    assert f"Published {NEW} for example.net., www.example.net.: seen in public DNS" in said
    assert f"Said-by:    web {made.provider.page}" in said
    everything = [shown, said, json.dumps(status(made.node)), reconciler(made.node, "wan").stdout]
    everything.append(made.clone.run("log", "--all", "-p", cwd=made.node.repo).stdout)
    assert not [text for text in everything if PASSWORD in text]
    made.clone.change({"site.yaml": SITE})
    wait_until(lambda: status(made.node)["wan"] is None, timeout=60)


def test_bad_answers_are_a_line_in_status_and_no_update(made: Made) -> None:
    made.provider.whoami = b"<html>192.88.99.20</html>"
    made.clone.change({"site.yaml": made.wan()})
    wait_until(lambda: "the answer is HTML" in reconciler(made.node, "status").stdout, timeout=60)
    shown = reconciler(made.node, "wan")
    assert shown.returncode == 1
    assert f"web {made.provider.page}: the answer is HTML, not an address" in shown.stdout
    assert status(made.node)["healthy"] is False
    assert made.provider.updates == []


def test_a_crash_between_sending_and_noting_sends_nothing_twice(made: Made) -> None:
    made.provider.reply = "silence"
    made.clone.change({"site.yaml": made.wan(names="'@'")})
    wait_until(lambda: made.provider.updates, timeout=60)
    made.node.kill_daemon()
    made.provider.reply = "good"
    _end_ddclient(made.node.folder)
    made.node.start_daemon()
    wait_until(lambda: "how the last sending ended" in made.publication().get("state", ""), timeout=60)
    made.provider.addresses["example.net."] = NEW
    made.is_published(NEW)
    assert made.provider.updates == [("example.net.", NEW)]
    wait_until(lambda: made.entries() == [("found", NEW), ("published", NEW)], timeout=60)


def _end_ddclient(folder: Path) -> None:
    """End what a killed daemon has left behind, known by this node's folder among its arguments."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = path.read_bytes().decode("utf-8", "replace")
            if "ddclient" in argv and str(folder) in argv:
                os.kill(int(path.parent.name), signal.SIGKILL)
        except (OSError, ProcessLookupError):
            continue


def test_a_new_primary_looks_before_it_sends_and_a_standby_asks_nobody(made: Made) -> None:
    made.clone.change({"site.yaml": made.wan()})
    made.is_published(NEW)
    sent = list(made.provider.updates)
    made.become("standby")
    asked = made.provider.asked
    assert status(made.node)["wan"] is None
    assert reconciler(made.node, "wan", "publish").returncode == 1
    made.provider.whoami = OTHER.encode()
    made.provider.addresses.update({"example.net.": OTHER, "www.example.net.": OTHER})
    assert made.provider.asked == asked
    made.become("primary")
    made.is_published(OTHER)
    assert made.provider.updates == sent, "the old primary's peer had published it already"
    wait_until(lambda: made.entries()[-1] == ("published", OTHER), timeout=60)


def test_an_operator_has_it_published_anew(made: Made) -> None:
    made.provider.reply = "abuse"
    made.clone.change({"site.yaml": made.wan(names="'@'")})
    wait_until(lambda: made.publication().get("stuck"), timeout=60)
    assert "blocked for abuse" in reconciler(made.node, "status").stdout
    assert reconciler(made.node, "status").returncode == 1
    made.provider.reply = "good"
    assert reconciler(made.node, "wan", "publish").returncode == 0
    made.is_published(NEW)
    assert len(made.provider.updates) == 2
    wait_until(lambda: len(made.entries()) == 4, timeout=60)
    assert [result for result, _ in made.entries()] == ["found", "refused", "asked", "published"]
