"""Fetching from and pushing to the forge that holds the state repository.

What it sends is hostile: objects are received beside the repository's own, checked and bounded, and only what is whole
is moved in. git never asks anybody anything, ends within a time, and speaks only the protocols of `forge`.
"""

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from reconciler.effects import Effects
from reconciler.errors import BadRepository, Refused, Temporary
from reconciler.git import forge
from reconciler.git.command import git
from reconciler.git.repo import StateRepo
from reconciler.tools import Completed

PATIENCE = 90
"""Seconds for one conversation; a `reconciler fetch` waits a little longer."""
MAX_BYTES = 256 * 1024 * 1024
"""Of what is received at once, like `receive.maxInputSize` for a push."""

_KILL_AFTER = 5
_OBJECT_ID = re.compile(r"[0-9a-f]{40}")
_TOO_LARGE = re.compile(r"signal 25|File too large|File size limit")
_SSH = ("BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=2", "IdentitiesOnly=yes")

_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsync": "all",
    "transfer.fsckObjects": "true",
    "fetch.fsckObjects": "true",
    # Always one pack, whose size is bounded; never thousands of loose objects.
    "fetch.unpackLimit": "1",
    "fetch.recurseSubmodules": "false",
    "push.recurseSubmodules": "no",
    "submodule.recurse": "false",
    "fetch.writeCommitGraph": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "30",
}

_QUIETLY = {
    "GIT_ALLOW_PROTOCOL": ":".join(forge.PROTOCOLS),
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "LC_ALL": "C",
}


def tracking(ref: str) -> str:
    """The ref that says what upstream's `ref` (full name) was when it was last fetched or pushed."""
    return f"refs/upstream/{ref.removeprefix('refs/')}"


class Upstream:
    """The forge at `url`, for the bare repository `repo` on this node's own disk.

    own: effects on that disk. home: folder there with what lets us in: `ssh/id_ed25519`, `ssh/known_hosts`, for https
    `.gitconfig` with a credential helper; the account's own home may lie on the shared disk. Every method raises
    Temporary when the forge gives no (good) answer. Not for two threads at once.
    """

    def __init__(self, repo: Path, url: str, own: Effects, *, home: Path) -> None:
        self.shown = forge.shown(url)
        self._repo = repo
        self._url = url
        self._own = own
        self._home = home
        self._reader = StateRepo(repo)
        self._incoming = repo / "objects/upstream"

    def listed(self, patterns: Iterable[str]) -> dict[str, str]:
        """What refs there are: object id by full name. patterns: full names, or with `*`."""
        result = self._git(self._own, "ls-remote", "--refs", "--", self._url, *patterns)
        if result.code:
            raise Temporary(f"{self.shown} cannot be read: {self._words(result)}")
        lines = (line.partition("\t") for line in result.stdout.splitlines())
        return {ref: found for found, _, ref in lines if _OBJECT_ID.fullmatch(found)}

    def fetch(self, refs: Mapping[str, str]) -> None:
        """Get these refs, as `listed` gave them, and note them under their `tracking` names.

        Raises Refused for what is too large or no sound git history.
        """
        moved = {ref: new for ref, new in refs.items() if self._reader.ref(tracking(ref)) != new}
        if not moved:
            return
        self._clear()
        self._own.make_folder(self._incoming, mode=0o700)
        try:
            self._receive(moved)
            self._take_in()
        finally:
            self._clear()
        self._note(moved)

    def forget(self, ref: str) -> None:
        """Upstream has no such ref any more."""
        self._local("update-ref", "-d", tracking(ref))

    def push(self, refs: Mapping[str, str], outside: Effects) -> dict[str, str]:
        """Have upstream move refs to these commits, forward only; why it did not, by ref.

        outside: effects that ask for the role of the pair.
        """
        outside.check(f"push history to {self.shown}")
        specs = (f"{new}:{ref}" for ref, new in refs.items())
        options = ("--porcelain", "--no-verify", "--no-follow-tags", "--no-signed")
        result = self._git(outside, "push", *options, "--", self._url, *specs)
        rejected: dict[str, str] = {}
        for line in result.stdout.splitlines():
            flag, _, rest = line.partition("\t")
            spec, _, reason = rest.partition("\t")
            if flag == "!":
                rejected[spec.partition(":")[2]] = forge.scrub(reason, self._url)
        if result.code and not rejected:
            raise Temporary(f"{self.shown} does not take history: {self._words(result)}")
        self._note({ref: new for ref, new in refs.items() if ref not in rejected})
        return rejected

    def _receive(self, refs: Mapping[str, str]) -> None:
        """Into a folder of its own: what a broken or endless answer leaves behind is thrown away whole."""
        # A dry run receives and checks the objects and moves no ref.
        options = ("--dry-run", "--quiet", "--no-tags", "--refmap=", "--no-recurse-submodules", "--no-write-fetch-head")
        result = self._git(self._own, "fetch", *options, "--", self._url, *refs, environment=self._quarantine())
        if result.code:
            words = self._words(result)
            if _TOO_LARGE.search(result.text):
                raise Refused(f"{self.shown} sends more than {MAX_BYTES // 2**20} MiB at once: {words}")
            if "fsck error" in result.text or "not properly formatted" in result.text:
                raise Refused(f"{self.shown} sends objects that are not sound: {words}")
            raise Temporary(f"{self.shown} cannot be fetched: {words}")
        ids = sorted(set(refs.values()))
        whole = self._git(
            self._own,
            "rev-list",
            "--objects",
            "--quiet",
            *ids,
            "--not",
            "--all",
            environment=self._quarantine(),
            network=False,
        )
        if whole.code:
            raise Temporary(f"{self.shown} did not send what it had listed; perhaps it moved meanwhile")

    def _quarantine(self) -> dict[str, str]:
        return {
            "GIT_OBJECT_DIRECTORY": str(self._incoming),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self._repo / "objects"),
        }

    def _take_in(self) -> None:
        """Move the packs in; the index last, since it is what makes git look at a pack (git-index-pack(1))."""
        for suffix in (".pack", ".rev", ".idx"):
            for path in sorted((self._incoming / "pack").glob(f"pack-*{suffix}")):
                self._own.swap(path, self._repo / "objects/pack" / path.name)

    def _clear(self) -> None:
        for path in sorted(self._incoming.rglob("*")):
            if not path.is_dir():
                self._own.unlink(path)

    def _note(self, refs: Mapping[str, str]) -> None:
        lines = "".join(f"update {tracking(ref)} {new}\n" for ref, new in refs.items())
        if lines:
            self._local("update-ref", "--stdin", stdin=lines.encode())

    def _local(self, *arguments: str, stdin: bytes = b"") -> None:
        command = git(self._repo, "-c", f"core.hooksPath={os.devnull}", *arguments)
        result = self._own.run(command, stdin=stdin, cwd=Path(os.sep))
        if result.code:
            raise BadRepository(f"{self._repo}: git {arguments[0]} failed: {result.text}")

    def _git(
        self, effects: Effects, *arguments: str, environment: Mapping[str, str] | None = None, network: bool = True
    ) -> Completed:
        """Run git with nobody to ask, bounded in time and size."""
        variables = {**_QUIETLY, "HOME": str(self._home), "XDG_CONFIG_HOME": str(self._home), **(environment or {})}
        if "GIT_SSH_COMMAND" not in os.environ:
            variables["GIT_SSH_COMMAND"] = self._ssh()
        settings = (part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}"))
        # timeout(1) ends git's helpers with it, also where this program has been killed meanwhile.
        argv = [
            *("timeout", f"--kill-after={_KILL_AFTER}", str(PATIENCE)),
            *("prlimit", f"--fsize={MAX_BYTES}", "--core=0"),
            *("env", *(f"{name}={value}" for name, value in variables.items())),
            *git(self._repo, *settings, *arguments),
        ]
        result = effects.run(argv, timeout=PATIENCE + 2 * _KILL_AFTER, cwd=Path(os.sep))
        if network and result.code in (124, 137):
            raise Temporary(f"{self.shown} gave no answer for {PATIENCE} s")
        return result

    def _ssh(self) -> str:
        """ssh with nobody to ask, and without looking into the account's home; git has a shell run it."""
        files = (f"UserKnownHostsFile={self._home}/ssh/known_hosts", f"IdentityFile={self._home}/ssh/id_ed25519")
        return shlex.join(["ssh", "-F", "none", *(part for option in (*_SSH, *files) for part in ("-o", option))])

    def _words(self, result: Completed) -> str:
        text = result.text or f"git ended with code {result.code} and no word"
        return forge.scrub(text, self._url)
