"""This working tree on a small read-only disk for the machines: a clone's files, and the package built."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AT = "/mnt/project"
"""Where the machines mount the disk; `source/` is the working tree, `wheels/` has the built package."""
SIZE = 64
"""MiB; what is not used takes no place."""


def disk(folder: Path) -> Path:
    """Make the disk in `folder`; the file with it."""
    tree, source = folder / "disk", folder / "disk" / "source"
    source.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    # Deleted files are listed too; folders that are links are files to git.
    there = b"\0".join(name for name in listed.split(b"\0") if name and os.path.lexists(ROOT / name.decode()))
    packed = subprocess.run(
        ["tar", "-C", ROOT, "--null", "-T", "-", "-c"], input=there, check=True, capture_output=True
    )
    subprocess.run(["tar", "-C", source, "--no-same-owner", "-x"], input=packed.stdout, check=True)
    _build_wheel(folder / "build", source, tree / "wheels")
    image = folder / "project.raw"
    subprocess.run(["truncate", "--size", f"{SIZE}M", image], check=True)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", tree, image], check=True)
    return image


def _build_wheel(scratch: Path, source: Path, target: Path) -> None:
    """In a copy, since building leaves its own folders beside the source."""
    subprocess.run(["cp", "-r", source, scratch], check=True)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "wheel"]
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target), str(scratch)]
    subprocess.run([*pip, *options], check=True)
