"""Taking a backup of a node, while its daemon may run. Looks only."""

import contextlib
import json
import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler import tools
from reconciler.backup import archive, facts
from reconciler.backup.facts import Facts
from reconciler.config import BindSettings, NodeConfig
from reconciler.daemon.lock import at_work
from reconciler.dns import serials
from reconciler.dns.versions import filename, shown
from reconciler.errors import BadRepository, ReconcilerError, Refused
from reconciler.git import bundle, forge
from reconciler.git.command import git
from reconciler.services.bind import zonefile
from reconciler.services.bind.keys import read_key_file
from reconciler.services.bind.render import zone_path
from reconciler.services.bind.servers import Servers
from reconciler.services.bind.service import OWN_KEY_FILE
from reconciler.services.bind.transfer import transfer
from reconciler.services.bind.zonefile import Content
from reconciler.watch.read_stable import read_stable

_PATIENCE = 60.0
"""Seconds that a pass under way is waited for."""
_GIT = 600.0
_BESIDE = {"dhcp-script.conf": facts.DHCP_SCRIPT, "ha.conf": facts.HA_CONF}
_STATE = ("leases.json", "paused")


def take(settings: NodeConfig, config: Path) -> tuple[bytes, Facts]:
    """The archive, and what is in it. Raises ReconcilerError; OSError where a file cannot be read."""
    files = {facts.NODE_YAML: _node_yaml(settings, config)}
    files |= {inside: data for name, inside in _BESIDE.items() if (data := _read(config.with_name(name))) is not None}
    owner = settings.repo.stat() if settings.repo.exists() else None
    if owner is None:
        raise Refused(f"there is no repository at {settings.repo}; is this node set up, and its shared disk mounted?")
    if (keys := _authorized_keys(owner.st_uid)) is not None:
        files[facts.AUTHORIZED_KEYS] = keys
    notes: list[str] = []
    if settings.upstream and forge.shown(settings.upstream.url) != settings.upstream.url:
        notes.append("user and password in `upstream: url:` of node.yaml are left out; write them there again")
    # No pass changes the manifest meanwhile. What is pushed after that is in the bundle, and newer: no harm.
    with at_work(settings.control, _PATIENCE):
        try:
            manifest, state = _state(settings.state)
            known = dict(_serials(settings.state, manifest))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Refused(f"{settings.state}: the manifest is damaged; `reconciler status` tells what to do") from None
        zones = dict(_dynamic(settings.bind, manifest, notes)) if settings.bind else {}
    files |= state
    for name, content in zones.items():
        known[name] = _newer(known.get(name, 0), content.serial)
        files[facts.ZONES + filename(name)] = content.zone.text(content.serial).encode()
    files |= _leases(settings, notes)
    refs: Mapping[str, str] = {}
    if (packed := _bundle(settings.repo, owner)) is not None:
        files[facts.BUNDLE] = packed
        refs = {ref: commit for ref, commit in bundle.decode(packed).refs.items() if ref.startswith("refs/")}
    found = Facts(
        node=settings.node,
        deployed=manifest.get("commit"),
        refs=dict(refs),
        serials=known,
        leases=[str(path) for path in settings.lease_source.files] if settings.lease_source else [],
        secrets=_names(settings.secrets),
        keys=_keys(settings),
        unreplicated=_names(settings.own / "unreplicated"),
        notes=notes,
    )
    files[facts.FACTS], files[facts.README] = found.text(), facts.readme(found)
    return archive.pack(files), found


def _node_yaml(settings: NodeConfig, config: Path) -> bytes:
    text = config.read_text(encoding="utf-8")
    # A password in the forge's address is a secret, as everywhere.
    url = settings.upstream.url if settings.upstream else ""
    return (text.replace(url, forge.shown(url)) if url else text).encode()


def _state(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest, and the files of the state folder that are worth keeping, by name inside the archive."""
    data = _read(folder / "manifest.json")
    if data is None:
        return {}, {}
    manifest = json.loads(data)
    wanted = [f"{filename(name)}.{item['digest'][:16]}" for name, item in manifest.get("zones", {}).items()]
    files = {"manifest.json": data}
    pushes = (f"pushes/{item}" for item in _names(folder / "pushes"))
    for name in (*(f"zones/{item}" for item in wanted), *_STATE, *pushes):
        if (content := _read(folder / name)) is not None:
            files[name] = content
    return manifest, {facts.STATE + name: content for name, content in files.items()}


def _serials(folder: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The newest serial of each zone, also of one that was removed, or whose apply was begun."""
    found = {name: int(item["serial"]) for name, item in manifest.get("zones", {}).items()}
    pending = json.loads(_read(folder / "pending.json") or b"{}").get("zones", {})
    begun = [(name, int(item["serial"])) for name, items in pending.items() for item in items]
    for name, serial in (*manifest.get("retired", {}).items(), *begun):
        found[name] = _newer(found.get(name, 0), serial)
    yield from found.items()


def _newer(known: int, serial: int) -> int:
    return serial if not known or (serial and serials.newer(serial, known)) else known


def _dynamic(bind: BindSettings, manifest: Mapping[str, Any], notes: list[str]) -> Iterator[tuple[str, Content]]:
    """Dynamic zones by id, whole, with what others have put into them: from named, else from its files."""
    servers = Servers(bind.address, bind.port, lambda: read_key_file(bind.directory / OWN_KEY_FILE))
    for name, item in manifest.get("zones", {}).items():
        if item.get("dynamic"):
            try:
                yield name, _whole(servers, name, str(item.get("home", "")), zone_path(bind.directory, name))
            except ReconcilerError as error:
                notes.append(f"records of others in zone {shown(name)} are not in the backup: {error}")


def _whole(servers: Servers, name: str, home: str, path: Path) -> Content:
    with contextlib.suppress(ReconcilerError):
        return transfer(servers.at(home), name, servers.key(home))
    return zonefile.read(name, path, with_journal=zonefile.journal(path).exists())


def _leases(settings: NodeConfig, notes: list[str]) -> dict[str, bytes]:
    found = {}
    for number, path in enumerate(settings.lease_source.files if settings.lease_source else ()):
        reading = read_stable(path)
        if reading is not None:
            found[f"{facts.LEASES}{number}"] = reading.data
            if reading.flaw:
                notes.append(f"leases: {reading.flaw}")
    return found


def _bundle(repo: Path, owner: os.stat_result) -> bytes | None:
    """All refs with their history; None where there are none. Run as the repository's owner, never as root."""
    runs_as = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 and owner.st_uid else None
    # One thread, so that the same objects give the same bytes.
    create = git(repo, "-c", "pack.threads=1", "bundle", "create", "--quiet", "-", "--all")
    for argv in (git(repo, "for-each-ref", "--count=1"), create):
        done = tools.run(["env", "HOME=/nonexistent", *argv], timeout=_GIT, cwd=Path("/"), owner=runs_as)
        if done.code:
            raise BadRepository(f"{repo}: git cannot pack it: {done.stderr.strip()}")
        if not done.stdout_bytes:
            return None
    return done.stdout_bytes


def _authorized_keys(uid: int) -> bytes | None:
    """Who may push. Where root owns the repository, its keys are for more than that."""
    if uid == 0:
        return None
    try:
        home = Path(pwd.getpwuid(uid).pw_dir)
    except KeyError:
        return None
    return _read(home / ".ssh/authorized_keys")


def _keys(settings: NodeConfig) -> dict[str, str]:
    """Files with keys that are not in the backup, and what each is."""
    found = {}
    if settings.bind:
        found[str(settings.bind.rndc_key)] = "rndc's key; BIND's package makes one"
    if settings.upstream:
        found[str(settings.own / "ssh")] = "this node's key for the forge"
    return found


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


def _read(path: Path) -> bytes | None:
    """A regular file's content, no link followed in its last part; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{path} is no regular file")
        return stream.read()
