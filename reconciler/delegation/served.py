"""What the name servers of the zone itself say: whether they serve it, and which data."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import dns.flags
import dns.rcode

from reconciler.delegation.asking import Asker, Silent
from reconciler.delegation.expected import Delegation
from reconciler.delegation.parent import Place
from reconciler.dns.records import RRset
from reconciler.services.bind.query import rrset_in

_COMPARED = 16
"""RRsets that are looked at on a server which has another SOA, or should not have the zone."""


class Served(NamedTuple):
    """What one server says of the zone.

    soa: data of its SOA record, "" where it does not answer authoritatively; words then tell. tcp: the same by TCP: ""
    where that went well. ours: silent for a reason of this node's. differing: records unlike those of the state.
    """

    place: Place
    soa: str = ""
    words: str = ""
    tcp: str = ""
    nameservers: tuple[str, ...] = ()
    ours: bool = False
    differing: tuple[str, ...] = ()

    @property
    def serial(self) -> int:
        """The zone's serial there."""
        return int(self.soa.split()[2])


def ask(asker: Asker, place: Place, zone: str) -> Served:
    """Ask for the SOA by UDP and TCP, and for the NS records."""
    try:
        soa = _soa(asker, place, zone, tcp=False)
        servers = rrset_in(asker.ask(place.address, zone, "NS").answer, zone, "NS")
    except Silent as error:
        return Served(place, words=str(error), ours=error.ours)
    tcp = ""
    try:
        _soa(asker, place, zone, tcp=True)
    except Silent as error:
        tcp = "" if error.ours else str(error)
    return Served(place, soa, tcp=tcp, nameservers=servers.rdatas if servers else ())


def _soa(asker: Asker, place: Place, zone: str, *, tcp: bool) -> str:
    answer = asker.ask(place.address, zone, "SOA", tcp=tcp)
    found = rrset_in(answer.answer, zone, "SOA")
    if found is None or not answer.flags & dns.flags.AA:
        words = dns.rcode.to_text(answer.rcode())
        raise Silent(f"{words}, not authoritative" if words == "NOERROR" else words)
    return found.rdatas[0]


def compare(asker: Asker, place: Place, item: Delegation) -> tuple[str, ...]:
    """How the first records of the zone differ there from the state's, one text each."""
    found = []
    for wanted in _compared(item):
        try:
            answer = asker.ask(place.address, wanted.owner, wanted.rtype)
        except Silent:
            break
        there = rrset_in(answer.answer, wanted.owner, wanted.rtype)
        if there is None or there.rdatas != wanted.rdatas:
            says = ", ".join(there.rdatas) if there else "not there"
            found.append(f"{wanted.owner} {wanted.rtype} is {says} (in the state {', '.join(wanted.rdatas)})")
    return tuple(found)


def _compared(item: Delegation) -> Sequence[RRset]:
    """PTR records first: they are what strangers ask a reverse zone for."""
    chosen: Iterable[RRset] = (rrset for key, rrset in sorted(item.rrsets.items()) if key != (item.zone, "NS"))
    return sorted(chosen, key=lambda rrset: rrset.rtype != "PTR")[:_COMPARED]
