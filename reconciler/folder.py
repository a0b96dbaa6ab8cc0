"""Reading a state repository's working copy from a folder, without git."""

import hashlib
from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.state.tree import Blob, Tree


def read(root: Path) -> Tree:
    """All files below `root` but dotfiles. Raises ReconcilerError where it is no folder or cannot be read."""
    if not root.is_dir():
        raise ReconcilerError(f"{root} is not a folder; name the working copy of a state repository")
    tree = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if any(part.startswith(".") for part in relative.parts):
            continue
        if path.is_symlink():
            tree[relative.as_posix()] = Blob(id="", data=b"", symlink=True)
        elif path.is_file():
            data = path.read_bytes()
            tree[relative.as_posix()] = Blob(id=hashlib.sha256(data).hexdigest(), data=data)
    return tree
