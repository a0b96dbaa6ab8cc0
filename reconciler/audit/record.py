"""Writing the audit: one `git fast-import` process per entry."""

import os
import time
from pathlib import Path

from reconciler import tools
from reconciler.audit import entry as texts
from reconciler.audit.entry import Entry
from reconciler.effects import Effects
from reconciler.errors import BadRepository, Temporary
from reconciler.git.command import git
from reconciler.git.fastimport import NewCommit, encode
from reconciler.git.repo import StateRepo

NOTES_REF = "refs/notes/reconciler"

_SETTINGS = (
    # Our own writing asks no hook.
    *("-c", "core.hooksPath=/dev/null"),
    # One small pack: two files and two fsyncs in place of a dozen loose objects.
    *("-c", "fastimport.unpackLimit=1"),
    *("-c", "core.fsync=all"),
)


class Audit:
    """The audit branch of a state repository, and the notes on its state commits."""

    def __init__(self, repo: Path, effects: Effects, *, node: str, branch: str = "audit") -> None:
        self._repo = repo
        self._reader = StateRepo(repo)
        self._effects = effects
        self._ref = f"refs/heads/{branch}"
        self._identity = texts.identity(node)

    def tip(self) -> str | None:
        """Newest audit commit; None before the first, whose entry must hold everything that is deployed."""
        return self._reader.ref(self._ref)

    def tree(self) -> str | None:
        """Id of the newest audit commit's content; equal ids, equal files."""
        tip = self.tip()
        if tip is None:
            return None
        found = tools.run(git(self._repo, "rev-parse", "--verify", "--quiet", f"{tip}^{{tree}}"), cwd=Path("/"))
        return found.stdout.strip() or None

    def record(self, entry: Entry, *, when: int | None = None) -> str:
        """Append an entry, durably; return its commit id. when: Unix time of the commit, now if left out.

        Notes on commits that are not in the repository are left out. Raises BadRepository when git cannot
        write it; what has been applied stays valid.
        """
        when = int(time.time()) if when is None else when
        result = self._write(self._commits(entry, when))
        written = result.stdout.strip()
        if result.code:
            # Perhaps somebody else moved the branch, or a state commit is gone: look again, once.
            present = {commit: text for commit, text in entry.notes.items() if self._has(commit)}
            commits = self._commits(Entry(entry.subject, entry.trailers, entry.body, entry.files, present), when)
            if written and written == self.tip():
                # git moves one ref after the other: the entry is in, only the notes are not.
                result = self._write(commits[1:])
            else:
                result = self._write(commits)
                written = result.stdout.strip()
        if result.code:
            reason = "; ".join(line for line in result.text.splitlines() if "crash report" not in line)
            raise BadRepository(
                f"{self._repo}: the audit could not be written to {self._ref}: {reason}; what was "
                f"applied stays; `git -C {self._repo} fsck` tells more"
            )
        self._make_durable()
        return written

    def _write(self, commits: list[NewCommit]) -> tools.Completed:
        if not commits:
            return tools.Completed(0, b"", "")
        stream = encode(commits)
        command = git(self._repo, *_SETTINGS, "fast-import", "--quiet", "--done", "--date-format=raw")
        try:
            result = self._effects.run(command, stdin=stream, timeout=120, cwd=Path("/"))
        except Temporary as error:
            raise BadRepository(f"{self._repo}: the audit was not written: {error}") from error
        if result.code:
            for report in self._repo.glob("fast_import_crash_*"):
                self._effects.unlink(report)
        return result

    def _commits(self, entry: Entry, when: int) -> list[NewCommit]:
        commits = [NewCommit(self._ref, self.tip(), self._identity, when, texts.message(entry), files=entry.files)]
        if entry.notes:
            notes = {commit: texts.note(text) for commit, text in entry.notes.items()}
            parent = self._reader.ref(NOTES_REF)
            commits.append(NewCommit(NOTES_REF, parent, self._identity, when, "outcome of an apply\n", notes=notes))
        return commits

    def _make_durable(self) -> None:
        """git has synced the files' contents, not that they are named so (fsync(2))."""
        folders = (
            str(folder) for ref in (self._ref, NOTES_REF) for folder in Path(ref).parents if len(folder.parts) > 1
        )
        for name in ("objects/pack", *folders):
            if (self._repo / name).is_dir():
                descriptor = os.open(self._repo / name, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def _has(self, commit: str) -> bool:
        return tools.run(git(self._repo, "cat-file", "-e", f"{commit}^{{commit}}")).code == 0
