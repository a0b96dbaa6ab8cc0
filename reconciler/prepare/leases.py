"""dnsmasq's lease file after a power cut: made whole from what the daemon remembered, or from the audit's history."""

import json
import os
import re
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.config import NodeConfig
from reconciler.effects import Effects
from reconciler.errors import ReconcilerError, Temporary, words
from reconciler.leases.lease import Lease
from reconciler.leases.memory import MEMORY, describe, lease_of
from reconciler.leases.restore import is_torn, restored
from reconciler.prepare.owners import open_below
from reconciler.services.base import Say
from reconciler.services.dnsmasq.dhcp import handed_out
from reconciler.services.dnsmasq.render import CONF
from reconciler.watch.read_stable import Unreadable, read_stable

_MONTH = 31 * 86400
_GRACE = 3600
"""Seconds for which a lease from the history is taken to be in force at least: renewals are not in it."""

Known = tuple[list[Lease], str | None]
"""Leases, and the server's DUID."""


class Place(NamedTuple):
    """A lease file, and where other servers have files too its server's dnsmasq.conf, which tells whose a lease is."""

    path: Path
    conf: Path | None = None


def places(settings: NodeConfig) -> list[Place]:
    """The lease files that are dnsmasq's; none where there are several between which nobody could tell."""
    source, own = settings.lease_source, settings.dnsmasq
    if source is None or source.format != "dnsmasq":
        return []
    if len(source.files) == 1:
        return [Place(source.files[0])]
    if settings.leases is not None or own is None:
        return []
    servers = [own, *map(own.instance, own.isolated)]
    return [Place(each.lease_file, each.directory / CONF) for each in servers]


def mend(settings: NodeConfig, place: Place, effects: Effects, say: Say, history: Callable[[], list[Any]]) -> None:
    """Make a torn file whole. history: gives what `recorder`'s does, by a process that may run git there."""
    path = place.path
    try:
        reading = read_stable(path)
    except Unreadable as error:
        say(f"leases: {error}")
        return
    # One that is not there has been removed by somebody: dnsmasq never does that.
    if reading is None or not (is_torn(reading.data, None) or _suspect(reading.data, settings, path)):
        return
    leases, duid = _known(settings, path, say, history)
    leases = _of_server(place, leases, say)
    now = time.time()
    whole = restored(reading.data, leases, duid, now)
    if whole is None:
        return
    _write(settings, path, whole.content, effects)
    count = len(whole.added)
    say(f"leases: {path} was torn; wrote it anew with {count} lease{'' if count == 1 else 's'} that it had lost")
    if whole.left_out:
        say(f"leases: {whole.left_out} more cannot be written without their hardware addresses")


def recorder(repo: Path) -> Callable[[], list[Any]]:
    """What gives the leases that the newest history tells, each as `describe` has it; it raises BadRepository."""
    # Hardly ever needed, and what reads git takes long to import.
    from reconciler.audit import lease_query  # noqa: PLC0415

    # The newest, even where the clock has gone back.
    latest = int(time.time()) + _MONTH
    return lambda: [describe(record.lease) for record in lease_query.at(repo, latest)]


def _of_server(place: Place, leases: list[Lease], say: Say) -> list[Lease]:
    """Those leases that this file's server hands out, where there are others."""
    if place.conf is None:
        return leases
    try:
        networks = handed_out(place.conf.read_text("utf-8", "replace"))
    except OSError as error:
        say(f"leases: {words(error)}; which leases are those of {place.path} is not known")
        return []
    return [lease for lease in leases if any(lease.address in network for network in networks)]


def _suspect(data: bytes, settings: NodeConfig, path: Path) -> bool:
    """Whether the server's DUID is missing, which is asked of a file that is well otherwise."""
    try:
        duid = _remembered(settings.state / MEMORY, path)[1]
    except (ReconcilerError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return False
    return is_torn(data, duid)


def _known(settings: NodeConfig, path: Path, say: Say, history: Callable[[], list[Any]]) -> Known:
    try:
        return _remembered(settings.state / MEMORY, path)
    except Temporary:
        pass
    except (ReconcilerError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        say(f"leases: {settings.state / MEMORY} cannot be used ({error}); asking the history")
    try:
        least = int(time.time()) + _GRACE
        return [_in_force(lease_of(item), least) for item in history()], None
    except (ReconcilerError, ValueError, TypeError, IndexError) as error:
        say(f"leases: the history cannot be read: {error}")
        return [], None


def _remembered(memory: Path, path: Path) -> Known:
    reading = read_stable(memory)
    if reading is None:
        raise Temporary("it is not there")
    document = json.loads(reading.data)
    duid = document.get("server_duids", {}).get(str(path))
    return [lease_of(item) for item in document["leases"]], duid if isinstance(duid, str) else None


def _in_force(lease: Lease, least: int) -> Lease:
    if lease.expires is None or lease.expires > least:
        return lease
    return replace(lease, expires=least)


def _write(settings: NodeConfig, path: Path, content: bytes, effects: Effects) -> None:
    """Swap the file in, in the folder as it is now: nobody can lead us elsewhere by a link on the way."""
    folder = None
    if settings.mount is not None and path.is_relative_to(settings.mount):
        folder = open_below(settings.mount, path.parent)
    else:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if folder is None:
        raise Temporary(f"{path.parent} is no folder, or a link leads there")
    try:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        owner = (found.st_uid, found.st_gid) if os.geteuid() == 0 else None
        there = Path(f"/proc/self/fd/{folder}") / path.name
        cut_off = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.tmp")
        for old in [each for each in there.parent.iterdir() if cut_off.fullmatch(each.name)]:
            effects.unlink(old)
        effects.replace(there, content, mode=stat.S_IMODE(found.st_mode) & 0o666, owner=owner)
    finally:
        os.close(folder)
