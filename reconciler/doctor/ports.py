"""That our servers listen where node.yaml says, and nobody else does."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from reconciler.doctor import sockets
from reconciler.doctor.finding import Finding, broken, chapter, skipped, well
from reconciler.doctor.node import Node
from reconciler.doctor.sockets import Listening, Process
from reconciler.services.dnsmasq.folder import Folder
from reconciler.services.dnsmasq.render import CONF

_RESOLVED = "systemd-resolve"


class _Place(NamedTuple):
    program: str
    unit: str
    protocol: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address} port {self.port} ({self.protocol})"


def ports(node: Node) -> Iterator[Finding]:
    """Each place in turn."""
    everybody = sockets.listening()
    places = list(_places(node))
    wanted = [item for place in places for item in everybody if item.port == place.port]
    known = sockets.holders({item.inode for item in wanted})
    bad, unseen = False, []
    for place in places:
        here = sockets.at(everybody, place.protocol, place.address, place.port)
        finding = _judge(place, here, [item for item in everybody if item.port == place.port], known)
        if finding is not None:
            bad = True
            yield finding
        elif any(item.inode not in known for item in here):
            unseen.append(place)
    if unseen:
        yield skipped(f"somebody listens at {', '.join(map(str, unseen))}; whether it is ours: run as root")
    elif not bad:
        found = dict.fromkeys(f"{place.program} at {place.address} port {place.port}" for place in places)
        yield well(", ".join(found) or "no server has anything to listen for")


def _places(node: Node) -> Iterator[_Place]:
    bind, dnsmasq = node.settings.bind, node.settings.dnsmasq
    if bind:
        for protocol in ("udp", "tcp"):
            yield _Place("named", "named", protocol, bind.address, bind.port)
        yield _Place("named", "named", "tcp", bind.rndc_address, bind.rndc_port)
    if dnsmasq and serves_names(Folder(dnsmasq.directory)):
        for protocol in ("udp", "tcp"):
            yield _Place("dnsmasq", dnsmasq.unit, protocol, dnsmasq.address, dnsmasq.port)


def serves_names(folder: Folder) -> bool:
    """Whether dnsmasq is to answer DNS: there is something for it, and it is more than DHCP."""
    lines = (folder.read(CONF) or b"").decode("utf-8", "replace").splitlines()
    return bool(lines) and "port=0" not in lines


def _judge(
    place: _Place, here: list[Listening], around: list[Listening], known: Mapping[int, Process]
) -> Finding | None:
    strangers = [known[item.inode] for item in here if item.inode in known]
    strangers = [item for item in strangers if not item.name.startswith(place.program)]
    if strangers:
        who = strangers[0]
        return broken(
            f"{place} is held by {who.name} (process {who.pid}), not by {place.program}",
            *_evict(who, place),
            f"sudo systemctl restart {place.unit}",
            chapter("dnsmasq does not start"),
        )
    if here:
        return None
    near = [known[item.inode] for item in around if item.inode in known and item.protocol == place.protocol]
    others = {f"{who.name} (process {who.pid})": who for who in near if not who.name.startswith(place.program)}
    also = f"; the same port of another address is held by {', '.join(others)}" if others else ""
    return broken(
        f"nobody listens at {place}, where node.yaml has {place.program}{also}",
        *(line for who in others.values() for line in _evict(who, place)),
        f"systemctl status {place.unit}",
        f"journalctl -u {place.unit} -n 20",
        f"sudo systemctl start {place.unit}        # on a pair: on the primary",
        chapter("named is down" if place.program == "named" else "dnsmasq is down"),
    )


def _evict(who: Process, place: _Place) -> list[str]:
    if who.name.startswith(_RESOLVED):
        return [
            "sudo mkdir -p /etc/systemd/resolved.conf.d",
            "printf '[Resolve]\\nDNSStubListener=no\\n' | sudo tee /etc/systemd/resolved.conf.d/reconciler.conf",
            "sudo systemctl restart systemd-resolved",
        ]
    return [f"sudo ss -lntup 'sport = :{place.port}'    # who it is", f"sudo kill {who.pid}    # or stop its unit"]
