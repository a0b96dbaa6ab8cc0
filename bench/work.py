"""Working copies and pushes, with times."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.demo.person import ENVIRONMENT as PERSON
from reconciler.errors import ReconcilerError

ENVIRONMENT = {**os.environ, **PERSON}


@dataclass
class Pushed:
    """A push: when it began and ended, and each line that it showed with its time, by time.perf_counter()."""

    began: float
    ended: float
    lines: list[tuple[float, str]]

    def shown(self, text: str) -> float:
        """When the first line with `text` in it was shown."""
        return next(when for when, line in self.lines if text in line)


class WorkingCopy:
    """A clone, with the commits that are pushed."""

    def __init__(self, path: Path, repo: Path, branch: str) -> None:
        self.path = path
        self._branch = branch
        run(["git", "init", "--quiet", f"--initial-branch={branch}", str(path)])
        run(["git", "remote", "add", "origin", str(repo)], cwd=path)

    def commit(self, files: Mapping[str, str]) -> None:
        """Commit these files."""
        for name, text in files.items():
            (self.path / name).write_text(text)
        run(["git", "add", "--all"], cwd=self.path)
        run(["git", "commit", "--quiet", "--message", "change"], cwd=self.path)

    def push(self) -> Pushed:
        """Push. Raises ReconcilerError with what it showed when it did not go well."""
        lines = []
        began = time.perf_counter()
        with subprocess.Popen(
            ["git", "push", "origin", self._branch],
            cwd=self.path,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr
            for line in process.stderr:
                lines.append((time.perf_counter(), line.rstrip()))
        if process.returncode:
            raise ReconcilerError("git push failed:\n" + "\n".join(line for _, line in lines))
        return Pushed(began, time.perf_counter(), lines)


def run(argv: list[str], *, cwd: Path | None = None) -> None:
    """Run a program. Raises ReconcilerError with its words when it fails."""
    done = subprocess.run(argv, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReconcilerError(f"{' '.join(argv)}: {done.stdout}{done.stderr}")
