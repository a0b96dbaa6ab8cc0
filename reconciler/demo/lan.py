"""A network of one's own, for DHCP: the servers in one network namespace, each client in another. For root only.

Nothing of it is seen outside: no interface, address or route of the machine is touched, and no packet leaves. Files are
shared with the machine, so clients get a script that touches their own interface only, never /etc/resolv.conf.
"""

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reconciler.errors import ReconcilerError

_CLONE_NEWNET = 0x40000000
NAMESPACES = Path("/var/run/netns")
"""Where ip-netns(8) keeps them."""
CLIENT_SCRIPT = """\
#!/bin/sh
# Called by udhcpc: the lease's address on the client's own interface, and nothing else.
case $1 in
deconfig) ip -4 address flush dev "$interface" ;;
bound | renew) ip address replace "$ip/$mask" dev "$interface" ;;
esac
"""


def obstacle() -> str | None:
    """Why there can be no Lan here; None if there can."""
    if os.geteuid() != 0:
        return "it needs root's rights"
    if shutil.which("ip") is None:
        return "ip is not installed; on Debian and Ubuntu: apt-get install iproute2"
    if shutil.which("busybox") is None:
        return "no DHCP client (udhcpc) is installed; on Debian and Ubuntu: apt-get install busybox-static"
    tried = Lan(Path("/"), {})
    try:
        tried.open()
    except ReconcilerError as error:
        return f"no network namespace can be made here ({error})"
    finally:
        tried.close()
    return None


class Lan:
    """The servers' namespace, with a bridge for each network, and clients plugged into them.

    folder: gets the clients' script. interfaces: by name, the servers' addresses there, with prefix length. Whoever
    opens it closes it, also when opening failed.
    """

    def __init__(self, folder: Path, interfaces: Mapping[str, Sequence[str]]) -> None:
        self.namespace = f"reconciler-{secrets.token_hex(3)}"
        self.script = folder / "client-script"
        self._interfaces = interfaces
        self._clients: list[Client] = []

    def open(self) -> None:
        """Make the namespace and its interfaces. Raises ReconcilerError with the words of ip(8)."""
        if self._interfaces:
            self.script.write_text(CLIENT_SCRIPT)
            self.script.chmod(0o755)
        make_namespace(self.namespace)
        for number, (name, addresses) in enumerate(self._interfaces.items()):
            # A bridge is up only with a port that is.
            port, end = f"port{number}", f"end{number}"
            # Else it has the lowest of its ports', which changes as clients come, and neighbours know the old one.
            mac = f"52:54:00:ff:ff:{number:02x}"
            ip("-n", self.namespace, "link", "add", name, "address", mac, "type", "bridge", "mcast_snooping", "0")
            ip("-n", self.namespace, "link", "add", port, "master", name, "type", "veth", "peer", "name", end)
            for device in (port, end):
                ip("-n", self.namespace, "link", "set", device, "addrgenmode", "none", "up")
            ip("-n", self.namespace, "link", "set", name, "up")
            for address in addresses:
                ip("-n", self.namespace, "address", "add", address, "dev", name)

    def close(self) -> None:
        """Remove everything; end clients that still run."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        remove_namespace(self.namespace)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """In the block this thread, with every process and thread that it starts, is in the servers' namespace."""
        with inside(NAMESPACES / self.namespace):
            yield

    def client(self, name: str, mac: str, interface: str) -> "Client":
        """A new client on the network behind that interface. Name: at most eight letters or digits."""
        client = Client(self, name, mac)
        self._clients.append(client)
        client.open(interface)
        return client


class Client:
    """One machine of the network, with the interface eth0; `Lan.client` makes it."""

    def __init__(self, lan: Lan, name: str, mac: str) -> None:
        self.mac = mac
        self.namespace = f"{lan.namespace}-{name}"
        self._lan = lan
        self._port = f"to-{name}"

    def open(self, interface: str) -> None:
        """Make it, plugged into that network."""
        make_namespace(self.namespace)
        ends = ["link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", self.namespace]
        ip("-n", self._lan.namespace, *ends)
        ip("-n", self._lan.namespace, "link", "set", self._port, "addrgenmode", "none", "up")
        self.plug(interface)
        ip("-n", self.namespace, "link", "set", "eth0", "address", self.mac, "up")

    def plug(self, interface: str) -> None:
        """Move it to the network behind another interface of the servers'."""
        ip("-n", self._lan.namespace, "link", "set", self._port, "master", interface)

    def command(self, *argv: str) -> list[str]:
        """What runs a command on this client."""
        return ["ip", "netns", "exec", self.namespace, *argv]

    def udhcpc(self, *options: str) -> list[str]:
        """A DHCP client in the foreground, which gives its lease back when it is ended (SIGTERM)."""
        script = str(self._lan.script)
        tries = ["-t", "10", "-T", "1", "-A", "1"]
        return self.command("busybox", "udhcpc", "-f", "-R", "-i", "eth0", "-s", script, *tries, *options)

    def close(self) -> None:
        """Kill what runs on it, and remove it."""
        end_namespace(self.namespace)


@contextlib.contextmanager
def inside(namespace: Path) -> Iterator[None]:
    """In the block this thread, with every process and thread that it starts, is in that network namespace."""
    with Path("/proc/thread-self/ns/net").open("rb") as here, namespace.open("rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(here.fileno())


def ip(*arguments: str) -> None:
    """Run ip(8). Raises ReconcilerError with its words."""
    _run("ip", *arguments)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise ReconcilerError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")


def make_namespace(name: str) -> None:
    """A network namespace with its loopback up."""
    ip("netns", "add", name)
    # No duplicate address detection (RFC 4862): link-local addresses can be used at once.
    switch = "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"
    _run("ip", "netns", "exec", name, "sh", "-c", f"[ ! -e /proc/sys/net/ipv6 ] || {switch}")
    ip("-n", name, "link", "set", "lo", "up")


def end_namespace(name: str) -> None:
    """Kill what runs in a namespace, and remove it; nothing happens where there is none."""
    found = subprocess.run(["ip", "netns", "pids", name], check=False, capture_output=True, text=True)
    for pid in found.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    remove_namespace(name)


def remove_namespace(name: str) -> None:
    """Remove a namespace, if it is there; what runs in it keeps it alive, unseen."""
    if (NAMESPACES / name).exists():
        ip("netns", "delete", name)


def _enter(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise ReconcilerError(f"cannot enter a network namespace: {os.strerror(number)}")
