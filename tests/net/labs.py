"""A lab for tests, and what must not be left of one."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.demo.person import ENVIRONMENT
from reconciler.lab.lab import Lab, append_host
from reconciler.lab.needs import obstacle

RECONCILER = str(Path(sys.executable).parent / "reconciler")


def missing() -> str | None:
    """What these tests need and this machine lacks."""
    return obstacle() or (None if shutil.which("strace") else "strace is not installed")


@contextmanager
def folder() -> Iterator[Path]:
    """A short path, since sockets lie below; nothing may be left of it at the end."""
    path = Path(tempfile.mkdtemp(prefix="rlab", dir="/tmp")) / "lab"
    path.parent.chmod(0o755)
    try:
        yield path
        assert remains(path) == []
    finally:
        Lab(path).down()
        shutil.rmtree(path.parent)


@contextmanager
def running(**options: float) -> Iterator[Lab]:
    """A lab whose state is pushed."""
    with folder() as path:
        lab = Lab(path, **options)
        lab.up()
        lab.clone()
        assert "applied" in lab.run(*lab.git("push", "-u", "origin", "main"))
        yield lab
        lab.down()


def remains(path: Path) -> list[str]:
    """Whatever a lab in that folder has left on this machine."""
    prefix = Lab(path).layout.namespace("")
    listed = {
        "namespace": _said("ip", "netns", "list").splitlines(),
        "mount": Path("/proc/mounts").read_text().splitlines(),
        "loop device": _said("losetup", "--all").splitlines(),
        "process": _said("ps", "-e", "-ww", "-o", "pid=,args=").splitlines(),
    }
    found = [
        f"{what}: {line}" for what, lines in listed.items() for line in lines if f"{path}" in line or prefix in line
    ]
    return found + ([f"folder: {path}"] if path.exists() else [])


def cli(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a `reconciler lab` command, as from another terminal."""
    return subprocess.run(
        [RECONCILER, "lab", "--folder", str(path), *arguments],
        env={**os.environ, **ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


class Push:
    """A push under way."""

    def __init__(self, lab: Lab, line: str) -> None:
        append_host(lab, line, f"Add {line.partition(':')[0]}")
        self.commit = lab.run(*lab.git("rev-parse", "HEAD")).strip()
        self._lab = lab
        self._log = lab.layout.folder / "push.log"
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("wb") as stream:
            return subprocess.Popen(
                self._lab.git("push"),
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def end(self) -> bool:
        """Wait for its end; whether it was acknowledged."""
        return self.process.wait(90) == 0

    @property
    def stored(self) -> bool:
        """Whether the repository has it now."""
        return self.commit in self._lab.run(*self._lab.git("ls-remote", "origin", "refs/heads/main"))

    def again(self) -> bool:
        self.process = self._start()
        return self.end()


def applied(lab: Lab) -> list[str]:
    """The commits in the audit's `Apply` entries, newest first, abbreviated."""
    lab.run(*lab.git("fetch", "--quiet"))
    subjects = lab.run(*lab.git("log", "--format=%s", "origin/audit")).splitlines()
    return [subject.split()[1].rstrip(":") for subject in subjects if subject.startswith("Apply ")]


def _said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
