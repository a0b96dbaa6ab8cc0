"""dnsmasq's folder on this node: what lies there, and changing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from reconciler.effects import Effects
from reconciler.services import aside
from reconciler.services.aside import FOLDER
from reconciler.services.base import File
from reconciler.services.dnsmasq.render import CONF, HOSTS, READABLE, RESERVATIONS

_FOLDER_MODE = 0o755


@dataclass(slots=True)
class Swap:
    """A file's change: `new` and `old` are None where the file does not exist after or before it."""

    path: str
    new: bytes | None
    old: bytes | None
    staged: Path | None = None


class Folder:
    """Reads by itself; changes through `Effects` only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def present(self) -> dict[str, bytes]:
        """Content of all files that dnsmasq reads here, by path relative to the folder."""
        return {path: content for path in self.paths() if (content := self.read(path)) is not None}

    def paths(self) -> list[str]:
        """Paths of those files; dotfiles are none of them."""
        found = [CONF] if (self.root / CONF).is_file() else []
        for name in (HOSTS, RESERVATIONS):
            folder = self.root / name
            if folder.is_dir():
                found += [f"{name}/{item.name}" for item in sorted(folder.iterdir()) if _counts(item)]
        return found

    def read(self, path: str) -> bytes | None:
        """A file's content, None where there is none."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None

    def leftovers(self) -> list[Path]:
        """Staged files that were never swapped in."""
        folders = (self.root, self.root / HOSTS, self.root / RESERVATIONS, self.root / FOLDER)
        return [path for folder in folders if folder.is_dir() for path in sorted(folder.glob(".*.tmp"))]

    def prepare(self, effects: Effects) -> None:
        """Make the folders."""
        for folder in (self.root, self.root / HOSTS, self.root / RESERVATIONS):
            effects.make_folder(folder, mode=_FOLDER_MODE)

    def stage(self, swaps: Mapping[str, Swap], effects: Effects) -> None:
        """Write the new contents beside their targets; nothing stays when that fails."""
        try:
            for swap in swaps.values():
                if swap.new is not None:
                    swap.staged = effects.stage(self.root / swap.path, swap.new, mode=READABLE)
        except BaseException:
            self.discard(swaps, effects)
            raise

    def discard(self, swaps: Mapping[str, Swap], effects: Effects) -> None:
        """Remove what is staged and not swapped in."""
        for swap in swaps.values():
            if swap.staged is not None:
                effects.unlink(swap.staged)
                swap.staged = None

    def carry_out(self, swaps: Mapping[str, Swap], effects: Effects) -> None:
        """Swap in what is staged, remove what is to go."""
        for swap in swaps.values():
            if swap.staged is not None:
                effects.swap(swap.staged, self.root / swap.path)
                swap.staged = None
            elif swap.new is None:
                effects.unlink(self.root / swap.path)

    def put_back(self, swaps: Mapping[str, Swap], effects: Effects) -> None:
        """Bring the old contents back, whatever of the change was carried out."""
        for swap in swaps.values():
            if swap.old is None:
                effects.unlink(self.root / swap.path)
            elif self.read(swap.path) != swap.old:
                effects.replace(self.root / swap.path, swap.old, mode=READABLE)
        self.discard(swaps, effects)

    def save_aside(self, path: str, content: bytes, effects: Effects) -> str:
        """Keep content that somebody wrote by hand; returns its path relative to the folder."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        kept = aside.keep(self.root / FOLDER, path.replace("/", "_"), stamp, content, effects)
        return str(kept.relative_to(self.root))


def swaps_between(rendered: Mapping[str, File], present: Mapping[str, bytes]) -> dict[str, Swap]:
    """What has to change on disk."""
    wanted = {path: file.content for path, file in rendered.items()}
    return {
        path: Swap(path, wanted.get(path), present.get(path))
        for path in sorted(wanted.keys() | present.keys())
        if wanted.get(path) != present.get(path)
    }


def digest(content: bytes) -> str:
    """SHA-256 as the manifest has it."""
    return sha256(content).hexdigest()


def _counts(item: Path) -> bool:
    return item.is_file() and not item.name.startswith(".") and not item.name.endswith("~")
