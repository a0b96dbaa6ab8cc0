"""The configuration of a further name server, with which it can begin to copy our zones. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from reconciler.dns import names
from reconciler.errors import Refused
from reconciler.services.bind import transfers
from reconciler.services.bind.syntax import quote
from reconciler.site import Site
from reconciler.state.addresses import ServerAddress
from reconciler.state.schema import Secondary

FOLDER = "/etc/bind"
"""Where Debian and Ubuntu have BIND's configuration; their AppArmor profile lets named read there."""

CACHE = "/var/cache/bind"
"""Where they let named write."""


def named_conf(site: Site, name: str) -> str:
    """named.conf of the secondary `name`, for BIND 9.18.3 or newer; no secret stands in it.

    With a catalog it stays the same when zones come and go. Raises Refused where there is no such secondary, or it is
    not known where it reaches us.
    """
    item = site.secondaries.get(name)
    if item is None:
        known = ", ".join(site.secondaries) or "none"
        raise Refused(f'there is no secondary "{name}" under `secondaries:` in site.yaml, which has {known}')
    primaries = _servers(primaries_of(site, name, item), item)
    copied = (found.zone for found in site.zones.values() if item in found.secondaries)
    zones = [zone.name for zone in copied if not zone.is_catalog]
    parts = [_head(site, name, item), *_key(site, item), *_options(site, item, primaries)]
    if item.catalog is not None:
        parts += _zone(item.catalog, primaries, f"allow-query {{ localhost; {_reader(item)}}};")
    else:
        for zone in sorted(zones, key=names.sort_key):
            parts += _zone(zone, primaries)
    return "\n".join(parts).rstrip() + "\n"


def primaries_of(site: Site, name: str, item: Secondary) -> list[ServerAddress]:
    """Where the secondary reaches BIND: as written, else our addresses of the families that it has. Raises Refused."""
    if item.primary:
        return item.primary
    own = _reachable(site.own.virtual or site.own.nodes, item)
    if site.dns.clients_ask == "dnsmasq" or not own:
        why = "port 53 of our addresses is dnsmasq's" if own else "the state names no address of ours in its family"
        raise Refused(
            f'it is not known where secondary "{name}" reaches BIND: {why}; '
            f"write `primary: ADDRESS` (with `:PORT` unless it is 53) at it in site.yaml"
        )
    return [ServerAddress(address) for address in own]


def _reachable(addresses: Iterable[IPv4Address | IPv6Address], item: Secondary) -> list[IPv4Address | IPv6Address]:
    families = {server.address.version for server in item.address}
    return [address for address in dict.fromkeys(addresses) if address.version in families]


def _servers(primaries: Iterable[ServerAddress], item: Secondary) -> str:
    return f"{{ {' '.join(transfers.server(address, item.key) for address in primaries)} }}"


def _reader(item: Secondary) -> str:
    return f"{transfers.key(item.key)}; " if item.key else ""


def _head(site: Site, name: str, item: Secondary) -> str:
    lines = [
        f'named.conf of secondary "{name}" of site {site.name}, for BIND 9.18.3 or newer.',
        "Written by `reconciler secondary` from the state repository.",
        "",
        f"1. Put this file at {FOLDER}/named.conf.",
    ]
    if item.key:
        lines += [
            f"2. Put the key into {_key_file(item.key)}, which only named may read (owner root:bind, mode 0640):",
            f"     key {quote(item.key.lower())} {{ algorithm {site.keys[item.key].algorithm}; secret "
            '"THE SECRET"; };',
            f"   THE SECRET is what the file {site.keys[item.key].secret.secret} in the primary's secrets folder says.",
        ]
    lines.append(f"{3 if item.key else 2}. named-checkconf && systemctl restart named")
    lines.append("")
    if item.catalog is not None:
        lines += ["Which zones there are it learns from the catalog: this file stays as it is when zones come and go."]
    else:
        lines += ["Without `catalog:` the zones stand here one by one: print this file anew when zones come or go."]
    return "\n".join(f"// {line}".rstrip() for line in [*lines, ""])


def _key_file(key: str) -> str:
    return f"{FOLDER}/{key.lower()}.key"


def _key(site: Site, item: Secondary) -> list[str]:
    return [f"include {quote(_key_file(item.key))};", ""] if item.key else []


def _options(site: Site, item: Secondary, primaries: str) -> list[str]:
    lines = ["options {", f"\tdirectory {quote(CACHE)};"]
    ports = dict.fromkeys(server.port for server in item.address)
    if list(ports) != [53]:
        for port in ports:
            lines += [f"\tlisten-on port {port} {{ any; }};", f"\tlisten-on-v6 port {port} {{ any; }};"]
    lines += ["\trecursion no;", "\tnotify no;", "\tallow-transfer { none; };", *_notifiers(site, item)]
    if item.catalog is not None:
        catalog = quote(_bare(item.catalog))
        lines += ["\tcatalog-zones {", f"\t\tzone {catalog} default-primaries {primaries};", "\t};"]
    return [*lines, "};", ""]


def _notifiers(site: Site, item: Secondary) -> list[str]:
    """named takes notices from the primaries' addresses; a node of a pair may send them from its own."""
    if item.key:
        return [f"\tallow-notify {{ {transfers.key(item.key)}; }};"]
    own = " ".join(f"{address};" for address in _reachable((*site.own.virtual, *site.own.nodes), item))
    return [f"\tallow-notify {{ {own} }};"] if own else []


def _zone(zone: str, primaries: str, *more: str) -> list[str]:
    lines = ["type secondary;", f"file {quote(names.filename(zone))};", f"primaries {primaries};", *more]
    return [f"zone {quote(_bare(zone))} {{", *(f"\t{line}" for line in lines), "};", ""]


def _bare(zone: str) -> str:
    return zone.removesuffix(".") or "."
