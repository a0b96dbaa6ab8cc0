"""Addresses that hosts gave themselves get names: a whole node inside a network namespace (root only)."""

import json
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from nodes import HOSTS, reconciler, running_node, status
from servers import wait_until
from test_leases import WITH_DHCP, File, answers
from test_watch_neighbours import MAC, Net, enter, isolated

from reconciler.demo.pocket import PocketSite
from reconciler.dns.reverse import ptr_name
from reconciler.leases.slaac import GRACE

pytestmark = pytest.mark.real

PLAIN = WITH_DHCP.replace("2001:db8:a::", "fd12::")
SITE = PLAIN.replace("fd12::/64", "fd12::/64\n    slaac_names: yes")
STABLE, PRIVACY = "fd12::5054:ff:fe12:3456", "fd12::1234:5678:9abc:def0"
PHONE = f"{int(time.time()) + 7200} {MAC} 192.168.10.150 phone *"
NAME = "phone.office.example.net"


def inside(namespace: str, body: Callable[[], None]) -> None:
    """In a thread that is in the namespace: what it starts and what it asks are there too."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            enter(namespace)
            body()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def shown(node: PocketSite, address: str) -> dict[str, Any] | None:
    leases = json.loads(reconciler(node, "leases", "--json").stdout)["leases"]
    return next((lease for lease in leases if lease["address"] == address), None)


def body(net: Net, folder: Path) -> None:
    file = File(folder / "dnsmasq.leases")
    file.write(PHONE)
    net.neighbour("add", PRIVACY, "lladdr", MAC, "nud", "stale")
    with running_node(folder, site=PLAIN, dnsmasq=False, leases=file.path) as (node, clone):
        wait_until(lambda: answers(node, NAME) == ["192.168.10.150"])
        net.neighbour("add", STABLE, "lladdr", MAC, "nud", "stale")
        clone.change({"site.yaml": SITE})
        wait_until(lambda: answers(node, NAME, "AAAA") == [STABLE])
        wait_until(lambda: answers(node, ptr_name(ip_address(STABLE)), "PTR") == [f"{NAME}."])
        wait_until(lambda: shown(node, STABLE))
        lease = shown(node, STABLE) or {}
        assert (lease["mac"], lease["published"], lease["expires"]) == (MAC, f"{NAME}.", None)
        assert status(node)["lease_problems"] == []

        net.neighbour("del", STABLE)
        wait_until(lambda: (shown(node, STABLE) or {})["expires"] is not None)
        assert answers(node, NAME, "AAAA") == [STABLE], f"it has {GRACE} seconds"
        node.kill_daemon()
        node.start_daemon()
        assert answers(node, NAME, "AAAA") == [STABLE]
        net.neighbour("add", STABLE, "lladdr", MAC, "nud", "stale")
        wait_until(lambda: (shown(node, STABLE) or {})["expires"] is None)

        clone.change({"site.yaml": SITE.replace("slaac_names: yes", "slaac_names: yes\n    privacy_addresses: yes")})
        wait_until(lambda: answers(node, NAME, "AAAA") == [PRIVACY, STABLE])
        file.write("duid 00:01:00:01:2a:2a:2a:2a:52:54:00:ff:ff:ff")
        wait_until(lambda: answers(node, NAME, "AAAA") == [])
        history = reconciler(node, "leases", "--history", MAC).stdout
        assert STABLE in history
        assert PRIVACY in history

        clone.change({"hosts.yaml": HOSTS + f"desk: {{mac: '{MAC}', ipv4: 192.168.10.98}}\n"})
        wait_until(lambda: STABLE in answers(node, "desk.office.example.net", "AAAA"))
        clone.change({"site.yaml": PLAIN})
        assert answers(node, "desk.office.example.net", "AAAA") == []


@isolated
def test_own_addresses_of_known_clients_get_names(tmp_path: Path) -> None:
    net = Net()
    try:
        net.open()
        net.ip("-n", net.here, "link", "set", "lo", "up")
        inside(net.here, lambda: body(net, tmp_path))
    finally:
        net.close()
