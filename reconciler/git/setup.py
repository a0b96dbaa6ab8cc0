"""Making and repairing the state repository: settings and hooks. Doing it again harms nothing."""

import os
from collections.abc import Sequence
from pathlib import Path

from reconciler import tools
from reconciler.effects import Effects
from reconciler.errors import BadRepository
from reconciler.git import hooks
from reconciler.git.command import git

CONTROL_FILE = "reconciler.control"
FALLBACK_FILE = "reconciler.fallback"
_MODE = 0o755


def settings(repo: Path) -> dict[str, str]:
    """git-config(1) settings of a state repository."""
    return {
        # By default git leaves loose objects and refs to the page cache when it reports success.
        "core.fsync": "all",
        "core.fsyncmethod": "fsync",
        "core.logallrefupdates": "true",
        # Against a setting in the user's or the system's file, which would switch our hooks off.
        "core.hookspath": str(repo / "hooks"),
        # The daemon collects garbage when it has time; a push never waits for it.
        "receive.autogc": "false",
        "gc.auto": "0",
        "maintenance.auto": "false",
        "receive.advertisepushoptions": "true",
        "receive.maxinputsize": "256m",
        "transfer.fsckobjects": "true",
    }


def create(repo: Path, *, branch: str, control: Path, fallback: Sequence[str], effects: Effects) -> list[str]:
    """Make the bare repository, or bring an existing one up to date. Returns what was done, for a person.

    control: the daemon's socket. fallback: the command that judges a push when the daemon is not running, an
    absolute path first; git's pre-receive input on stdin. Raises BadRepository when something else is in the
    way.
    """
    done = _initialise(repo, branch, effects)
    done += _configure(repo, effects)
    for name, content in hooks.contents().items():
        done += _install(repo / "hooks" / name, content, _MODE, effects)
    done += _install(repo / CONTROL_FILE, f"{control}\n".encode(), 0o644, effects)
    lines = "".join(f"{argument}\n" for argument in fallback)
    done += _install(repo / FALLBACK_FILE, lines.encode(), 0o644, effects)
    return done


def _initialise(repo: Path, branch: str, effects: Effects) -> list[str]:
    done = []
    if not (repo / "HEAD").exists():
        if repo.exists() and (not repo.is_dir() or any(repo.iterdir())):
            raise BadRepository(f"{repo} exists and is no git repository; move it away or choose another path")
        effects.make_folder(repo, mode=0o700)
        _git(effects, repo, "init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}")
        done.append(f"made a git repository of {repo}")
    if (repo / ".git").exists() or not (repo / "objects").is_dir():
        raise BadRepository(f"{repo} is no bare git repository; move it away or choose another path")
    if (repo / "HEAD").read_text().strip() != f"ref: refs/heads/{branch}":
        _git(effects, repo, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
        done.append(f"HEAD names {branch}")
    effects.make_folder(repo / "hooks", mode=0o755)
    return done


def _configure(repo: Path, effects: Effects) -> list[str]:
    listed = tools.run(["git", "config", "--file", str(repo / "config"), "--list", "-z"])
    if listed.code:
        raise BadRepository(f"{repo / 'config'} cannot be read: {listed.text}")
    present = dict(entry.partition("\n")[::2] for entry in listed.stdout.split("\0"))
    differing = {key: value for key, value in settings(repo).items() if present.get(key) != value}
    for key, value in differing.items():
        _git(effects, repo, "config", "--replace-all", key, value)
    return [f"configured git for durable pushes ({len(differing)} settings)"] if differing else []


def _install(path: Path, content: bytes, mode: int, effects: Effects) -> list[str]:
    if path.is_file() and path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
        return []
    if path.is_symlink() or path.is_dir():
        raise BadRepository(f"{path} is in the way of our own file; move it away")
    effects.replace(path, content, mode=mode)
    return [f"installed {path.name}"]


def _git(effects: Effects, repo: Path, *arguments: str) -> None:
    result = effects.run(git(repo, *arguments), cwd=Path(os.sep))
    if result.code:
        raise BadRepository(f"git {arguments[0]} on {repo} failed: {result.text}")
