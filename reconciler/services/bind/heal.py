"""Zone files and journals before named starts: after this each zone loads, with all that named had acknowledged.

named refuses a zone whose journal does not fit its file ("journal out of sync with zone"), and replays one over a file
that somebody put in its place, where the file's serial happens to be in the journal. So no journal is left to it.

What keeps a crash at any instant harmless: a folded file has the serial at which its journal ends, and is swapped in
before the journal goes; in between named, or the next call, finds nothing to replay. A journal that does not fit is
moved aside after the file has a serial beyond it.
"""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler import tools
from reconciler.dns import serials
from reconciler.dns.serials import SerialStyle, next_serial
from reconciler.dns.versions import name_of, shown
from reconciler.effects import Effects
from reconciler.errors import ReconcilerError, Temporary
from reconciler.services import aside
from reconciler.services.base import Say
from reconciler.services.bind import journal, zonefile
from reconciler.services.bind.journal import Span
from reconciler.services.bind.judge import Judge, KnownZone
from reconciler.services.bind.render import zone_path

_COMPILE = ("named-compilezone", "-q", "-i", "none", "-k", "ignore", "-n", "ignore", "-s", "full", "-j")
_SIGNED = (".signed", ".signed.jnl", ".jbk")
_NEVER = datetime.fromtimestamp(0, UTC)
_UNSEEN = 1000
"""More updates than a zone has taken since the last apply, where its own serial is lost."""
_LARGE = 16 << 20
"""Bytes of file and journal from which on the work is announced: it may take a second."""
_EXAMINED = 8 << 20
"""Bytes of a journal up to which it is looked at record by record: ten seconds."""


class Healer:
    """Works on the zones in BIND's folder while named is away. deadline: on the clock time.monotonic()."""

    def __init__(self, directory: Path, effects: Effects, *, deadline: float, say: Say) -> None:
        self._directory = directory
        self._effects = effects
        self._say = say
        self._judge = Judge(directory, deadline=deadline)

    def check_together(self, zones: Iterable[KnownZone]) -> None:
        """See Judge.check_together."""
        self._judge.check_together(zones)

    def heal(self, zone: KnownZone) -> None:
        """Make one zone ready. Raises Temporary where it took too long or a program is missing: then it is as it was.

        NotPrimary and OSError stop it between two steps, which is as harmless as a crash.
        """
        path = zone_path(self._directory, zone.name)
        jnl = zonefile.journal(path)
        if os.path.lexists(jnl) and not zonefile.is_regular(jnl):
            self._aside(zone, jnl, "is no regular file")
        has_file, has_journal = zonefile.is_regular(path), zonefile.is_regular(jnl)
        if not has_file:
            if has_journal or os.path.lexists(path) or zone.serial:
                why = "is no regular file" if os.path.lexists(path) else "is not there"
                self._restore(zone, path, jnl if has_journal else None, why)
        elif not has_journal:
            self._alone(zone, path)
        elif any(path.with_name(path.name + suffix).exists() for suffix in _SIGNED):
            # The journal of the unsigned half tells named what is to be signed anew.
            if self._judge.trouble_with_journal(zone, path):
                self._unfit(zone, path, jnl)
        elif zone.dynamic:
            self._fold(zone, path, jnl)
        else:
            self._unfit(zone, path, jnl, "is of a time when the zone was dynamic")

    def _alone(self, zone: KnownZone, path: Path) -> None:
        """A file without a journal."""
        if trouble := self._judge.trouble(zone, path):
            self._restore(zone, path, None, trouble)
        else:
            self._not_before(zone, path)

    def _fold(self, zone: KnownZone, path: Path, jnl: Path) -> None:
        """Write file and journal as one file, then remove the journal."""
        span, serial = journal.span_of(jnl), zonefile.serial_in(path)
        if span is None:
            self._unfit(zone, path, jnl, "is damaged")
            return
        if serial == span.last:
            # Nothing to replay: this file is all there is.
            if trouble := self._judge.trouble(zone, path):
                self._restore(zone, path, jnl, trouble)
                return
            self._not_before(zone, path)
            self._effects.unlink(jnl)
            return
        if (size := path.stat().st_size + jnl.stat().st_size) > _LARGE:
            self._say(f"zone {shown(zone.name)}: folding {size >> 20} MB of file and journal")
        text = self._folded(zone, path)
        if text is None or (serial != span.first and not self._belongs(zone, path, jnl, serial)):
            self._unfit(zone, path, jnl)
            return
        self._effects.replace(path, text, mode=zonefile.MODE)
        self._effects.unlink(jnl)
        self._say(f"zone {shown(zone.name)}: folded the journal into the file, serial {zonefile.serial_in(path)}")
        self._not_before(zone, path)

    def _folded(self, zone: KnownZone, path: Path) -> bytes | None:
        """The zone with the changes of its journal; None where that does not fit."""
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            output = Path(folder) / "zone"
            if not (trouble := self._judge.run(*_COMPILE, "-o", str(output), name_of(zone.name), str(path))):
                return output.read_bytes()
            if not self._judge.run(*_COMPILE, "-o", os.devnull, name_of(zone.name), str(path)):
                raise Temporary(f"cannot write to {folder}: {trouble}")
        return None

    def _belongs(self, zone: KnownZone, path: Path, jnl: Path, serial: int | None) -> bool:
        """Whether a file with a serial from the middle of its journal is a dump by named."""
        if self._judge.ours(zone, path):
            # A journal that follows our own file begins with its serial.
            return False
        if jnl.stat().st_size > _EXAMINED:
            return True
        try:
            past = journal.steps(jnl, timeout=self._judge.remaining())
            while past and past[-1].after != serial:
                past.pop()
            return journal.fits(past, self._plain(zone, path))
        except Temporary:
            raise
        except ReconcilerError:
            return True

    def _plain(self, zone: KnownZone, path: Path) -> str:
        argv = [word for word in _COMPILE if word != "-j"]
        done = tools.run([*argv, "-o", "-", name_of(zone.name), str(path)], timeout=self._judge.remaining())
        return done.stdout

    def _unfit(self, zone: KnownZone, path: Path, jnl: Path, why: str = "does not fit the file") -> None:
        """Go on without the journal; secondaries may have a serial out of it, so the file's is raised."""
        if trouble := self._judge.trouble(zone, path):
            self._restore(zone, path, jnl, trouble)
            return
        span = journal.span_of(jnl)
        self._not_before(zone, path, *((span.last,) if span else ()))
        self._aside(zone, jnl, why)

    def _not_before(self, zone: KnownZone, path: Path, *known: int) -> None:
        """Raise the serial of a file that is older than one that was served."""
        serial = zonefile.serial_in(path)
        if serial is None or not any(item and serials.newer(item, serial) for item in (zone.serial, *known)):
            return
        new = self._next(zone, serial, *known)
        self._effects.replace(path, zonefile.with_serial(path.read_bytes(), new), mode=zonefile.MODE)
        self._say(f"zone {shown(zone.name)}: its file had serial {serial}, older than what was served; it is {new} now")

    def _restore(self, zone: KnownZone, path: Path, jnl: Path | None, trouble: str) -> None:
        """Write the zone anew from what is known of it, or leave it out."""
        span = journal.span_of(jnl) if jnl else None
        text = self._text(zone, path, jnl, span)
        staged = self._effects.stage(path, text, mode=zonefile.MODE) if text is not None else None
        if os.path.lexists(path):
            self._aside(zone, path, trouble)
        if staged is not None:
            self._effects.swap(staged, path)
            self._say(
                f"zone {shown(zone.name)}: wrote {path} from what was deployed, serial {zonefile.serial_in(path)}"
            )
        if jnl is not None:
            self._aside(zone, jnl, "has no file that it fits" if staged is None else "is taken into account")
        if staged is None:
            self._say(
                f"zone {shown(zone.name)}: left out, named will not serve it: nothing is known of what it should hold"
            )

    def _text(self, zone: KnownZone, path: Path, jnl: Path | None, span: Span | None) -> bytes | None:
        try:
            content = zone.content() if zone.content else None
        except ReconcilerError as error:
            self._say(f"zone {shown(zone.name)}: {error}")
            return None
        if content is None:
            return None
        serial = self._next(zone, *((span.last,) if span else ()))
        if zone.dynamic and span is None:
            # How far have the updates of others gone? A serial in what cannot be loaded may be anything.
            most, seen = serials.add(serial, _UNSEEN), _serial(path)
            serial = self._next(zone, seen) if seen and serials.newer(most, seen) else most
        if jnl and span and zone.dynamic and not serials.newer(zone.serial, span.last):
            try:
                over = journal.steps(jnl, timeout=self._judge.remaining())
                content = replace(content, rrsets=journal.replay(dict(content.rrsets), over))
            except Temporary:
                raise
            except ReconcilerError as error:
                self._say(f"zone {shown(zone.name)}: its journal cannot be read: {error}")
        return content.text(serial).encode()

    def _next(self, zone: KnownZone, *known: int) -> int:
        return next_serial(SerialStyle.INCREMENT, (zone.serial, *zone.begun, *known), _NEVER)

    def _aside(self, zone: KnownZone, path: Path, why: str) -> None:
        kept = aside.move(self._directory / aside.FOLDER, path, str(_serial(path)), self._effects)
        self._say(f"zone {shown(zone.name)}: {path.name} {why}; it lies in {kept} now")


def _serial(path: Path) -> int:
    """The serial in a zone file; 0 where there is none to be read."""
    return (zonefile.serial_in(path) or 0) % serials.SIZE if zonefile.is_regular(path) else 0
