"""A real keepalived, and reconciler-keepalived after it: order, flaps, failures, deaths on both sides."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from servers import wait_until

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
SCRIPT = HOOKS / "reconciler-keepalived"
ADDRESS = "192.168.77.4"
PATIENCE = 60.0
GROUP = ("disk", "services", "active")
UP, DOWN = [f"{name} start" for name in GROUP], [f"{name} stop" for name in reversed(GROUP)]

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]

# Notes begin and end of each call, and whether another one was under way; fails or waits when told to.
RESOURCE = """\
#!/bin/sh
cd {folder}
mkdir busy 2>/dev/null || echo "$1 $2 CONCURRENT" >>log
sleep 0.1
while [ -e "hold-$1-$2" ]; do sleep 0.05; done
rmdir busy
if [ -e "fail-$1-$2" ]; then echo "$1 $2 failed" >>log; exit 1; fi
echo "$1 $2" >>log
"""

CONF = """\
global_defs {{
    router_id test
    script_user root
    {fifo}
    fifo_write_vrrp_states_on_reload
}}
vrrp_track_file fault {{
    file {folder}/run/fault
    weight 0
    init_file 0
}}
vrrp_track_file sway {{
    file {folder}/sway
    weight 0
    init_file 0
}}
vrrp_instance ipv4 {{
    state BACKUP
    nopreempt
    version 3
    interface lan0
    virtual_router_id 53
    priority 100
    advert_int 0.1
    unicast_src_ip 192.168.77.2
    unicast_peer {{
        192.168.77.3
    }}
    track_file {{
        fault
        sway
    }}
    virtual_ipaddress {{
        192.168.77.4/24 dev lan0
    }}
    {notify}
}}
"""


class Node:
    """A namespace with keepalived in it. mode: `stay` (our program beside it), `script` (its own), `notify`."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder, self.mode = folder, mode
        self.namespace = f"reconciler-{secrets.token_hex(3)}"
        self.log = folder / "log"
        self.fifo = folder / "fifo"
        self.keepalived: subprocess.Popen[bytes] | None = None
        self.follower: subprocess.Popen[bytes] | None = None
        self.resource = self._program("resource", RESOURCE.format(folder=folder))
        self.script = self._program(
            "follow",
            f"#!/bin/sh\nexport RECONCILER_HOOKS={HOOKS} RECONCILER_HA_CONF={folder}/ha.conf\n"
            f'exec {SCRIPT} "$@" 2>>{folder}/said\n',
        )
        self.configure()
        fifo = f"notify_fifo {self.fifo}" if mode != "notify" else ""
        if mode == "script":
            fifo += f"\n    notify_fifo_script {self.script}"
        notify = f"notify {self.script}" if mode == "notify" else ""
        (folder / "keepalived.conf").write_text(CONF.format(folder=folder, fifo=fifo, notify=notify))

    def _program(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def configure(self, **more: str) -> None:
        group = " ".join(f"{self.resource}::{name}" for name in GROUP)
        values = {"RUN": f"{self.folder}/run", "GROUP": group, "FOLLOW": "ipv4", "FAULT_SECONDS": "600", **more}
        (self.folder / "run").mkdir(exist_ok=True)
        (self.folder / "ha.conf").write_text("".join(f'{name}="{value}"\n' for name, value in values.items()))

    def open(self) -> None:
        ip = ["ip", "-n", self.namespace]
        subprocess.run(["ip", "netns", "add", self.namespace], check=True)
        subprocess.run([*ip, "link", "add", "lan0", "type", "veth", "peer", "name", "lan1"], check=True)
        for link in ("lo", "lan0", "lan1"):
            subprocess.run([*ip, "link", "set", link, "up"], check=True)
        subprocess.run([*ip, "address", "add", "192.168.77.2/24", "dev", "lan0"], check=True)
        if self.mode == "stay":
            self.follow()
        self.start()

    def start(self) -> None:
        files = ["-f", f"{self.folder}/keepalived.conf", "-p", f"{self.folder}/pid", "-r", f"{self.folder}/vrrp-pid"]
        with (self.folder / "keepalived.log").open("ab") as stream:
            self.keepalived = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, "keepalived", "--dont-fork", "--vrrp", "--log-console", *files],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    def follow(self) -> None:
        self.follower = subprocess.Popen([str(self.script), "--stay", str(self.fifo)], stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        """Nothing of keepalived gets a last word."""
        assert self.keepalived
        child = int((self.folder / "vrrp-pid").read_text())
        self.keepalived.send_signal(signal.SIGSTOP)
        os.kill(child, signal.SIGKILL)
        self.keepalived.kill()
        self.keepalived.wait(PATIENCE)

    def stop(self) -> None:
        assert self.keepalived
        self.keepalived.terminate()
        self.keepalived.wait(PATIENCE)

    def close(self) -> None:
        for process in (self.keepalived, self.follower):
            if process and process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE)
                process.kill()
                process.wait()
        for hold in self.folder.glob("hold-*"):
            hold.unlink()
        subprocess.run(["ip", "netns", "del", self.namespace], check=False, capture_output=True)

    def sway(self, value: int) -> None:
        """1 takes the address away from keepalived's instance, 0 lets it have it again."""
        (self.folder / "sway").write_text(f"{value}\n")

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def has_address(self) -> bool:
        argv = ["ip", "-n", self.namespace, "-4", "-o", "address", "show", "dev", "lan0"]
        return f" {ADDRESS}/" in subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        said = self.folder / "said"
        try:
            wait_until(condition, timeout=PATIENCE)
        except AssertionError:
            raise AssertionError(f"{what}: {self.calls}\n{said.read_text() if said.exists() else ''}") from None

    def wait_calls(self, *expected: str) -> None:
        """That the calls end like this; and never were two under way at a time."""
        self.wait(lambda: self.calls[-len(expected) :] == list(expected), f"calls ending in {expected}")
        assert not [call for call in self.calls if "CONCURRENT" in call]

    def forget(self) -> None:
        self.log.write_text("")


@pytest.fixture(params=["stay", "script", "notify"])
def node(request, tmp_path) -> Iterator[Node]:
    made = Node(tmp_path, request.param)
    try:
        made.open()
        made.wait_calls(*UP)
        made.forget()
        yield made
    finally:
        made.close()


@pytest.fixture
def stay(tmp_path) -> Iterator[Node]:
    """Not yet opened."""
    made = Node(tmp_path, "stay")
    try:
        yield made
    finally:
        made.close()


def test_master_then_backup_then_master(node):
    node.sway(1)
    node.wait_calls(*DOWN)
    node.sway(0)
    node.wait_calls(*DOWN, *UP)


def test_flaps_never_overlap_and_the_last_word_counts(node):
    hold = node.folder / "hold-services-stop"
    hold.touch()
    node.sway(1)
    node.wait(lambda: node.calls == ["active stop"], "held on its way down")
    for value in (0, 1, 0, 1, 0, 1, 0):
        node.sway(value)
        node.wait(lambda value=value: node.has_address == (value == 0), "keepalived followed")
    hold.unlink()
    node.wait_calls(*DOWN, *UP)
    node.forget()
    for value in (1, 0, 1, 0, 1):
        node.sway(value)
        node.wait(lambda value=value: node.has_address == (value == 0), "keepalived followed")
    node.wait_calls(*DOWN)


def test_an_orderly_stop_of_keepalived_takes_everything_down(node):
    node.stop()
    node.wait_calls(*DOWN)


def test_a_reload_moves_nothing(node):
    assert node.keepalived
    reloads = (node.folder / "keepalived.log").read_text().count("Reloading")
    node.keepalived.send_signal(signal.SIGHUP)
    node.wait(lambda: (node.folder / "keepalived.log").read_text().count("Reloading") > reloads, "reloaded")
    node.sway(1)
    node.wait_calls(*DOWN)
    stops = [call for call in node.calls if call.endswith(" stop")]
    assert stops == DOWN, "only keepalived's word took it down"


@pytest.mark.parametrize("node", ["stay", "script"], indirect=True)
def test_keepalived_killed_takes_everything_down(node):
    node.kill()
    node.wait_calls(*DOWN)


def test_keepalived_killed_and_started_again(stay):
    stay.open()
    stay.wait_calls(*UP)
    stay.kill()
    stay.wait_calls(*UP, *DOWN)
    stay.start()
    stay.wait_calls(*UP, *DOWN, *UP)


def test_a_node_that_cannot_start_gives_the_address_away_and_is_tried_again_later(stay):
    stay.configure(FAULT_SECONDS="3")
    failing = stay.folder / "fail-services-start"
    failing.touch()
    stay.open()
    stay.wait_calls("disk start", "services start failed", *DOWN)
    stay.wait(lambda: not stay.has_address, "the address is given away")
    failing.unlink()
    stay.wait_calls(*DOWN, *UP)
    assert stay.has_address


def test_the_disk_is_waited_for_while_the_other_node_lets_go_of_it(stay):
    busy = stay.folder / "fail-disk-start"
    busy.touch()
    stay.open()
    stay.wait(lambda: stay.calls.count("disk start failed") >= 2, "tried again")
    assert stay.has_address
    busy.unlink()
    stay.wait_calls(*UP)
    assert not [call for call in stay.calls if call == "active stop" and stay.calls.index(call) > len(DOWN)]


def test_a_stop_that_fails_is_tried_until_it_succeeds(stay):
    stay.open()
    stay.wait_calls(*UP)
    (stay.folder / "fail-disk-stop").touch()
    stay.sway(1)
    stay.wait_calls("active stop", "services stop", "disk stop failed")
    (stay.folder / "fail-disk-stop").unlink()
    stay.wait_calls(*DOWN)


def test_our_program_killed_and_started_again_knows_the_last_word(stay):
    stay.open()
    stay.wait_calls(*UP)
    assert stay.follower
    stay.follower.kill()
    stay.follower.wait(PATIENCE)
    stay.forget()
    stay.follow()
    stay.wait_calls(*UP)
    stay.follower.kill()
    stay.follower.wait(PATIENCE)
    stay.forget()
    stay.sway(1)
    stay.wait(lambda: not stay.has_address, "keepalived followed")
    stay.follow()
    stay.wait_calls(*DOWN)


def test_our_program_stopped_gives_the_address_away(stay):
    stay.open()
    stay.wait_calls(*UP)
    assert stay.follower
    stay.follower.terminate()
    stay.wait_calls(*UP, *DOWN)
    stay.wait(lambda: not stay.has_address, "the address is given away")
    assert stay.follower.wait(PATIENCE) == 0


def test_nothing_is_taken_up_where_keepalived_does_not_run(stay):
    (stay.folder / "run/keepalived.word").write_text("MASTER\n")
    stay.follow()
    stay.wait_calls(*DOWN)


def test_bad_settings_are_told_in_a_sentence(tmp_path):
    for text, words in (
        ("", "GROUP is empty"),
        ('GROUP="no-such-script"', "no script no-such-script"),
        ("GROUP='", "No closing quotation"),
    ):
        (tmp_path / "ha.conf").write_text(f"RUN={tmp_path}/run\n{text}\n")
        done = subprocess.run(
            [str(SCRIPT), str(tmp_path / "fifo")],
            env={**os.environ, "RECONCILER_HOOKS": str(HOOKS), "RECONCILER_HA_CONF": str(tmp_path / "ha.conf")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr


def test_keepalived_takes_the_example():
    done = subprocess.run(
        ["keepalived", "--config-test", "--use-file", str(HOOKS / "keepalived.conf.example")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
