"""Asking named for the RRsets that changed, and comparing its answers with what it was given."""

from collections.abc import Collection, Sequence
from typing import TypeVar

import dns.flags
import dns.rcode

from reconciler.dns import names
from reconciler.dns.diff import diff
from reconciler.dns.records import Key, RRset
from reconciler.dns.zone import Zone
from reconciler.errors import Temporary
from reconciler.services.bind.changes import RRsets
from reconciler.services.bind.difference import RRsetChange
from reconciler.services.bind.query import Server, Unreachable, readable, rrset_in

LIMIT = 200
"""So many RRsets of a change are asked for; of more, an even sample."""

_SHOWN = 3
_UNASKABLE = frozenset({"RRSIG", "NSEC", "NSEC3", "SIG", "NXT"})

T = TypeVar("T")


def wrong_answers(server: Server, old: RRsets, zone: Zone, served: Collection[str]) -> list[str]:
    """Ask for what differs between `old` and `zone`; a sentence for each wrong answer, a few at most.

    served: names of all zones that are answered beside it: answers at and below a child zone come from that one. Raises
    Temporary when the server does not answer.
    """
    found = diff(old, zone.rrsets)
    present = (*found.added, *(new for _, new in found.changed))
    wrong: list[str] = []
    try:
        for rrset in sample([r for r in present if _askable(r.key, zone, served)]):
            wrong += _not_there(server, rrset, zone)
        for rrset in sample([r for r in found.removed if _askable(r.key, zone, served)]):
            wrong += _still_there(server, rrset, zone)
    except Unreachable as error:
        raise Temporary(f"named stopped answering while zone {zone.name} was verified: {error}") from error
    return wrong[:_SHOWN]


def wrong_after_update(
    server: Server, changes: Sequence[RRsetChange], zone: Zone, served: Collection[str]
) -> list[str]:
    """Ask for RRsets that updates changed; as `wrong_answers`, but others may have records beside ours."""
    wrong: list[str] = []
    try:
        for change in sample(changes):
            if _askable(change.key, zone, served):
                wrong += _not_changed(server, change, zone)
    except Unreachable as error:
        raise Temporary(f"named stopped answering while zone {zone.name} was verified: {error}") from error
    return wrong[:_SHOWN]


def sample(items: Sequence[T], limit: int = LIMIT) -> Sequence[T]:
    """All items, or `limit` of them in even steps, the first and the last among them."""
    if len(items) <= limit:
        return items
    return [items[index * (len(items) - 1) // (limit - 1)] for index in range(limit)]


def _askable(key: Key, zone: Zone, served: Collection[str]) -> bool:
    """Whether the server's answer for this RRset comes from this zone, as it stands there."""
    owner, rtype = key
    if rtype in _UNASKABLE or not readable(rtype):
        return False
    name = owner
    while name != zone.name:
        if name in served:
            return False
        at_cut = (name, "NS") in zone.rrsets
        if at_cut and not (name == owner and rtype in ("NS", "DS")):
            return False
        if name != owner and (name, "DNAME") in zone.rrsets:
            return False
        name = names.parent(name)
    return True


def _not_there(server: Server, rrset: RRset, zone: Zone) -> list[str]:
    answer = server.ask(rrset.owner, rrset.rtype)
    referral = rrset.rtype == "NS" and rrset.owner != zone.name
    found = rrset_in(answer.authority if referral else answer.answer, rrset.owner, rrset.rtype)
    if found == rrset and (referral or answer.flags & dns.flags.AA):
        return []
    wanted = f"{rrset.ttl} {', '.join(rrset.rdatas)}"
    got = f"{found.ttl} {', '.join(found.rdatas)}" if found else dns.rcode.to_text(answer.rcode())
    return [f"{rrset.owner} {rrset.rtype}: expected {wanted}, found {got}"]


def _not_changed(server: Server, change: RRsetChange, zone: Zone) -> list[str]:
    owner, rtype = change.key
    answer = server.ask(owner, rtype)
    referral = rtype == "NS" and owner != zone.name
    found = rrset_in(answer.authority if referral else answer.answer, owner, rtype)
    there = frozenset(found.rdatas) if found else frozenset[str]()
    rcode = dns.rcode.to_text(answer.rcode())
    got = f"{found.ttl} {', '.join(found.rdatas)}" if found else rcode
    if change.new and not (there.issuperset(change.new) and found and found.ttl == change.ttl):
        return [f"{owner} {rtype}: expected {change.ttl} {', '.join(change.new)}, found {got}"]
    if change.new and not (referral or answer.flags & dns.flags.AA):
        return [f"{owner} {rtype}: the answer is not authoritative"]
    if not there.isdisjoint(change.gone) and not _wildcard_covers(change.key, zone):
        return [f"{owner} {rtype}: expected no {', '.join(change.gone)}, found {got}"]
    return [] if rcode in ("NOERROR", "NXDOMAIN") else [f"{owner} {rtype}: found {rcode}"]


def _still_there(server: Server, rrset: RRset, zone: Zone) -> list[str]:
    if _wildcard_covers(rrset.key, zone):
        return []
    answer = server.ask(rrset.owner, rrset.rtype)
    rcode = dns.rcode.to_text(answer.rcode())
    found = rrset_in(answer.answer, rrset.owner, rrset.rtype)
    if found is not None:
        return [f"{rrset.owner} {rrset.rtype}: expected none, found {', '.join(found.rdatas)}"]
    return [] if rcode in ("NOERROR", "NXDOMAIN") else [f"{rrset.owner} {rrset.rtype}: found {rcode}"]


def _wildcard_covers(key: Key, zone: Zone) -> bool:
    """Whether an answer may be made up from a wildcard (RFC 4592) after the RRset has gone."""
    owner, rtype = key
    name = owner
    while name != zone.name:
        name = names.parent(name)
        if any((f"*.{name}", kind) in zone.rrsets for kind in (rtype, "CNAME")):
            return True
    return False
