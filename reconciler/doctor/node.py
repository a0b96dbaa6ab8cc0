"""What every check is given: the node's settings and role, and ways to look further."""

import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler import node_role
from reconciler.config import NodeConfig
from reconciler.doctor.finding import command
from reconciler.effects import Effects
from reconciler.role.base import Role, RoleReport
from reconciler.site import Site

_USER = "reconciler"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Node:
    """config: the file that `settings` were read from. daemon: who the daemon runs as, None where that is not known.

    status: asks the daemon for its status; raises ReconcilerError when none answers. site: builds anew what is
    deployed, None where nothing is or it cannot be built. system: where this machine's own files begin, `/`. now: Unix
    time, seconds.
    """

    config: Path
    settings: NodeConfig
    role: RoleReport
    daemon: Account | None
    status: Callable[[], dict[str, Any]]
    site: Callable[[], Site | None]
    system: Path = Path("/")
    now: float = field(default_factory=time.time)

    @property
    def primary(self) -> bool:
        """Whether this node may look at the shared disk and ask the servers."""
        return self.role.role is Role.PRIMARY

    @property
    def root(self) -> bool:
        """Whether everything can be seen."""
        return os.geteuid() == 0

    @property
    def who(self) -> str:
        """The daemon's user, for commands."""
        return self.daemon.name if self.daemon else _USER

    @property
    def effects(self) -> Effects:
        """What runs rndc: it looks at the role before."""
        return Effects(node_role.provider(self.settings), helper=self.settings.helper)

    def command(self, *words: str) -> str:
        """A reconciler command for this node, to be copied."""
        options: list[str] = []
        if words[0] == "init" and self.who != _USER:
            options = ["--user", self.who]
        return command(self.config, *words, *options)


def account_of(uid: int) -> Account | None:
    """The account with this number."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def account(name: str) -> Account | None:
    """The account of this name."""
    try:
        return account_of(pwd.getpwnam(name).pw_uid)
    except KeyError:
        return None


def daemon_account(settings: NodeConfig) -> Account | None:
    """Who the daemon runs as: the owner of its socket, or else user `reconciler`, or else the owner of our files.

    Touches the shared disk of a pair never.
    """
    ours = settings.repo if settings.role == "always" else settings.own
    try:
        return account_of(settings.control.stat().st_uid)
    except OSError:
        known = account(_USER)
    if known is not None:
        return known
    try:
        return account_of(ours.stat().st_uid)
    except OSError:
        return None
