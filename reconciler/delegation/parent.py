"""Finding the parent zone's name servers, and reading what each of them says of the zone."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from reconciler.delegation.asking import Asker, Failed, Silent, servers_at
from reconciler.delegation.expected import Delegation
from reconciler.dns import names
from reconciler.services.bind.query import rrset_in
from reconciler.state.addresses import ServerAddress

_DEEPEST = 16
"""Zone cuts on the way down; the tree has fewer."""

Kind = Literal["delegates", "hosts", "missing", "above", "useless", "silent"]


class Place(NamedTuple):
    """A name server: its name, "" where only its address is known, and its address."""

    name: str
    address: ServerAddress

    def __str__(self) -> str:
        return f"{self.name[:-1]} ({self.address})" if self.name else str(self.address)


class View(NamedTuple):
    """What one server says of a zone's delegation.

    kind: it delegates the zone, hosts it itself, has no such delegation, delegates a zone above it, is not
    authoritative for anything here, or does not answer. zone: the zone that an answer is from or that is delegated.
    glue: addresses that came along, by name. words: the answer in short. ours: silent for a reason of this node's.
    """

    kind: Kind
    zone: str = ""
    nameservers: tuple[str, ...] = ()
    glue: Mapping[str, tuple[str, ...]] = {}
    words: str = ""
    ours: bool = False


def read(message: dns.message.Message, zone: str) -> View:
    """Understand the answer of a server that was asked, without recursion, for the zone's NS records. Pure."""
    authoritative = bool(message.flags & dns.flags.AA)
    words = dns.rcode.to_text(message.rcode())
    if message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return View("useless", words=words)
    own = rrset_in(message.answer, zone, "NS")
    if own is not None:
        kind: Kind = "hosts" if authoritative else "useless"
        return View(kind, zone, own.rdatas, words="NS records from its cache" if not authoritative else "")
    for found in message.authority:
        owner = found.name.to_text().lower()
        if found.rdtype == dns.rdatatype.SOA and authoritative:
            return View("missing", owner, words=words)
        if found.rdtype == dns.rdatatype.NS and names.is_under(zone, owner) and not authoritative:
            servers = rrset_in([found], owner, "NS")
            assert servers is not None
            return View(
                "delegates" if owner == zone else "above", owner, servers.rdatas, _glue(message, servers.rdatas)
            )
    if authoritative and message.answer:
        # A CNAME in place of the delegation, say.
        return View("missing", names.parent(zone), words=f"{zone} is something else there")
    return View("useless", words=f"{words}, not authoritative")


def _glue(message: dns.message.Message, servers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for server in servers:
        rrsets = (rrset_in(message.additional, server, rtype) for rtype in ("A", "AAAA"))
        if rdatas := tuple(text for rrset in rrsets if rrset for text in rrset.rdatas):
            found[server] = rdatas
    return found


def ask(asker: Asker, place: Place, zone: str) -> View:
    """What that server says."""
    try:
        return read(asker.ask(place.address, zone, "NS"), zone)
    except Silent as error:
        return View("silent", words=str(error), ours=error.ours)


def servers(asker: Asker, item: Delegation, given: Sequence[ServerAddress]) -> list[Place]:
    """The parent zone's name servers: those of the closest zone above that a resolver knows, then down from there.

    given: where to begin in place of what a resolver says; any zone above will do, the root too. Raises Silent when
    no resolver answers.
    """
    places = [Place("", server) for server in given] or _closest(asker, item.parent)
    above = "."
    for _ in range(_DEEPEST):
        views = (ask(asker, place, item.zone) for place in places)
        view = next((view for view in views if view.kind not in ("silent", "useless")), None)
        if view is None or view.kind != "above" or (view.zone == above and above != "."):
            break
        if not names.is_under(view.zone, above):
            break
        above, places = view.zone, _places(asker, view) or places
    return places


def _closest(asker: Asker, name: str) -> list[Place]:
    while True:
        try:
            found = asker.resolve(name, "NS")
        except Failed:
            # What the resolver cannot tell is reached from above.
            found = ()
        if found:
            return _places(asker, View("above", name, found))
        if name == ".":
            raise Failed("they know no name servers, not even those of the root")
        name = names.parent(name)


def _places(asker: Asker, view: View) -> list[Place]:
    found: list[Place] = []
    for server in view.nameservers:
        if server in view.glue:
            found += [Place(server, address) for address in servers_at(view.glue[server])]
            continue
        try:
            found += [Place(server, address) for address in asker.addresses(server)]
        except Silent:
            continue
    return found
