"""Owners of what lies on the shared disk. Numbers of users can differ between nodes; then files seem to be another's.

The folders belong to users who are not root, so names in them are hostile: each file is opened once, without following
links, looked at, and given away by that descriptor. Nothing on another filesystem is touched.
"""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.effects import Effects
from reconciler.errors import Temporary
from reconciler.node_setup import Owner

_PATH_ONLY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Rule:
    """Who owns what is below `path`. group: for all of it; None: what the right user owns keeps its group.

    also: users who may own files too. journals: who owns named's journals. mode: of the folder itself.
    """

    path: Path
    uid: int
    gid: int
    group: bool = False
    also: frozenset[int] = frozenset()
    journals: int | None = None
    mode: int | None = None


@dataclass
class Found:
    """What was done. passed: files with several names, or no files at all, that were left as they are."""

    given: dict[Path, int] = field(default_factory=dict)
    passed: list[Path] = field(default_factory=list)


def rules(
    repo: Path, state: Path, bind: Path | None, dnsmasq: Sequence[Path], who: Owner, named: Owner | None
) -> list[Rule]:
    """What belongs to whom, as `reconciler init` makes it; the inner folder after the outer one."""
    found = [Rule(repo, who.uid, who.gid), Rule(state, who.uid, who.gid)]
    found += [Rule(folder, who.uid, who.gid) for folder in dnsmasq]
    if bind is not None and named is not None:
        found.append(Rule(bind, who.uid, named.gid, group=True, mode=0o2750))
        zones = Rule(bind / "zones", who.uid, named.gid, True, frozenset({named.uid}), named.uid, 0o2770)
        found.append(zones)
    return found


def wanted(rule: Rule, name: str, found: os.stat_result) -> tuple[int, int] | None:
    """Who a file or folder is to be given to; None where that is who has it."""
    if rule.journals is not None and name.endswith(".jnl"):
        uid = rule.journals
    else:
        uid = found.st_uid if found.st_uid in rule.also and stat.S_ISREG(found.st_mode) else rule.uid
    gid = rule.gid if rule.group or uid != found.st_uid else found.st_gid
    return None if (uid, gid) == (found.st_uid, found.st_gid) else (uid, gid)


class Repair:
    """Gives files to their owners, on the filesystem mounted at `mount` only. deadline: on time.monotonic()'s clock."""

    def __init__(self, mount: Path, effects: Effects, *, deadline: float) -> None:
        self._mount = mount
        self._effects = effects
        self._deadline = deadline
        self._device = mount.stat().st_dev
        self.found = Found()

    def below(self, rule: Rule, inner: tuple[Path, ...]) -> None:
        """Apply a rule to its folder and all below, but for `inner` folders that have rules of their own.

        Raises Temporary when the time is over.
        """
        descriptor = open_below(self._mount, rule.path)
        if descriptor is None:
            return
        try:
            if os.fstat(descriptor).st_dev == self._device:
                self._give(descriptor, rule, rule.path, mode=rule.mode)
                self._inside(descriptor, rule, inner)
        finally:
            os.close(descriptor)

    def _inside(self, top: int, rule: Rule, inner: tuple[Path, ...]) -> None:
        for place, folders, files, at in os.fwalk(".", dir_fd=top, follow_symlinks=False):
            if time.monotonic() > self._deadline:
                raise Temporary(f"the time for looking at owners below {rule.path} was over")
            here = rule.path / place
            for name in (*folders, *files):
                if here / name not in inner:
                    self._entry(at, name, here / name, rule)
            folders[:] = [name for name in folders if here / name not in inner and self._stays(at, name)]

    def _stays(self, at: int, name: str) -> bool:
        try:
            return os.stat(name, dir_fd=at, follow_symlinks=False).st_dev == self._device
        except OSError:
            return False

    def _entry(self, at: int, name: str, path: Path, rule: Rule) -> None:
        try:
            if wanted(rule, name, os.stat(name, dir_fd=at, follow_symlinks=False)) is None:
                return
            descriptor = os.open(name, _PATH_ONLY, dir_fd=at)
        except FileNotFoundError:
            return
        try:
            self._give(descriptor, rule, path)
        finally:
            os.close(descriptor)

    def _give(self, descriptor: int, rule: Rule, path: Path, *, mode: int | None = None) -> None:
        found = os.fstat(descriptor)
        if found.st_dev != self._device:
            return
        plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
        if not plain and not stat.S_ISDIR(found.st_mode):
            self.found.passed.append(path)
            return
        if mode is not None and stat.S_IMODE(found.st_mode) == mode:
            mode = None
        owner = wanted(rule, path.name, found)
        if owner is None and mode is None:
            return
        uid, gid = owner or (found.st_uid, found.st_gid)
        self._effects.own(descriptor, path, uid, gid, mode=mode)
        self.found.given[rule.path] = self.found.given.get(rule.path, 0) + 1


def open_below(mount: Path, path: Path) -> int | None:
    """A folder below a mount, opened without following any link on the way; None where it is not such a folder.

    The mount itself and what leads to it belong to root.
    """
    try:
        parts = path.relative_to(mount).parts
        descriptor = os.open(mount, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (ValueError, OSError):
        return None
    for part in parts:
        try:
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def lines(found: Found) -> Iterator[str]:
    """What was done, for people."""
    for path, count in found.given.items():
        yield f"owners: gave {count} file{'' if count == 1 else 's'} below {path} to their user on this node"
    if found.passed:
        names = ", ".join(map(str, found.passed[:5]))
        more = f" and {len(found.passed) - 5} more" if len(found.passed) > 5 else ""
        yield f"owners: left as they are, being links or having several names: {names}{more}"
