"""Setting a node up: folders with their owners, the repository, a TSIG key. Doing it again harms nothing.

What needs root comes first; then root's rights are given up for good, since root must never run git in a
repository that somebody else may write to.
"""

import grp
import os
import pwd
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler import folder, node_role, tools
from reconciler.config import DnsmasqSettings, NodeConfig
from reconciler.effects import Effects
from reconciler.errors import ConfigError, ReconcilerError
from reconciler.git import setup
from reconciler.git.command import git
from reconciler.git.fastimport import NewCommit, encode
from reconciler.role import mount
from reconciler.role.always import Always
from reconciler.role.here import Here
from reconciler.services.bind.keys import new_key_text
from reconciler.services.dnsmasq.render import CONF, IDLE

DHCP_SCRIPT = Path("/usr/lib/reconciler/reconciler-dhcp-script")
"""Where an installed dhcp-script is."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The account that daemon, repository and hooks belong to."""

    name: str
    uid: int
    gid: int


def owner(name: str | None) -> Owner:
    """The account called `name`; by default `reconciler` for root, else whoever runs this."""
    if os.geteuid() != 0:
        entry = pwd.getpwuid(os.geteuid())
        if name not in (None, entry.pw_name):
            raise ConfigError(f"only root can set up a node for user {name}; use sudo")
        return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid)
    wanted = name or "reconciler"
    try:
        entry = pwd.getpwnam(wanted)
    except KeyError:
        raise ConfigError(
            f"there is no user {wanted}; systemd/reconciler.sysusers makes `reconciler` (README.md, Installing on one "
            "node), or name another with --user"
        ) from None
    return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid)


def write_config(path: Path, text: str, who: Owner) -> Iterator[str]:
    """node.yaml and the secrets folder; an existing node.yaml stays as it is."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.exists():
        yield f"kept {path}"
    else:
        Effects(Always(), helper=Path(os.devnull)).replace(path, text.encode(), mode=0o644)
        yield f"wrote {path}"
    secrets = path.parent / "secrets"
    if not secrets.exists():
        secrets.mkdir(mode=0o750)
        _own(secrets, -1, who.gid)
        yield f"created {secrets}"


def write_script_settings(settings: NodeConfig, config: Path) -> Iterator[str]:
    """What dnsmasq's dhcp-script needs to know, beside node.yaml; root's alone to change, for root runs the script."""
    path = config.with_name("dhcp-script.conf")
    if settings.dnsmasq is None or settings.dnsmasq.dhcp_script is None:
        return
    if path.exists():
        yield f"kept {path}"
        return
    text = f"control {settings.control}\nleases {settings.dnsmasq.lease_file}\n"
    Effects(Always(), helper=Path(os.devnull)).replace(path, text.encode(), mode=0o644)
    yield f"wrote {path}"


def make_own(settings: NodeConfig, who: Owner) -> Iterator[str]:
    """On a pair, and for what lets us in at an upstream: the folder on the node's own disk."""
    if (settings.role != "always" or settings.upstream is not None) and not settings.own.exists():
        settings.own.mkdir(parents=True)
        _own(settings.own, who.uid, who.gid)
        settings.own.chmod(0o750)
        yield f"created {settings.own}"


def missing_disk(settings: NodeConfig) -> str:
    """Why what lies on the shared disk cannot be made here, "" where it can."""
    found = mount.conditions(settings.mount) if settings.mount else ()
    return "; ".join(condition.text for condition in found if not condition.met)


def make_folders(settings: NodeConfig, root: Path, who: Owner) -> Iterator[str]:
    """Everything below `root`: the daemon's user owns it, the servers' groups read or write where they must."""
    bind_group = _group("bind", who.gid)
    wanted = [(root, 0o755, who.gid), (settings.state, 0o750, who.gid)]
    if settings.bind:
        wanted.append((settings.bind.directory, 0o2750, bind_group))
        wanted.append((settings.bind.directory / "zones", 0o2770, bind_group))
    for server in _dnsmasqs(settings):
        wanted += [(folder, 0o755, who.gid) for folder in _new(server.directory)]
        if server.lease_file.is_relative_to(root):
            # dnsmasq makes the file while it is root, and gives it to its own user (dnsmasq(8), --dhcp-leasefile).
            wanted.append((server.lease_file.parent, 0o755, who.gid))
    if not settings.repo.exists():
        wanted.append((settings.repo, 0o700, who.gid))
    for path, mode, gid in wanted:
        if not path.exists():
            path.mkdir(parents=True)
            _own(path, who.uid, gid)
            path.chmod(mode)
            yield f"created {path}"


def _dnsmasqs(settings: NodeConfig) -> list[DnsmasqSettings]:
    """The main one, and those of isolated networks."""
    own = settings.dnsmasq
    return [own, *map(own.instance, own.isolated)] if own else []


def _new(path: Path) -> list[Path]:
    """The folder, after the one above it where that is not there either: both are the daemon's."""
    return [*([] if path.parent.exists() else [path.parent]), path]


def become(who: Owner) -> None:
    """Give up root's rights for those of `who`; nothing happens where we are that user already."""
    if drop_rights(who):
        for needed in (os.__file__, __file__):
            if not os.access(needed, os.R_OK):
                raise ConfigError(
                    f"user {who.name} cannot read {needed}, so neither daemon nor hooks could run; install this "
                    "program where everybody can read it, such as /opt/reconciler, and run this again"
                )


def drop_rights(who: Owner) -> bool:
    """The same, without a look at whether all of this program can be read after it; whether anything was to be done."""
    if os.geteuid() != 0 or who.uid == 0:
        return False
    os.initgroups(who.name, who.gid)
    os.setgid(who.gid)
    os.setuid(who.uid)
    os.environ["HOME"] = pwd.getpwuid(who.uid).pw_dir
    # git wants to see the folder it is started in, and root's own may be closed to others.
    os.chdir("/")
    return True


def before_role(settings: NodeConfig) -> Effects:
    """Effects of a set-up: nobody is primary yet, but the shared disk, if there is one, has to be here."""
    return Effects(Here(node_role.disk(settings)), helper=settings.helper)


def make_repository(settings: NodeConfig, config: Path) -> Iterator[str]:
    """The bare repository with hooks, BIND's key, and empty files where the servers' configuration includes ours."""
    effects = before_role(settings)
    fallback = [sys.executable, "-m", "reconciler.cli.main", "hook", "pre-receive", "--config", str(config.resolve())]
    yield from setup.create(
        settings.repo, branch=settings.branch, control=settings.control, fallback=fallback, effects=effects
    )
    wanted: list[tuple[Path, str, int]] = []
    if settings.bind:
        wanted.append((settings.bind.directory / "reconciler.key", new_key_text(), 0o640))
        wanted.append((settings.bind.directory / "named.conf.reconciler", "", 0o640))
    for server in _dnsmasqs(settings):
        # An empty file would have a further dnsmasq answer on all interfaces.
        text = "" if server is settings.dnsmasq else IDLE.content.decode()
        wanted.append((server.directory / CONF, text, 0o644))
    for path, text, mode in wanted:
        if not path.exists():
            effects.replace(path, text.encode(), mode=mode)
            yield f"wrote {path}"


def first_commit(settings: NodeConfig, example: Path, who: Owner) -> Iterator[str]:
    """Commit the example state, where the branch has no commit yet."""
    ref = f"refs/heads/{settings.branch}"
    if tools.run([*git(settings.repo, "rev-parse", "--verify", "--quiet", ref)]).code == 0:
        yield f"branch {settings.branch} has commits already, so the example is left out"
        return
    files = {path: blob.data for path, blob in folder.read(example).items()}
    commit = NewCommit(
        ref=ref,
        parent=None,
        identity=f"{who.name} <{who.name}@{settings.node}>",
        when=int(time.time()),
        message="Begin with the example state\n",
        files=files,
    )
    argv = git(settings.repo, "fast-import", "--quiet", "--done")
    result = before_role(settings).run(argv, stdin=encode([commit]))
    if result.code:
        raise ReconcilerError(f"the first commit could not be made: {result.text}")
    yield f"committed the example ({len(files)} files) to branch {settings.branch}"


def _own(path: Path, uid: int, gid: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, uid, gid)


def _group(name: str, default: int) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return default
