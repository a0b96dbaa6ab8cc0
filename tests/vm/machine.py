"""One virtual machine under QEMU's emulation; only processes that were started here are ended, by their id."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm.channel import Channel, Result, qmp
from vm.waiting import Failed, until

# Not the processor's own counter (TSC): its rate is measured at boot, wrong by any factor on a busy host, and with it
# the guest's clock goes wrong, timeouts included.
KERNEL_LINE = (
    "console=ttyS0 quiet root=/dev/vda mitigations=off random.trust_cpu=on nokaslr no_timer_check tsc=unstable "
    "clocksource=hpet cryptomgr.notests audit=0 init_on_alloc=0 8250.nr_uarts=1 panic=5 net.ifnames=0 apparmor=1 "
    "security=apparmor systemd.show_status=0 systemd.log_target=kmsg systemd.log_level=notice"
)
BOOT = 600.0
"""Seconds that a boot may take: usually about 15."""
MEMORY = 448
"""MiB."""
DISK = 64
"""MiB of the replicated disk."""


@dataclass(frozen=True)
class Card:
    """What a machine is called in its network."""

    name: str
    address: str
    mac: str


CARDS = {
    "a": Card("node-a", "10.77.0.1", "52:54:00:77:00:0a"),
    "b": Card("node-b", "10.77.0.2", "52:54:00:77:00:0b"),
    "client": Card("client", "10.77.0.50", "52:54:00:77:00:50"),
}


@dataclass(frozen=True)
class Disks:
    """What a machine starts from; `state` is memory that was saved while it ran."""

    root: Path
    data: Path | None = None
    state: Path | None = None


class Machine:
    """A machine in `folder`, which also has the switch's sockets.

    `image` is the folder that image.sh built, `project` a read-only disk.
    """

    def __init__(self, key: str, folder: Path, *, image: Path, project: Path, disks: Disks):
        self.key = key
        self.card = CARDS[key]
        self.folder = folder
        self.image = image
        self.project = project
        self.disks = disks
        self.root = folder / f"{key}.root.qcow2"
        self.data = folder / f"{key}.data.raw"
        self.state = disks.state
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._make_disks()

    def _make_disks(self) -> None:
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", self.disks.root, self.root], check=True
        )
        if self.disks.data is not None:
            subprocess.run(["cp", "--sparse=always", self.disks.data, self.data], check=True)
        else:
            with self.data.open("wb") as file:
                file.truncate(DISK << 20)

    def path(self, kind: str) -> Path:
        return self.folder / f"{self.key}.{kind}"

    def start(self) -> None:
        """Switch it on; from memory that was saved it comes up paused."""
        for kind in ("command", "qmp", "card"):
            self.path(kind).unlink(missing_ok=True)
        with self.path("qemu.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.state = None
        try:
            self._channel = Channel(self.path("command"), self.card.name)
        except Failed as error:
            raise Failed(f"{error}: {self.path('qemu.log').read_text(errors='replace')[-800:]}") from error

    def _command(self) -> list[str]:
        card, path = self.card, self.path
        line = f"{KERNEL_LINE} systemd.hostname={card.name} vm.address={card.address}/16"
        # SIGKILL is to lose what a power cut loses and no more: no cache=unsafe, and a raw replicated disk.
        root = f"id=root,if=none,file={self.root},format=qcow2,cache=writeback"
        data = f"id=data,if=none,file={self.data},format=raw,cache=writeback"
        project = f"id=project,if=none,file={self.project},format=raw,readonly=on"
        agent = f"socket,id=command,path={path('command')},server=on,wait=off"
        link = f"dgram,id=link,local.type=unix,local.path={path('card')},remote.type=unix,remote.path={path('switch')}"
        options = [
            # /dev/kvm may be there and still hang such a guest.
            ("-accel", "tcg,thread=multi,tb-size=256"),
            ("-machine", "q35", "-cpu", "max", "-smp", "1", "-m", str(MEMORY), "-name", card.name),
            ("-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"),
            ("-kernel", f"{self.image}/vmlinux", "-initrd", f"{self.image}/initrd.img", "-append", line),
            ("-drive", root, "-device", "virtio-blk-pci,drive=root"),
            ("-drive", data, "-device", "virtio-blk-pci,drive=data"),
            ("-drive", project, "-device", "virtio-blk-pci,drive=project"),
            ("-netdev", link, "-device", f"virtio-net-pci,netdev=link,mac={card.mac},id=card"),
            ("-device", "virtio-serial-pci", "-chardev", agent),
            ("-device", "virtserialport,chardev=command,name=vm.command"),
            ("-object", "rng-builtin,id=rng", "-device", "virtio-rng-pci,rng=rng"),
            ("-qmp", f"unix:{path('qmp')},server=on,wait=off", "-serial", f"file:{path('console')}"),
            () if self.state is None else ("-incoming", f"exec:cat {self.state}"),
        ]
        return ["qemu-system-x86_64", *itertools.chain.from_iterable(options)]

    @property
    def channel(self) -> Channel:
        if self._channel is None:
            raise Failed(f"{self.card.name} was never started")
        return self._channel

    @property
    def is_on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait_up(self) -> None:
        """Until its agent speaks."""
        end = time.monotonic() + BOOT
        while not self.channel.hello.wait(0.1):
            if not self.is_on or time.monotonic() > end:
                console = self.path("console").read_text(errors="replace")[-2000:]
                raise Failed(f"{self.card.name} did not boot in {BOOT:.0f} s; its console ends:\n{console}")

    def wait_paused(self) -> None:
        """Until saved memory is read."""
        until(lambda: self.qmp("query-status")["status"] in ("paused", "postmigrate"), "memory is read", 90, 0.02)

    def ask(self, command: str, timeout: float = 180) -> Result:
        """Run shell text as root, whatever comes of it."""
        return self.channel.run(command, timeout)

    def run(self, command: str, timeout: float = 180) -> str:
        """Run shell text as root; what it printed. Raises Failed when it fails."""
        result = self.ask(command, timeout)
        if result.code:
            raise Failed(f"{self.card.name}: {command!r} ended with {result.code}:\n{result.out}{result.err}")
        return result.out

    def put(self, path: str, data: str | bytes, mode: int = 0o644) -> None:
        self.channel.put(path, data.encode() if isinstance(data, str) else data, mode)

    def get(self, path: str) -> str:
        return self.channel.get(path).decode()

    def qmp(self, command: str, **arguments: Any) -> Any:
        return qmp(self.path("qmp"), command, **arguments)

    def cable(self, *, plugged: bool) -> None:
        """The guest sees its carrier go or come."""
        self.qmp("set_link", name="card", up=plugged)

    def cut_power(self) -> None:
        """Off at once, without a word to the guest."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        if self._channel is not None:
            self._channel.close()

    def shut_down(self, timeout: float = 400) -> None:
        """An orderly power-off, as by `poweroff`."""
        self.ask("systemctl poweroff --no-block")
        until(lambda: not self.is_on, f"{self.card.name} powers off", timeout)

    def set_clock(self, ahead: float = 0) -> None:
        """To the host's, or `ahead` seconds from it: a machine from saved memory has the time at which it was saved."""
        self.run(f"date -s @{time.time() + ahead:.3f}")

    def save(self, folder: Path) -> Disks:
        """Write memory and disks to `folder`; the machine has to be paused, and ends."""
        state = folder / f"{self.key}.memory"
        self.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 33})
        self.qmp("migrate", uri=f"exec:cat > {state}")
        done = until(self._migrated, f"{self.card.name} is saved", 180, 0.1)
        if done != "completed":
            raise Failed(f"{self.card.name} could not be saved: {json.dumps(self.qmp('query-migrate'))}")
        self.cut_power()
        disks = Disks(folder / self.root.name, folder / self.data.name, state)
        shutil.copy(self.root, disks.root)
        subprocess.run(["cp", "--sparse=always", self.data, folder], check=True)
        return disks

    def _migrated(self) -> str | None:
        status = self.qmp("query-migrate").get("status")
        return status if status in ("completed", "failed") else None
