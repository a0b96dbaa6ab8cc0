"""The lab's network: a switch with a bridge for each network, and the machines plugged into it, each a namespace."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from reconciler.demo.lan import CLIENT_SCRIPT, end_namespace, ip, make_namespace
from reconciler.errors import ReconcilerError
from reconciler.lab.layout import ADMIN, CLIENTS, NETWORKS, NODES, Layout, address

SWITCH = "switch"
_CLIENT_HOST = 10
"""Host part of the fixed IPv6 addresses of DHCP clients."""

# A push whose server is gone shall notice it within seconds, not hours (tcp(7)).
_KEEPALIVE = {"tcp_keepalive_time": 1, "tcp_keepalive_intvl": 1, "tcp_keepalive_probes": 5}


def make(layout: Layout) -> None:
    """Everything. Raises ReconcilerError with the words of ip(8); then, too, `remove` has to be called."""
    script = layout.folder / "client-script"
    script.write_text(CLIENT_SCRIPT)
    script.chmod(0o755)
    make_namespace(layout.namespace(SWITCH))
    for network in NETWORKS:
        switch = layout.namespace(SWITCH)
        ip("-n", switch, "link", "add", network.name, "type", "bridge", "mcast_snooping", "0")
        ip("-n", switch, "link", "set", network.name, "addrgenmode", "none", "up")
    for node, host in NODES.items():
        make_namespace(layout.namespace(node))
        for network in NETWORKS:
            _plug(layout, node, network.name, network.name, address(network, host))
    make_namespace(layout.namespace("admin"))
    _plug(layout, "admin", "eth0", NETWORKS[0].name, address(NETWORKS[0], ADMIN))
    for name, value in _KEEPALIVE.items():
        ip("netns", "exec", layout.namespace("admin"), "sh", "-c", f"echo {value} >/proc/sys/net/ipv4/{name}")
    for number, (client, (where, mac)) in enumerate(CLIENTS.items()):
        make_namespace(layout.namespace(client))
        network = next(each for each in NETWORKS if each.name == where)
        _plug(layout, client, "eth0", where, address(network, _CLIENT_HOST + number)[1:], mac=mac)


def remove(layout: Layout) -> None:
    """Everything, also what is there in part only."""
    for machine in (*NODES, *CLIENTS, "admin", SWITCH):
        with contextlib.suppress(ReconcilerError):
            end_namespace(layout.namespace(machine))


def unplug(layout: Layout, node: str) -> None:
    """Nothing comes from this node any more, as without power: its kernel would go on answering ARP and NDP."""
    for network in NETWORKS:
        ip("-n", layout.namespace(SWITCH), "link", "set", _port(node, network.name), "down")


def boot(layout: Layout, node: str) -> None:
    """The node's network as it is after power on: plugged in, without what was there before."""
    for network in NETWORKS:
        for virtual in (network.v4, network.v6):
            with contextlib.suppress(ReconcilerError):
                ip("-n", layout.namespace(node), "address", "delete", str(virtual), "dev", network.name)
        ip("-n", layout.namespace(SWITCH), "link", "set", _port(node, network.name), "up")


def client_argv(layout: Layout, client: str) -> list[str]:
    """A DHCP client in the foreground; it brings its name, and gives its lease back when it is ended (SIGTERM)."""
    inside = ["ip", "netns", "exec", layout.namespace(client)]
    tries = ["-t", "100", "-T", "1", "-A", "1"]
    script = str(layout.folder / "client-script")
    return [*inside, "busybox", "udhcpc", "-f", "-R", "-i", "eth0", "-s", script, *tries, "-x", f"hostname:{client}"]


def _plug(
    layout: Layout, machine: str, interface: str, network: str, addresses: Sequence[str], *, mac: str | None = None
) -> None:
    switch, inside = layout.namespace(SWITCH), layout.namespace(machine)
    port = _port(machine, network)
    ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", interface, "netns", inside)
    ip("-n", switch, "link", "set", port, "addrgenmode", "none", "master", network, "up")
    ip("-n", inside, "link", "set", interface, *(["address", mac] if mac else []), "up")
    for each in addresses:
        ip("-n", inside, "address", "add", each, "dev", interface)


def _port(machine: str, network: str) -> str:
    """The switch's end of a cable; names of interfaces have 15 characters at most."""
    return f"{machine}-{network}"[:15]


def lease_of(log: Path) -> str | None:
    """The newest address in a DHCP client's log."""
    with contextlib.suppress(OSError):
        _, found, rest = log.read_text().rpartition("lease of ")
        return rest.split()[0] if found else None
    return None
