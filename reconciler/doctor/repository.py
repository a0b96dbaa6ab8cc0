"""The state repository, what git does on a push, and the secrets that the state names."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from reconciler import tools
from reconciler.doctor.finding import Finding, broken, chapter, quoted, skipped, warning, well
from reconciler.doctor.node import Node
from reconciler.errors import BadRepository, ReconcilerError
from reconciler.git import hooks as wanted_hooks
from reconciler.git import setup
from reconciler.git.repo import StateRepo
from reconciler.manifest import ManifestError, ManifestStore
from reconciler.state.load import load
from reconciler.state.schema import Site
from reconciler.state.secret import SecretRef

_OLD_LOCK = 600.0
_MISSING = chapter("A hook is missing")
_DAMAGED = chapter("The repository is damaged")


def repository(node: Node) -> Iterator[Finding]:
    """That it is there, can be read, has the branch, and is not locked by something that ended."""
    settings = node.settings
    repo = StateRepo(settings.repo)
    try:
        head = repo.head(settings.branch)
        if head is not None:
            repo.tree(head)
    except BadRepository as error:
        yield broken(
            str(error),
            f"sudo -u {node.who} git -C {settings.repo} fsck",
            f"sudo mv {quoted(settings.repo)} {quoted(settings.repo)}.damaged",
            node.command("init"),
            f"git push origin {settings.branch}    # in a clone",
            _DAMAGED,
        )
        return
    locks = [path for path in _locks(settings.repo) if node.now - path.stat().st_mtime > _OLD_LOCK]
    for path in locks:
        yield warning(
            f"{path} is left of a git that ended; what it locks cannot be written",
            f"pgrep -u {node.who} git    # nothing may run there",
            f"sudo rm {quoted(path)}",
            chapter("Locks that git left"),
        )
    if head is None:
        yield warning(
            f"branch {settings.branch} of {settings.repo} has no commit yet",
            f"git push origin {settings.branch}    # in a clone of it",
        )
    elif not locks:
        yield well(f"{settings.repo}, {settings.branch} is {head[:12]}")


def _locks(repo: Path) -> Iterator[Path]:
    yield from repo.glob("*.lock")
    yield from (repo / "refs").rglob("*.lock")


def manifest(node: Node) -> Iterator[Finding]:
    """That the record of what is deployed can be read, and no apply was left half done."""
    state = node.settings.state
    store = ManifestStore(state)
    try:
        commit, outline = store.commit(), store.outline()
    except ManifestError as error:
        closed = "Permission denied" in str(error)
        mend = [f"sudo chown -R {node.who} {state}"] if closed else [f"sudo mv {quoted(state)} {quoted(state)}.damaged"]
        title = "Wrong owner or mode" if closed else "The record of what is deployed is damaged"
        yield broken(str(error), *mend, node.command("apply"), chapter(title))
        return
    begun = sorted(name for name, entries in outline.items() if any(entry.pending for entry in entries))
    if begun:
        yield warning(
            f"an apply of {', '.join(begun[:5])} was begun, and its end is not on record",
            node.command("status"),
            node.command("apply"),
            chapter("First look"),
        )
    elif commit is None:
        yield well("nothing is deployed yet")
    else:
        yield well(f"{commit[:12]} is deployed, {len(outline)} zones")


def hooks(node: Node) -> Iterator[Finding]:
    """That git runs our hooks of this version on a push, tells them where to ask, and writes durably."""
    repo = node.settings.repo
    if not (repo / "HEAD").exists():
        yield skipped(f"{repo} is no repository")
        return
    wrong = [*_hooks(repo), *_settings(repo), *_told(node)]
    mend = node.command("init")
    for text in wrong:
        yield broken(text, mend, _MISSING)
    noexec = os.statvfs(repo).f_flag & os.ST_NOEXEC
    if noexec:
        yield broken(
            f"{repo} lies on a filesystem that is mounted noexec: git passes over its hooks, so pushes are stored "
            "unchecked",
            f"sudo mount -o remount,exec $(stat -c %m {repo})    # and in /etc/fstab",
            chapter("The shared disk is mounted noexec"),
        )
    if not wrong and not noexec:
        yield well("installed, of this version; git writes durably")


def _hooks(repo: Path) -> Iterator[str]:
    for name, content in wanted_hooks.contents().items():
        path = repo / "hooks" / name
        try:
            found = path.stat()
        except FileNotFoundError:
            yield f"hook {name} is missing in {path.parent}"
            continue
        if not stat.S_ISREG(found.st_mode) or path.read_bytes() != content:
            yield f"hook {name} in {path.parent} is not this version's"
        elif found.st_mode & 0o111 != 0o111:
            yield f"hook {path} is not executable (mode {stat.S_IMODE(found.st_mode):04o}): git passes over it"


def _settings(repo: Path) -> Iterator[str]:
    listed = tools.run(["git", "config", "--file", str(repo / "config"), "--list", "-z"], timeout=4)
    if listed.code:
        yield f"{repo / 'config'} cannot be read: {listed.text}"
        return
    present = dict(entry.partition("\n")[::2] for entry in listed.stdout.split("\0"))
    for key, value in setup.settings(repo).items():
        if present.get(key) != value:
            yield f"{repo / 'config'}: {key} is {present.get(key, 'not set')}, not {value}"


def _told(node: Node) -> Iterator[str]:
    """What hooks read: where the daemon listens, and what to run without it."""
    repo = node.settings.repo
    control = repo / setup.CONTROL_FILE
    if not control.is_file() or control.read_text().strip() != str(node.settings.control):
        yield f"{control} does not name the daemon's socket, {node.settings.control}"
    fallback = repo / setup.FALLBACK_FILE
    words = fallback.read_text().splitlines() if fallback.is_file() else []
    if not words or not os.access(words[0], os.X_OK):
        yield f"{fallback} does not name a program that checks a push while the daemon is down"


def site_of(node: Node) -> Site | None:
    """The site as it is deployed, or as the branch has it; None where there is none that can be read. Runs git."""
    repo = StateRepo(node.settings.repo)
    try:
        commit = ManifestStore(node.settings.state).commit() or repo.head(node.settings.branch)
        state = load(repo.tree(commit)).state if commit else None
    except ReconcilerError:
        return None
    return state.site if state else None


def secrets(node: Node) -> Iterator[Finding]:
    """That each secret which the state names is there for the daemon, and closed to everybody else."""
    site, folder = site_of(node), node.settings.secrets
    if site is None:
        yield skipped("there is no state that can be read")
        return
    names, bad = sorted(set(_named(site))), False
    for name in names:
        path = folder / name
        try:
            with path.open("rb"):
                mode = path.stat().st_mode
        except OSError as error:
            bad = True
            yield broken(
                f"the state names secret {name}, and {path} cannot be read by {node.who}: {error.strerror}",
                f"sudo install -m 640 -g {node.who} /dev/null {path}    # then write the secret into it",
                f"sudo chgrp {node.who} {path}    # where it is there",
                chapter("A secret is missing"),
            )
            continue
        if mode & 0o007:
            bad = True
            yield broken(
                f"{path} can be read or written by everybody (mode {stat.S_IMODE(mode):04o})",
                f"sudo chmod o= {path}",
                chapter("Wrong owner or mode"),
            )
    if not bad:
        yield well(f"{len(names)} named, all there" if names else "the state names none")


def _named(value: object) -> Iterator[str]:
    """Names of secrets anywhere inside."""
    if isinstance(value, SecretRef):
        yield value.secret
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _named(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _named(item)
