"""The argument list of a git command on the state repository."""

from pathlib import Path


def git(repo: Path, *arguments: str) -> list[str]:
    """`git ARGUMENTS` on `repo`; replace refs are ignored, no lock is taken only to look."""
    return ["git", f"--git-dir={repo}", "--no-replace-objects", "--no-optional-locks", *arguments]
