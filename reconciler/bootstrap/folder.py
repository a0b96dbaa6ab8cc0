"""Writes node files into a folder: all of them or none, each with its mode from the start."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from reconciler.bootstrap.text import NodeFile
from reconciler.errors import Refused

MARK = ".reconciler-bootstrap"
"""Names the files that were written, one a line: such a folder may be replaced while it holds nothing else."""

_LONGEST = 1024


def read_secret(path: Path) -> str | None:
    """The secret, None where it is missing or not ours to read. Raises Refused, never showing a content."""
    try:
        with path.open(encoding="ascii") as stream:
            text = stream.read(_LONGEST + 1).rstrip("\r\n")
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not plain text") from None
    if not text or len(text) > _LONGEST:
        raise Refused(f"{path} is empty or too long; put the secret there")
    return text


def write(folder: Path, files: Mapping[str, NodeFile]) -> None:
    """Make `folder`, or replace it where this made it. Raises Refused; then nothing has changed."""
    folder = folder.absolute()
    replaced = _replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for path, file in files.items():
            _write(made / path, file)
        _write(made / MARK, NodeFile("".join(f"{path}\n" for path in sorted(files))))
        made.chmod(0o755)
        _put(made, folder, replaced=replaced)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _replaceable(folder: Path) -> bool:
    """Whether there is something to be replaced."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Refused(f"{folder} is not a folder; name a new one")
    if not folder.exists():
        return False
    found = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    mark = folder / MARK
    if MARK in found and not mark.is_symlink():
        found -= {MARK, *mark.read_text(encoding="utf-8", errors="replace").splitlines()}
    if found:
        raise Refused(
            f"{folder} holds {sorted(found)[0]}, which was not written by `reconciler bootstrap`; name another"
        )
    return True


def _write(path: Path, file: NodeFile) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, file.mode & 0o700)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(file.text)
        # Wider only now, and whatever the umask says.
        os.fchmod(descriptor, file.mode)


def _put(made: Path, folder: Path, *, replaced: bool) -> None:
    """Rename into place; an empty folder is replaced by rename(2) itself."""
    if not replaced or not any(folder.iterdir()):
        made.replace(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    folder.replace(aside)
    try:
        made.replace(folder)
    except OSError:
        aside.replace(folder)
        raise
    shutil.rmtree(aside)
