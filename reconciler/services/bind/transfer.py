"""Reading a whole zone from named by AXFR, signed with the node's own TSIG key (RFC 5936, RFC 8945)."""

import tempfile
from pathlib import Path

import dns.exception
import dns.name
import dns.query
import dns.rdatatype
import dns.tsigkeyring
import dns.xfr
import dns.zone

from reconciler.dns.versions import name_of, shown
from reconciler.errors import Temporary
from reconciler.services.bind import zonefile
from reconciler.services.bind.query import Server, readable
from reconciler.services.bind.render import TsigKey

_MESSAGE_TIMEOUT = 10.0
_TIMEOUT = 120.0


def transfer(server: Server, zone: str, key: TsigKey) -> zonefile.Content:
    """The zone (an id) as `server` has it now. Raises Temporary when the transfer does not go well."""
    name = name_of(zone)
    keyring = dns.tsigkeyring.from_text({key.name: (key.algorithm, key.secret)})
    target = dns.zone.Zone(name, relativize=False)
    try:
        query, _ = dns.xfr.make_query(
            target, None, keyring=keyring, keyname=dns.name.from_text(key.name), keyalgorithm=key.algorithm
        )
        dns.query.inbound_xfr(server.address, target, query, server.port, timeout=_MESSAGE_TIMEOUT, lifetime=_TIMEOUT)
    except (dns.exception.DNSException, OSError, EOFError) as error:
        raise Temporary(f"cannot transfer zone {shown(zone)} from {server}: {type(error).__name__}: {error}") from error
    lines, plain = [], True
    for owner, ttl, datum in target.iterate_rdatas():
        rtype = dns.rdatatype.to_text(datum.rdtype)
        plain = plain and readable(rtype)
        lines.append(f"{owner.to_text()} {ttl} IN {rtype} {datum.to_text()}\n")
    text = "".join(lines)
    return zonefile.parse(zone, text) if plain else _through_bind(zone, text)


def _through_bind(zone: str, text: str) -> zonefile.Content:
    """Types that only BIND can write as text came in generic form (RFC 3597)."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        path = Path(folder) / "zone"
        path.write_text(text, encoding="utf-8")
        return zonefile.read(zone, path)
