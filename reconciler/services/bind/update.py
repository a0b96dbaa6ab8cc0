"""Small changes of dynamic zones: signed dynamic updates (RFC 2136, RFC 8945) instead of a new file.

Records are deleted and added one by one, so what others have in the zone stays as it is. Each message asks that the SOA
is the one that was read just before, and sets the next serial in the zone's style: two who update at once notice each
other, and what is served has a serial that we know.

Whatever ended unclearly is simply said again: what is gone is deleted once more, and what is there is added once more,
which changes nothing but the serial.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import dns.rcode

from reconciler.deployed import DeployedZone
from reconciler.dns import serials
from reconciler.dns.versions import shown
from reconciler.dns.zone import Zone
from reconciler.errors import ApplyFailed, NotPrimary, NotPutBack, ReconcilerError, Temporary
from reconciler.services.bind import dynamic, message, zonefile
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.context import Context
from reconciler.services.bind.difference import RRsetChange, difference, only_leases
from reconciler.services.bind.message import Part
from reconciler.services.bind.query import Live, Presence
from reconciler.services.bind.render import TsigKey
from reconciler.services.bind.sender import Lost, Sender
from reconciler.services.bind.serve import Done, owner_of
from reconciler.services.bind.verify import wrong_after_update
from reconciler.site import SiteZone

_TRIES = 5


class Update(NamedTuple):
    """A change that can be made by updates: its RRsets, and their records in as few messages as fit."""

    changes: tuple[RRsetChange, ...]
    parts: tuple[Part, ...]


class _NotTaken(Exception):
    """named takes no update now: somebody froze the zone, or others update it without a pause."""


def plan(want: SiteZone, was: Sequence[DeployedZone], changes: tuple[RRsetChange, ...]) -> Update | None:
    """The change as updates; None where the zone has to be written anew. Pure.

    One message is atomic. More than one are sent only for leases, which come and go one by one anyway.
    """
    if not was or not changes or not want.dynamic or not _same_kind_and_soa(want, was):
        return None
    leases = is_lease_change(want, was, changes)
    if not leases and not message.may_fit_into_one(changes):
        return None
    parts = message.parts(want.zone.name, changes)
    if not parts or (len(parts) > 1 and not leases):
        return None
    return Update(changes, parts)


def is_lease_change(want: SiteZone, was: Sequence[DeployedZone], changes: Sequence[RRsetChange]) -> bool:
    """Whether nothing but records of leases changes. Pure."""
    leases = [want.leases, *(zone.leases for zone in was)]
    return _same_kind_and_soa(want, was) and only_leases(changes, leases, want.zone.rrsets)


def _same_kind_and_soa(want: SiteZone, was: Sequence[DeployedZone]) -> bool:
    return all(zone.dynamic == want.dynamic and zone.zone.soa == want.zone.soa for zone in was)


def change(ctx: Context, change: ZoneChange, update: Update, key: TsigKey) -> Done:
    """Change a dynamic zone by `update`, or by a new file where named takes no update now.

    Raises ApplyFailed after putting back what was there, Temporary when named is gone.
    """
    session = _Session(ctx, change.want.zone, key)
    try:
        serial = session.bring(change, update, least=change.serial)
    except _NotTaken:
        return dynamic.change(ctx, change, key)
    except ApplyFailed as error:
        if not session.sent:
            raise
        raise _put_back(ctx, change, key, error) from error
    want = change.want
    deployed = DeployedZone(want.zone, True, serial, change.was[-1].file_digest, want.leases)
    return Done(deployed, partial(_undo, ctx, change, key), over=tuple(session.found))


def _put_back(ctx: Context, change: ZoneChange, key: TsigKey, cause: ApplyFailed) -> ReconcilerError:
    """Take out what was sent; the cause, and how that went."""
    try:
        serial = _undo(ctx, change, key).serial
    except NotPrimary:
        raise
    except ReconcilerError as error:
        kind = Temporary if isinstance(error, Temporary) else NotPutBack
        return kind(f"{cause}; and the records from before could not be put back: {error}")
    return ApplyFailed(f"{cause}; the records from before are served again, with serial {serial}")


def _undo(ctx: Context, done: ZoneChange, key: TsigKey) -> DeployedZone:
    """Have the records from before served again; what others changed stays."""
    before = done.was[-1]
    maybe = [done.want.zone, *(zone.zone for zone in done.was)]
    changes = difference([zone.rrsets for zone in maybe], before.zone.rrsets)
    parts = message.parts(done.want.zone.name, changes) or ()
    try:
        serial = _Session(ctx, before.zone, key).bring(done, Update(changes, parts))
    except (_NotTaken, ApplyFailed):
        return _undo_by_file(ctx, done, key)
    return replace(before, serial=serial)


def _undo_by_file(ctx: Context, done: ZoneChange, key: TsigKey) -> DeployedZone:
    before = done.was[-1]
    known = (done.serial, ctx.server(done.name).live(done.name).serial)
    back = ZoneChange(
        want=replace(done.want, zone=before.zone, leases=before.leases, drift="report"),
        was=(replace(before, zone=done.want.zone, leases=done.want.leases),),
        serial=ctx.next_serial(done.want.serial, *known),
        serving=True,
    )
    return dynamic.change(ctx, back, key).deployed


class _Session:
    """Updates of one zone over one connection, until it holds `zone`.

    found: serials that were found and are not from here. sent: whether anything was.
    """

    def __init__(self, ctx: Context, zone: Zone, key: TsigKey) -> None:
        self.found: list[int] = []
        self.sent = False
        self._ctx = ctx
        self._zone = zone
        server = ctx.server(zone.id)
        self._sender = Sender(server.address, server.port, key)
        self._live: Live | None = None

    def bring(self, change: ZoneChange, update: Update, *, least: int = 0) -> int:
        """Send all parts, and ask for what changed; the serial of the last. least: serial of the first, if it is newer.

        Raises _NotTaken, ApplyFailed, and Temporary when named is gone.
        """
        serial = least
        try:
            for part in update.parts:
                serial = self._send(change.want.serial, part, serial)
        finally:
            self._sender.close()
        self._verify(update.changes, serial)
        return serial

    def _send(self, style: serials.SerialStyle, part: Part, least: int) -> int:
        lost: Lost | None = None
        for _ in range(_TRIES):
            live = self._current()
            ahead = least and serials.newer(least, live.serial)
            serial = least if ahead else self._ctx.next_serial(style, live.serial)
            try:
                rcode = self._send_once(part, live, serial)
            except Lost as error:
                lost, self._live = error, None
                continue
            if rcode == dns.rcode.NOERROR:
                self._live = live._replace(serial=serial, soa=self._soa_data(serial))
                return serial
            if rcode != dns.rcode.NXRRSET:
                self._fail(rcode)
            lost, self._live = None, None
        if lost is not None:
            raise Temporary(f"zone {shown(self._zone.id)}: named does not answer updates: {lost}") from lost
        raise _NotTaken

    def _current(self) -> Live:
        """The SOA that the next message goes over."""
        if self._live is None:
            self._live = self._ctx.server(self._zone.id).live(self._zone.id)
            self.found.append(self._live.serial)
        if self._live.presence is not Presence.SERVED:
            raise Temporary(f"zone {shown(self._zone.id)}: named went away before an update: {self._live.words}")
        return self._live

    def _send_once(self, part: Part, live: Live, serial: int) -> dns.rcode.Rcode:
        self._ctx.effects.check(f"update zone {shown(self._zone.id)}")
        now, following = (message.rdata_wire("SOA", data) for data in (live.soa, self._soa_data(serial)))
        try:
            rcode = self._sender.send(self._zone.name, part, now=now, ttl=self._zone.soa.ttl, following=following)
        except Lost:
            self.sent = True
            raise
        self.sent = self.sent or rcode == dns.rcode.NOERROR
        return rcode

    def _soa_data(self, serial: int) -> str:
        return self._zone.soa.line(self._zone.name, serial).split(" ", 4)[4]

    def _fail(self, rcode: dns.rcode.Rcode) -> None:
        if rcode == dns.rcode.REFUSED:
            raise _NotTaken
        words = dns.rcode.to_text(rcode)
        cause = "look at named's log"
        if rcode == dns.rcode.SERVFAIL:
            journal = zonefile.journal(self._ctx.path(self._zone.id))
            place = journal if journal.exists() else journal.parent
            cause += f"; likely cause: the user that named runs as cannot write {journal} ({owner_of(place)})"
        raise ApplyFailed(f"zone {shown(self._zone.id)}: named did not take an update: {words}; {cause}")

    def _verify(self, changes: Sequence[RRsetChange], serial: int) -> None:
        name, server = shown(self._zone.id), self._ctx.server(self._zone.id)
        live = server.live(self._zone.id)
        if live.presence is Presence.DOWN:
            raise Temporary(f"named went away after an update of zone {name}: {live.words}")
        if live.serial != serial and not serials.newer(live.serial, serial):
            raise ApplyFailed(f"zone {name}: after an update with serial {serial} named has {live.words}")
        if wrong := wrong_after_update(server, changes, self._zone, self._ctx.served(self._zone.id)):
            raise ApplyFailed(
                f"zone {name}: after an update named answers otherwise than it should: {'; '.join(wrong)}; do others "
                "have records there (CNAME and other data)?"
            )
