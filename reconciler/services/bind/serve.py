"""Having named load one zone's new file, and proving that it did; else putting back what was there before."""

import grp
import pwd
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.deployed import DeployedZone
from reconciler.dns.serials import SerialStyle
from reconciler.dns.versions import shown
from reconciler.dns.zone import Zone
from reconciler.errors import ApplyFailed, NotPrimary, ReconcilerError, Temporary
from reconciler.services.base import Drift
from reconciler.services.bind import zonefile
from reconciler.services.bind.changes import RRsets
from reconciler.services.bind.context import Context
from reconciler.services.bind.query import Presence
from reconciler.services.bind.verify import wrong_answers


@dataclass(frozen=True, slots=True)
class Given:
    """A zone as it is to be served. old: RRsets served before, so that only differences are asked for.

    previous: what to put back if it goes wrong; None where that is not known, and only the file can be put back.
    """

    zone: Zone
    serial: int
    style: SerialStyle
    old: RRsets
    previous: Zone | None


@dataclass(frozen=True, slots=True)
class Done:
    """A zone that is served anew. undo: serve what was there before, with a higher serial; None if not known.

    over: serials of others that updates went over, without a look at what they changed; empty for a new file.
    """

    deployed: DeployedZone
    undo: Callable[[], DeployedZone] | None
    drift: tuple[Drift, ...] = ()
    over: tuple[int, ...] = ()


def serve(ctx: Context, given: Given, staged: Path) -> None:
    """Swap `staged` in, reload, wait for the serial, ask for the changed RRsets.

    Raises ApplyFailed after putting back what was there, Temporary when named is gone (the file is back as it was).
    """
    path = ctx.path(given.zone.id)
    with _kept(ctx, path) as kept:
        try:
            ctx.effects.swap(staged, path)
            _load(ctx, given)
        except NotPrimary:
            raise
        except Temporary:
            if kept is not None:
                ctx.effects.restore(kept, path)
            raise
        except ReconcilerError as error:
            outcome = _put_back(ctx, given, kept)
            raise ApplyFailed(f"{error}; {outcome}") from error


@contextmanager
def _kept(ctx: Context, path: Path) -> Iterator[Path | None]:
    """Keep the very file, with its owner and mode: what is wrong may be that a new one cannot be read by named."""
    kept = ctx.effects.link(path)
    try:
        yield kept
    finally:
        if kept is not None and kept.exists():
            ctx.effects.unlink(kept)


def _load(ctx: Context, given: Given) -> None:
    zone, name = given.zone, shown(given.zone.id)
    answer = ctx.rndc.reload(zone.id)
    if not answer.ok:
        raise ApplyFailed(f"zone {name}: `rndc reload` said {answer.words!r}{cause(ctx.path(zone.id))}")
    live = ctx.wait_for_serial(zone.id, given.serial, records=len(zone.rrsets))
    if live.presence is Presence.DOWN:
        raise Temporary(f"named went away while it loaded zone {name}: {live.words}")
    if live.serial != given.serial:
        raise ApplyFailed(
            f"zone {name}: named did not load the new file: expected serial {given.serial}, "
            f"found {live.words}; `rndc reload` said {answer.words!r}{cause(ctx.path(zone.id))}"
        )
    if wrong := wrong_answers(ctx.server(zone.id), given.old, zone, ctx.served(zone.id)):
        raise ApplyFailed(f"zone {name}: named answers otherwise than it should: {'; '.join(wrong)}")


def _put_back(ctx: Context, given: Given, kept: Path | None) -> str:
    """Put the previous content back, with a higher serial; say how that went."""
    name = given.zone.id
    path = ctx.path(name)
    live = ctx.server(name).live(name)
    not_taken = live.serial != given.serial
    if kept is not None and not_taken and cause(path):
        # The next new file could be read no better; the one from before can, and named still serves it.
        ctx.effects.restore(kept, path)
        return f"the file from before is back, named serves {live.words}"
    if given.previous is not None:
        serial = ctx.next_serial(given.style, given.serial, live.serial)
        ctx.effects.replace(path, given.previous.text(serial).encode(), mode=zonefile.MODE)
        ctx.rndc.reload(name)
        back = ctx.wait_for_serial(name, serial, records=len(given.previous.rrsets))
        if back.serial == serial:
            return f"the content from before is served again, with serial {serial}"
    if kept is not None:
        ctx.effects.restore(kept, path)
        return f"the file from before is back, named serves {ctx.server(name).live(name).words}"
    return "and what was there before could not be put back: look at named's log"


def cause(path: Path) -> str:
    """The likely cause, when named could not read the file, as far as its owner and mode tell; "" if they do not."""
    try:
        status = path.stat()
        closed = [folder for folder in path.parents if not folder.stat().st_mode & stat.S_IXOTH]
    except OSError as error:
        return f"; {path}: {error.strerror}"
    if status.st_mode & stat.S_IROTH and not closed:
        return ""
    where = f" in {closed[0]} ({owner_of(closed[0])})" if closed else ""
    if status.st_gid == path.parent.stat().st_gid and status.st_mode & stat.S_IRGRP and status.st_gid != 0:
        return ""
    return (
        f"; likely cause: the user that named runs as cannot read {path} ({owner_of(path)}){where}: give its folder "
        "the group of named and the setgid bit (chgrp, chmod g+s)"
    )


def owner_of(path: Path) -> str:
    """Owner, group and mode of a file or folder, for a person."""
    status = path.stat()
    return f"{_user(status.st_uid)}:{_group(status.st_gid)}, mode {stat.S_IMODE(status.st_mode):04o}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
