"""A snapshot of a state repository's files, however it was obtained (git commit, folder, quarantine)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blob:
    """One file: `id` names its content (equal ids mean equal bytes), so work on it can be cached."""

    id: str
    data: bytes
    symlink: bool = False


Tree = Mapping[str, Blob]
"""Path relative to the repository's root, `/`-separated, to its blob."""
