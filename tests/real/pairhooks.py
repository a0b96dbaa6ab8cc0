"""The pair's scripts as a node has them: settings of their own, a stand-in for `reconciler`, a disk that is a tmpfs."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
USER = "nobody"
"""Stands for the daemon's user."""


class PairHooks:
    """Settings below `folder`; `calls` is what the stand-in was called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mount = folder / "disk"
        self.role = folder / "run/role"
        self.calls_file = folder / "calls"
        self.program = folder / "reconciler"
        self.conf = folder / "ha.conf"
        self.yaml = folder / "node.yaml"
        for path in (self.mount, self.role.parent, folder / "bin"):
            path.mkdir()
        self.yaml.write_text(f"node: a\nmount: {self.mount}  # the disk\nrole_file: '{self.role}'\n")
        self.configure()
        self.stand_in("exit 0")

    def configure(self, **more: str) -> None:
        values = {
            "RECONCILER": str(self.program),
            "NODE_YAML": str(self.yaml),
            "RECONCILER_USER": USER,
            "RUN": str(self.folder / "ha"),
            **more,
        }
        self.conf.write_text("".join(f'{name}="{value}"\n' for name, value in values.items()))

    def stand_in(self, body: str, program: Path | None = None) -> None:
        """A program that notes how it was called, then does `body`."""
        program = program or self.program
        program.write_text(f'#!/bin/sh\necho "${{0##*/}} $*" >>{self.calls_file}\n{body}\n')
        program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def environment(self, **more: str) -> dict[str, str]:
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return {"PATH": path, "RECONCILER_HOOKS": str(HOOKS), "RECONCILER_HA_CONF": str(self.conf), **more}

    def start(self, script: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(HOOKS / script), *arguments],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(script, *arguments)
        out, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    def owned(self, script: str, *arguments: str) -> bool:
        """As heartbeat judges: we_own_resource of its ResourceManager, by what `status` prints."""
        done = self.call(script, *arguments, "status")
        judge = "case $1 in *[Nn][Oo][Tt]\\ *[Rr]unning*) exit 3;; *[Rr]unning*|*OK*) exit 0;; *) exit 3;; esac"
        code = subprocess.run(["sh", "-c", judge, "sh", done.stdout], check=False).returncode
        assert (code == 0) == (done.returncode == 0), done
        return code == 0

    @contextmanager
    def mounted(self) -> Iterator[None]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=777", "disk", str(self.mount)], check=True)
        try:
            yield
        finally:
            if os.path.ismount(self.mount):
                subprocess.run(["umount", "-l", str(self.mount)], check=True)

    @contextmanager
    def holder(self, code: str, *, user: str = USER, cwd: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
        """A Python process of `user` that does `code`, says so, and stays."""
        identity = pwd.getpwnam(user)
        process = subprocess.Popen(
            ["/usr/bin/python3", "-Ic", f"import mmap, signal, time\n{code}\nprint(1, flush=True)\ntime.sleep(300)"],
            cwd=cwd or "/",
            user=identity.pw_uid,
            group=identity.pw_gid,
            extra_groups=[],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout and process.stdout.readline() == "1\n"
            yield process
        finally:
            process.kill()
            process.communicate()
