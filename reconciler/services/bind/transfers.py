"""Who may copy a zone, and who is told of its changes, as statements of its `zone` clause. Pure.

Syntax: BIND 9 Administrator Reference Manual, "Configuration Reference", `allow-transfer`, `also-notify`.
"""

from collections.abc import Iterable, Sequence

from reconciler.services.bind.syntax import OWN_KEY, quote
from reconciler.site import SiteZone
from reconciler.state.addresses import ServerAddress
from reconciler.state.schema import Secondary


def statements(zone: SiteZone, own: Sequence[str] = (OWN_KEY,)) -> list[str]:
    """The statements, without indentation. own: names of the node's own keys.

    Zones without secondaries are copied and told to nobody but ourselves.
    """
    if not zone.secondaries:
        return ["notify no;", f"allow-transfer {{ {' '.join(f'{key(name)};' for name in own)} }};"]
    told = (server(address, item.key) for item in zone.secondaries for address in item.address)
    mine = [f"{key(name)};" for name in own]
    allowed = [*mine, *_unique(reader for item in zone.secondaries for reader in readers(item))]
    # `explicit`: the servers of NS records are not told. They may be ourselves, or others that do not copy from here.
    found = ["notify explicit;", f"also-notify {{ {' '.join(_unique(told))} }};"]
    found.append(f"allow-transfer {{ {' '.join(allowed)} }};")
    if (
        zone.zone.is_catalog
    ):  # It lists every zone, internal ones too (RFC 9432 section 7); this host verifies what it serves.
        found.append(f"allow-query {{ localhost; {' '.join(allowed)} }};")
    return found


def server(address: ServerAddress, key_name: str | None) -> str:
    """A server in a list of servers (`primaries`, `also-notify`), with the key that signs what is sent there."""
    port = f" port {address.port}" if address.port != 53 else ""
    signed = f" {key(key_name)}" if key_name else ""
    return f"{address.address}{port}{signed};"


def key(name: str) -> str:
    """A key by its name, as address match lists and lists of servers have it."""
    return f"key {quote(name.lower())}"


def readers(item: Secondary) -> list[str]:
    """Who may copy: the key decides alone, so that the server may sit behind address translation."""
    return [f"{key(item.key)};"] if item.key else [f"{address.address};" for address in item.address]


def _unique(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found))
