"""Where the files lie that named.conf names: on this machine, or in a folder that stands for another's `/`."""

from pathlib import Path

from reconciler.errors import Refused
from reconciler.importing import source
from reconciler.importing.bind.syntax import plain
from reconciler.importing.source import Unreadable


class Places:
    """Finds and reads files; looks only.

    root: stands for `/` and, where nothing lies at the whole path, for named's `directory`; nothing outside of it is
    read. directory: of named's `options`, as it stands there; "" before one was read. Relative paths begin there, else
    in the root, else in the folder of named.conf itself.
    """

    def __init__(self, main: Path, root: Path | None = None, directory: str = "") -> None:
        self.directory = directory
        self._home = main.parent
        try:
            self._root = root.resolve() if root else None
        except (OSError, RuntimeError) as error:
            raise Refused(f"{root}: {error}") from None

    @property
    def start(self) -> str:
        """What `directory` has to be for the same files to be found from elsewhere."""
        return self.directory if self._root else str(self._home.absolute() / self.directory)

    def find(self, written: str) -> Path:
        """The path of a file as a statement names it, there or not. Raises Refused outside of the root."""
        if not written or "\0" in written:
            raise Refused(f"{written!r} is not a path")
        if self._root is None:
            return self._home / self.directory / written
        candidates = [self._inside(self._root / Path("/", self.directory, written).relative_to("/"), written)]
        if not written.startswith("/"):
            candidates.append(self._inside(self._root / written, written))
        return next((path for path in candidates if path.exists()), candidates[0])

    def matching(self, written: str) -> list[Path]:
        """As `find`, of a pattern as in glob(7), sorted."""
        pattern = self.find(written)
        top = Path(pattern.anchor)
        try:
            found = sorted(top.glob(str(pattern.relative_to(top))))
        except (OSError, RuntimeError, ValueError) as error:
            raise Refused(f"{plain(str(pattern))}: {error}") from None
        return [self._inside(path, written) for path in found]

    def _inside(self, path: Path, written: str) -> Path:
        """Links resolved, so that what is looked at here is what is read later."""
        if self._root is None:
            return path
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError) as error:
            raise Refused(f"{plain(str(path))}: {error}") from None
        if not resolved.is_relative_to(self._root):
            raise Refused(f"{plain(written)} leads out of {self._root}, so it is not read")
        return resolved


def read(path: Path, limit: int) -> bytes:
    """A regular file of at most `limit` bytes. Raises Refused with the path."""
    try:
        return source.read(path, limit)
    except Unreadable as error:
        raise Refused(f"{plain(str(path))} cannot be read: {error}") from None
