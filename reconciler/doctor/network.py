"""How this node resolves names itself."""

import ipaddress
import re
import socket
from collections.abc import Iterator

import dns.exception
import dns.message
import dns.query

from reconciler.doctor.finding import Finding, chapter, skipped, warning, well
from reconciler.doctor.node import Node
from reconciler.doctor.repository import site_of

_NAMESERVER = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)
_SECONDS = 1.0
_CONF = "etc/resolv.conf"
_MOST = 3
"""resolv.conf(5), MAXNS."""
_CHAPTER = chapter("Doctor")


def resolver(node: Node) -> Iterator[Finding]:
    """That /etc/resolv.conf names servers, none of them an address that moves with the role, and that they answer."""
    path, servers = node.system / _CONF, nameservers(node)
    if not servers:
        yield warning(
            f"{path} names no server: this node itself resolves nothing (packages, mail, the forge, a provider)",
            f"echo 'nameserver ADDRESS_OF_YOUR_ROUTER' | sudo tee {path}",
            _CHAPTER,
        )
        return
    moving, bad = _virtual(node), False
    for server in servers:
        if server in moving:
            bad = True
            yield warning(
                f"{path} names {server}, a virtual address of this pair: while the role moves, nothing is "
                "resolved here",
                f"sudo sed -i '/^nameserver {re.escape(server)}$/d' {path}    # and where it comes from",
                _CHAPTER,
            )
    if not online(node):
        yield skipped(f"whether {', '.join(servers)} answer: this node has no route to anywhere else")
        return
    silent = [server for server in servers if not _answers(server)]
    for server in silent:
        bad = True
        rest = "nothing is resolved" if len(silent) == len(servers) else "each lookup waits for it first"
        yield warning(
            f"{server} of {path} does not answer: {rest}",
            f"dig @{server} . NS",
            f"sudoedit {path}",
            _CHAPTER,
        )
    if not bad:
        yield well(f"{', '.join(servers)} answer" + ("" if len(servers) > 1 else "s"))


def nameservers(node: Node) -> list[str]:
    """The servers that this node itself asks."""
    try:
        return _NAMESERVER.findall((node.system / _CONF).read_text(encoding="utf-8", errors="replace"))[:_MOST]
    except FileNotFoundError:
        return []


def _virtual(node: Node) -> set[str]:
    """The pair's virtual addresses, as far as this node may read the state now."""
    site = site_of(node) if node.primary and node.settings.role != "always" else None
    networks = site.networks.values() if site else ()
    return {str(address) for network in networks for address in network.virtual_ips}


def online(node: Node) -> bool:
    """Whether there is any route beside those of interfaces (fields of /proc/net/route: proc(5))."""
    try:
        lines = (node.system / "proc/net/route").read_text().splitlines()[1:]
        default4 = any(line.split()[1] == "00000000" for line in lines)
        lines = (node.system / "proc/net/ipv6_route").read_text().splitlines()
        return default4 or any(line.startswith("0" * 32 + " 00 ") and " lo" not in line for line in lines)
    except (OSError, IndexError):
        return True


def _answers(server: str) -> bool:
    """Whether it says anything at all."""
    try:
        address = str(ipaddress.ip_address(server.partition("%")[0]))
        dns.query.udp(dns.message.make_query(".", "NS"), address, timeout=_SECONDS)
    except (ValueError, dns.exception.DNSException, OSError, socket.gaierror):
        return False
    return True
