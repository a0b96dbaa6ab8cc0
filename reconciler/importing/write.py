"""Writes a new state repository and its secrets: all of it or nothing."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reconciler.errors import Refused
from reconciler.importing.found import FoundSecret
from reconciler.state.types import IDENTIFIER


def check_free(folder: Path) -> None:
    """Raise Refused unless the folder is empty or not there yet."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise Refused(f"{folder} is not an empty folder; name a new one")
    if not folder.absolute().parent.is_dir():
        raise Refused(f"{folder.absolute().parent} is not a folder; make it first")


def write(
    folder: Path, files: Mapping[str, bytes], secrets: Iterable[FoundSecret], secrets_folder: Path | None
) -> None:
    """Write the files beside the folder and rename them into place; before that the secrets, if a folder is given.

    Raises Refused where the folder is not free, or a secret of another value is there already.
    """
    check_free(folder)
    with _secrets(secrets, secrets_folder) if secrets_folder is not None else contextlib.nullcontext():
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.absolute().parent))
        try:
            for path, data in files.items():
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).write_bytes(data)
            made.chmod(0o777 & ~_umask())
            _put(made, folder)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise


def _put(made: Path, folder: Path) -> None:
    try:
        made.rename(folder.absolute())
    except OSError:
        check_free(folder)  # Somebody else was faster.
        raise


@contextlib.contextmanager
def beside(path: Path, text: str) -> Iterator[None]:
    """Have a text ready beside `path`, which it replaces once what is done meanwhile has gone well.

    A device, such as /dev/stdout, is written to.
    """
    if path.exists() and not path.is_file():
        yield
        path.write_text(text, encoding="utf-8")
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.absolute().parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(handle, 0o666 & ~_umask())
            stream.write(text)
        yield
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _secrets(secrets: Iterable[FoundSecret], folder: Path) -> Iterator[None]:
    """Files of mode 0600 in a folder of mode 0700; those made here are taken away again if what follows fails."""
    made: list[Path] = []
    if not folder.exists():
        folder.mkdir(mode=0o700)
    try:
        for secret in secrets:
            if not IDENTIFIER.fullmatch(secret.name):
                raise Refused(f"{secret.name!r} cannot be the name of a secret's file")
            path = folder / secret.name
            if path.exists() and path.read_text(encoding="utf-8", errors="replace").rstrip("\n") == secret.value:
                continue
            _write_secret(path, secret.value)
            made.append(path)
        yield
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise


def _write_secret(path: Path, value: str) -> None:
    """Whole or not at all, and over nothing that is there: whoever is killed here can begin anew."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(f"{value}\n")
        path.hardlink_to(name)
    except FileExistsError:
        raise Refused(f"{path} is there with another content; move it away, or name another folder") from None
    finally:
        Path(name).unlink()
