"""Users, folders and files: whose they are, and who may read and write them."""

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reconciler.doctor.finding import Finding, broken, chapter, quoted, skipped, warning, well
from reconciler.doctor.node import Account, Node, account, account_of
from reconciler.doctor.sockets import named_process

_CHAPTER = chapter("Wrong owner or mode")
_MOST = 20_000
_FIXED = 853
"""The number of user reconciler, which systemd/reconciler.sysusers gives."""


def accounts(node: Node) -> Iterator[Finding]:
    """That the users are there, and that the daemon's may read what is named's."""
    if node.daemon is None:
        yield broken(
            "there is no user reconciler, and no daemon runs",
            "sudo install -m 644 systemd/reconciler.sysusers /etc/sysusers.d/reconciler.conf",
            "sudo systemd-sysusers",
            chapter("Installing on one node", "README.md"),
        )
        return
    bad = False
    if node.settings.role != "always" and node.daemon.name == "reconciler" and node.daemon.uid != _FIXED:
        bad = True
        yield warning(
            f"user reconciler has the number {node.daemon.uid} here, not {_FIXED}: on the shared disk its files are "
            "another's on the other node, unless that has the same number",
            "id reconciler    # on both nodes",
            chapter("Installing on a pair", "docs/pair.md"),
        )
    if node.settings.bind and node.daemon.uid != 0 and not _in_group(node.daemon, "bind"):
        bad = True
        yield broken(
            f"user {node.daemon.name} is not in group bind: it cannot read rndc's key, nor zones that named wrote",
            f"sudo usermod --append --groups bind {node.daemon.name}",
            "sudo systemctl restart reconciler",
            chapter("rndc is not let in"),
        )
    if not bad:
        yield well(f"the daemon's user is {node.daemon.name} ({node.daemon.uid})")


def _in_group(who: Account, name: str) -> bool:
    """Where there is no such group nothing can be its."""
    try:
        wanted = grp.getgrnam(name).gr_gid
    except KeyError:
        return True
    return wanted in os.getgrouplist(who.name, who.gid)


class _Folder(NamedTuple):
    """What a folder has to be. closed: bits that nobody may have. open: bits that have to be there."""

    path: Path
    owner: int | None
    group: int | None = None
    closed: int = 0o002
    open: int = 0
    inherits: bool = False
    mode: str = "755"


def folders(node: Node) -> Iterator[Finding]:
    """That our folders are there, their owner's, and open and closed to whom they have to be."""
    if node.daemon is None:
        yield skipped("who the daemon runs as is not known")
        return
    bad = False
    for folder in _folders(node, node.daemon):
        finding = _judge(folder, node)
        if finding is not None:
            bad = True
            yield finding
    if not bad:
        yield well("all folders are there, with their owners and modes")


def _folders(node: Node, who: Account) -> Iterator[_Folder]:
    settings = node.settings
    yield _Folder(settings.repo, who.uid, closed=0o077, mode="700")
    yield _Folder(settings.state, who.uid, closed=0o007, mode="750")
    yield _Folder(settings.control.parent, None)
    if settings.role != "always" or settings.upstream is not None:
        yield _Folder(settings.own, who.uid, closed=0o007, mode="750")
    if settings.bind:
        named = named_account(node)
        shared = named is not None and named.uid not in (0, who.uid)
        group = named.gid if named is not None and shared else None
        directory, opened = settings.bind.directory, 0o050 if shared else 0
        yield _Folder(directory, who.uid, group, open=opened, inherits=shared, mode="2750")
        yield _Folder(
            directory / "zones", who.uid, group, open=opened | (opened and 0o020), inherits=shared, mode="2770"
        )
    if settings.dnsmasq:
        yield _Folder(settings.dnsmasq.directory, who.uid, open=0o005, mode="755")
    if settings.secrets.exists():
        yield _Folder(settings.secrets, None, closed=0o007, mode="750")


def named_account(node: Node) -> Account | None:
    """Who named runs as, or would."""
    found = named_process(node)
    return account_of(found.uid) if found is not None and found.uid else (account("bind") if found is None else None)


def _judge(folder: _Folder, node: Node) -> Finding | None:
    path, text = folder.path, quoted(folder.path)
    try:
        found = path.stat()
    except FileNotFoundError:
        return broken(f"{path} is not there", node.command("init"), chapter("Files and folders"))
    if not stat.S_ISDIR(found.st_mode):
        return broken(f"{path} is no folder", f"sudo mv {text} {text}.aside", node.command("init"), _CHAPTER)
    mode = stat.S_IMODE(found.st_mode)
    wrong, mend = [], []
    if folder.owner is not None and found.st_uid != folder.owner:
        wrong.append(f"belongs to {_name(found.st_uid)}")
        mend.append(f"sudo chown {_name(folder.owner)} {text}")
    if folder.group is not None and found.st_gid != folder.group:
        wrong.append(f"is of group {_group(found.st_gid)}, not of named's, {_group(folder.group)}")
        mend.append(f"sudo chgrp {_group(folder.group)} {text}")
    if mode & folder.closed or mode & folder.open != folder.open or (folder.inherits and not mode & stat.S_ISGID):
        wrong.append(f"has mode {mode:04o}, not 0{folder.mode:>03}")
    # After a change of the owner the kernel may have taken the setgid bit away.
    if wrong:
        mend.append(f"sudo chmod {folder.mode} {text}")
        return broken(f"{path} {', '.join(wrong)}", *mend, _CHAPTER)
    return None


def owners(node: Node) -> Iterator[Finding]:
    """That the files are the daemon's, and named's journals named's: also by number, on a shared disk."""
    who, settings = node.daemon, node.settings
    if who is None:
        yield skipped("who the daemon runs as is not known")
        return
    named = named_account(node) if settings.bind else None
    allowed = {who.uid} | ({named.uid} if named else set())
    trees = [(settings.repo, {who.uid}), (settings.state, {who.uid})]
    trees += [(settings.bind.directory, allowed)] if settings.bind else []
    trees += [(settings.dnsmasq.directory, {who.uid})] if settings.dnsmasq else []
    bad = False
    for top, right in trees:
        strange = [path for path in _below(top) if path.lstat().st_uid not in right]
        if strange:
            bad = True
            more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
            yield broken(
                f"{strange[0]} belongs to {_name(strange[0].lstat().st_uid)}, not to {who.name}{more}",
                *_give_back(top, who, named, zones=settings.bind is not None and top == settings.bind.directory),
                node.command("apply"),
                _CHAPTER,
            )
    if named is not None and settings.bind and named.uid != who.uid:
        yield from (found := list(_unwritable(settings.bind.directory / "zones", named)))
        bad = bad or bool(found)
    if not bad:
        yield well("all files belong to their users")


def _give_back(top: Path, who: Account, named: Account | None, *, zones: bool) -> list[str]:
    text = quoted(top)
    if not zones or named is None:
        return [f"sudo chown -R {who.name} {text}"]
    return [
        f"sudo chown -R {who.name}:{_group(named.gid)} {text}",
        f"sudo chmod 2750 {text}",
        f"sudo chmod 2770 {text}/zones",
        f"sudo find {text}/zones -name '*.jnl' -exec chown {named.name}:{_group(named.gid)} {{}} +",
    ]


def _unwritable(zones: Path, named: Account) -> Iterator[Finding]:
    """Journals that named cannot write to: it then refuses every update of the zone."""
    strange = [path for path in _below(zones) if path.suffix == ".jnl" and path.lstat().st_uid != named.uid]
    if strange:
        yield broken(
            f"{strange[0]} belongs to {_name(strange[0].lstat().st_uid)}, not to {named.name}: named refuses updates "
            "of the zone",
            f"sudo find {quoted(zones)} -name '*.jnl' -exec chown {named.name}:{_group(named.gid)} {{}} +",
            _CHAPTER,
        )


def _below(top: Path) -> Iterator[Path]:
    """Files and folders below, at most so many; links are not followed."""
    left = _MOST
    for place, inner, files in os.walk(top, onerror=_closed):
        for name in (*inner, *files):
            path = Path(place, name)
            if os.path.lexists(path):
                yield path
            left -= 1
            if not left:
                return


def _closed(error: OSError) -> None:
    """Of a folder that ended meanwhile nothing is said."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _name(uid: int) -> str:
    found = account_of(uid)
    return found.name if found else str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
