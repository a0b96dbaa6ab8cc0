"""site.yaml: who serves, defaults, treatment of zones, keys, secondaries, the public address."""

import re
from collections import Counter
from ipaddress import ip_address
from typing import Any

from reconciler.importing.found import FoundDhcp, FoundDns, FoundPublication, FoundWan
from reconciler.importing.ledger import Ledger
from reconciler.importing.networks import span
from reconciler.importing.scene import Scene
from reconciler.importing.views import Seen

_DATE = re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{2}")
_UNIXTIME = range(1_000_000_000, 1_900_000_000)
_ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")


class Site:
    """Makes the document."""

    def __init__(self, dns: FoundDns, dhcp: FoundDhcp, wan: FoundWan, scene: Scene, seen: Seen, ledger: Ledger) -> None:
        self._dns, self._dhcp, self._wan = dns, dhcp, wan
        self._scene, self._seen, self._ledger = scene, seen, ledger
        self._styles = {zone.name: style(zone.serial) for zone in seen.shared}
        self._style = _most(self._styles.values(), "date")
        self._ttl = dhcp.ttl if dhcp.ttl is not None else int(_most(scene.ttls.values(), "3600"))

    def document(self, site: str) -> dict[str, Any]:
        """site.yaml, in the order in which a person reads it."""
        needed = [network for network in self._scene.networks.values() if not network.domain]
        domain = self._scene.default_domain if needed or None in self._dhcp.domains else ""
        secondaries, of_zones = self._secondaries()
        found: dict[str, Any] = {
            "version": "1",
            "site": site,
            "domain": domain.rstrip("."),
            "networks": {name: network.written() for name, network in self._scene.networks.items()},
            "dns": self._servers(),
            "views": dict(self._seen.documents),
            "zones": self._zones(of_zones),
            "keys": {
                key.name: {"algorithm": key.algorithm, "secret": {"secret": key.name}}
                for key in self._dns.keys
                if key.algorithm in _ALGORITHMS
            },
            "secondaries": secondaries,
            "wan": self._public(),
        }
        return {key: value for key, value in found.items() if value}

    def _servers(self) -> dict[str, Any]:
        bind = bool(self._seen.shared)
        dnsmasq = self._dhcp.dns and bool(self._dhcp.raw or self._dhcp.names or self._dhcp.lines)
        if bind and dnsmasq:
            self._ledger.guess("clients ask dnsmasq, which asks BIND for its zones (dns.clients_ask)")
        found: dict[str, Any] = {
            "clients_ask": "dnsmasq" if dnsmasq or not bind else "bind",
            "authoritative": "bind" if bind else "none",
            "forwarders": [str(address) for address in self._forwarders()] if dnsmasq else [],
            "serial": self._style if bind else "",
            "nameservers": self._nameservers() if bind else [],
            "ttl": span(self._ttl) if self._ttl else "0",
            "negative_ttl": str(self._dhcp.negative_ttl) if self._dhcp.negative_ttl is not None else "",
        }
        return {key: value for key, value in found.items() if value}

    def _forwarders(self) -> list[Any]:
        found = self._dhcp.forwarders or self._dns.forwarders
        return [address for address in found if not address.is_loopback]

    def _nameservers(self) -> list[str]:
        """Of the first forward zone: for zones of ours that named had not."""
        known = {zone.name for zone in self._seen.shared}
        if self._scene.ours <= known and not self._scene.networks:
            return []
        forward = [zone for zone in self._seen.shared if not zone.name.endswith(".arpa.")] or list(self._seen.shared)
        return [
            record.rdata[:-1]
            for record in forward[0].records
            if record.rtype == "NS" and record.owner == forward[0].name
        ]

    def _zones(self, secondaries: dict[str, list[str]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for zone in self._seen.shared:
            ttl = self._scene.ttls.get(zone.name, self._ttl)
            grants = [{"key": grant.key, "name": grant.name, "types": list(grant.types)} for grant in zone.grants]
            policy: dict[str, Any] = {
                "views": list(self._seen.by_zone.get(zone.name, ())),
                "dynamic": "yes" if zone.dynamic else "",
                "update": grants if zone.dynamic else [],
                "serial": self._styles[zone.name] if self._styles[zone.name] != self._style else "",
                "ttl": span(ttl) if ttl != self._ttl else "",
                "secondaries": secondaries.get(zone.name, []),
            }
            policy = {key: value for key, value in policy.items() if value}
            if policy:
                found[zone.name.rstrip(".") or "."] = policy
        return found

    def _secondaries(self) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Servers that may copy zones, and which zones each of them has."""
        servers: dict[str, Any] = {}
        of_zones: dict[str, list[str]] = {}
        keys = {key.name for key in self._dns.keys}
        for zone in self._seen.shared:
            peers = dict.fromkeys((*zone.transfer_to, *zone.notify))
            signed = [peer for peer in peers if peer in keys]
            for peer in peers:
                if peer in keys or not _is_address(peer):
                    continue
                name = f"secondary-{peer.replace(':', '-').strip('-')}"
                servers[name] = {"address": peer, **({"key": signed[0]} if len(signed) == 1 else {})}
                of_zones.setdefault(zone.name, []).append(name)
            if peers and zone.name not in of_zones:
                self._ledger.guess(f"zone {zone.name} may be copied with {', '.join(peers)}; name the servers yourself")
        return servers, of_zones

    def _public(self) -> dict[str, Any]:
        if not self._wan.publications:
            return {}
        for server in dict.fromkeys(item.server for item in self._wan.publications if item.server):
            self._ledger.guess(f"each node's node.yaml has to allow it: `providers: [{server}]` (wan.publish)")
        watch = [
            {key: value, **({"family": family} if family != "ipv4" else {})} for key, value, family in self._wan.watch
        ]
        return {"watch": watch, "publish": [_publish(item) for item in self._wan.publications]}


def _publish(item: FoundPublication) -> dict[str, Any]:
    found: dict[str, Any] = {
        "protocol": item.protocol,
        "domain": item.domain.rstrip("."),
        "names": list(item.names),
        "family": item.family if item.family != "ipv4" else "",
        "server": item.server,
        "login": item.login,
        "password": {"secret": item.secret} if item.secret else {},
        "zone": item.zone,
        "ttl": item.ttl,
        "tls": "" if item.tls else "no",
        "options": dict(item.options),
        "secrets": {key: {"secret": name} for key, name in item.secrets.items()},
    }
    return {key: value for key, value in found.items() if value}


def style(serial: int) -> str:
    """The style that a serial was kept in."""
    if _DATE.fullmatch(str(serial)):
        return "date"
    return "unixtime" if serial in _UNIXTIME else "increment"


def _most(values: Any, otherwise: str) -> str:
    counts = Counter(str(value) for value in values)
    return counts.most_common(1)[0][0] if counts else otherwise


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
