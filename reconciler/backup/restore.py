"""Putting a backup back onto an empty node: what root has to do, then what the daemon's user does."""

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reconciler import node_setup
from reconciler.backup import archive, facts
from reconciler.backup.facts import Facts
from reconciler.config import NodeConfig
from reconciler.dns import serials, versions
from reconciler.effects import Effects
from reconciler.errors import BadRepository, Refused
from reconciler.git.command import git
from reconciler.manifest import ManifestStore
from reconciler.node_setup import Owner
from reconciler.report import plural
from reconciler.role.always import Always
from reconciler.services.bind import zonefile
from reconciler.services.bind.render import zone_path

AHEAD = 1000
"""More changes than a zone has seen between the backup and the loss: by so much its serial goes beyond the backup's."""

_BESIDE = {facts.DHCP_SCRIPT: "dhcp-script.conf", facts.HA_CONF: "ha.conf"}
_PUSH = re.compile(r"pushes/[0-9a-f]{40}(?:[0-9a-f]{24})?\.json")
_INCLUDED = ("bind/named.conf.reconciler", "dnsmasq/dnsmasq.conf")
_EMPTY = hashlib.sha256(b"").hexdigest()
_GIT = 600.0
_NO_MANIFEST = "the manifest in the backup is not of the form of one"


class Backup(NamedTuple):
    """A backup that was read whole. files: by name inside."""

    files: Mapping[str, bytes]
    facts: Facts


def read(path: Path) -> Backup:
    """Read and check the file. Raises Refused for one that is cut, changed, or no backup."""
    with path.open("rb") as stream:
        data = stream.read(archive.LARGEST + 1)
    files = archive.unpack(data, str(path))
    return Backup(files, facts.read(files, str(path)))


def check_free(backup: Backup, settings: NodeConfig) -> None:
    """Raise Refused where something lies in the places that the backup is to go: nothing is written over."""
    if found := _obstacles(backup, settings):
        raise Refused("nothing is written over what exists; move it away first: " + "; ".join(found))


@contextlib.contextmanager
def alone(backup: Backup, settings: NodeConfig) -> Iterator[None]:
    """Let nobody else restore here meanwhile. The state folder is there. Raises Refused; also where all is done."""
    descriptor = os.open(settings.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another `reconciler restore` is at work in {settings.state}") from None
        check_free(backup, settings)
        yield
    finally:
        os.close(descriptor)


def _obstacles(backup: Backup, settings: NodeConfig) -> list[str]:
    found = [f"{path} is not empty" for path in (settings.repo, settings.state) if _holds_something(path)]
    for number, path in enumerate(_lease_files(settings)):
        wanted = backup.files.get(f"{facts.LEASES}{number}")
        if wanted is not None and path.exists() and path.read_bytes() not in (b"", wanted):
            found.append(f"{path} has leases")
    if settings.bind is not None and _holds_something(settings.bind.directory / "zones"):
        found.append(f"{settings.bind.directory / 'zones'} has zones")
    return found


def write_settings(backup: Backup, config: Path, who: Owner) -> Iterator[str]:
    """node.yaml and what lay beside it, as `reconciler init` would; what is there stays. For root."""
    yield from node_setup.write_config(config, backup.files[facts.NODE_YAML].decode(), who)
    # On the node's own disk.
    effects = Effects(Always(), helper=Path(os.devnull))
    for inside, name in _BESIDE.items():
        path = config.with_name(name)
        if inside in backup.files and not path.exists():
            effects.replace(path, backup.files[inside], mode=0o644)
            yield f"wrote {path}"


def write_leases(backup: Backup, settings: NodeConfig) -> Iterator[str]:
    """The lease files, for root: their server opens them as root, and takes them over."""
    for number, path in enumerate(_lease_files(settings)):
        data = backup.files.get(f"{facts.LEASES}{number}")
        if data is not None:
            # An empty one may belong to the server's user already.
            owner = (path.stat().st_uid, path.stat().st_gid) if os.geteuid() == 0 and path.exists() else None
            effects = node_setup.before_role(settings)
            effects.make_folder(path.parent, mode=0o755)
            effects.replace(path, data, mode=0o644, owner=owner)
            yield f"wrote {path}"


def write_rest(backup: Backup, settings: NodeConfig, config: Path, who: Owner) -> Iterator[str]:
    """Repository, state, zones, and who may push; as the daemon's user. On a failure nothing of it is left."""
    try:
        yield from node_setup.make_repository(settings, config)
        yield from _fetch(backup, settings)
        yield from _write_state(backup, settings)
    except BaseException:
        # They were empty, as `check_free` has seen.
        zones = [settings.bind.directory / "zones"] if settings.bind else []
        for folder in (settings.repo, settings.state, *zones):
            _empty(folder)
        raise
    keys = Path(pwd.getpwuid(who.uid).pw_dir) / ".ssh/authorized_keys"
    if facts.AUTHORIZED_KEYS in backup.files and who.uid != 0 and not keys.exists():
        effects = node_setup.before_role(settings)
        effects.make_folder(keys.parent, mode=0o700)
        effects.replace(keys, backup.files[facts.AUTHORIZED_KEYS], mode=0o600)
        yield f"wrote {keys}"


def _fetch(backup: Backup, settings: NodeConfig) -> Iterator[str]:
    if facts.BUNDLE not in backup.files:
        return
    effects, repo = node_setup.before_role(settings), settings.repo
    path = repo / "restore.bundle"
    effects.replace(path, backup.files[facts.BUNDLE], mode=0o600)
    try:
        argv = git(repo, "-c", "fetch.fsckObjects=true", "fetch", "--quiet", "--no-write-fetch-head", str(path))
        done = effects.run([*argv, "+refs/*:refs/*"], timeout=_GIT, cwd=Path("/"))
    finally:
        effects.unlink(path)
    listed = effects.run(git(repo, "for-each-ref", "--format=%(refname) %(objectname)"), timeout=_GIT, cwd=Path("/"))
    found = dict(line.split(" ") for line in listed.stdout.splitlines())
    if done.code or listed.code or found != backup.facts.refs:
        raise BadRepository(f"the repository in the backup cannot be used: {done.text or 'its refs are others'}")
    yield f"restored {plural(len(found), 'ref')} with all history to {repo}"


def _write_state(backup: Backup, settings: NodeConfig) -> Iterator[str]:
    effects, folder = node_setup.before_role(settings), settings.state
    manifest = f"{facts.STATE}manifest.json"
    known = _contents(backup.files.get(manifest))
    for name, data in backup.files.items():
        inside = name.removeprefix(facts.STATE)
        if name in (inside, manifest):
            continue
        if inside in known or inside in ("leases.json", "paused") or _PUSH.fullmatch(inside):
            effects.make_folder((folder / inside).parent)
            effects.replace(folder / inside, data)
    if manifest in backup.files:
        effects.replace(folder / "manifest.json", _raised(backup.files[manifest], backup.facts.serials))
    deployed = ManifestStore(folder).load()
    if settings.bind is not None:
        for name, zone in deployed.zones.items():
            text = backup.files.get(facts.ZONES + versions.filename(name))
            if text is not None:
                # Read and written anew: a master file can name other files.
                content = zonefile.parse(name, text.decode("utf-8", "replace"))
                path = zone_path(settings.bind.directory, name)
                effects.replace(path, content.zone.text(zone.serial).encode(), mode=zonefile.MODE)
    yield f"restored what was deployed: {plural(len(deployed.zones), 'zone')}, serials {AHEAD} beyond the backup's"


def _contents(manifest: bytes | None) -> set[str]:
    """Files below the state folder that the manifest refers to."""
    try:
        zones = json.loads(manifest or b"{}").get("zones", {})
        return {f"zones/{versions.filename(name)}.{item['digest'][:16]}" for name, item in zones.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(_NO_MANIFEST) from None


def _raised(data: bytes, known: Mapping[str, int]) -> bytes:
    """The manifest with serials beyond all that may have been served since, and no files: they are written anew."""
    document: dict[str, Any] = json.loads(data)
    try:
        for name, item in document.get("zones", {}).items():
            item["serial"] = _beyond(known.get(name, 0))
        document["retired"] = {name: _beyond(known.get(name, 0)) for name in document.get("retired", {})}
        # Empty as `make_repository` has just written them; all others are not there.
        document["files"] = {name: _EMPTY for name in document.get("files", {}) if name in _INCLUDED}
    except TypeError:
        raise Refused(_NO_MANIFEST) from None
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _beyond(serial: int) -> int:
    # No server keeps a serial of 0.
    return (serials.add(serial % serials.SIZE, AHEAD) or 1) if serial else 0


def secrets(backup: Backup, settings: NodeConfig) -> list[tuple[str, bool]]:
    """Each secret that is in no backup, for a person, and whether it is there."""
    named = [(settings.secrets / name, "") for name in backup.facts.secrets]
    others = [(Path(path), f" ({what})") for path, what in backup.facts.keys.items()]
    return [(f"{path}{what}", path.exists()) for path, what in (*named, *others)]


def _lease_files(settings: NodeConfig) -> tuple[Path, ...]:
    return settings.lease_source.files if settings.lease_source else ()


def _holds_something(path: Path) -> bool:
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def _empty(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
