"""Housekeeping of the state repository, by the daemon when it has time: a push never waits for it."""

import time
from pathlib import Path

from reconciler.effects import Effects
from reconciler.errors import BadRepository
from reconciler.git.command import git

MAX_PACKS = 50
"""Each audit commit is a pack; git itself collects at this number (gc.autoPackLimit)."""
MAX_LOOSE = 1000
"""Loose objects, each at least one disk block."""
DAY = 86_400.0
PAUSE = 600.0
"""Seconds between two collections at least: what cannot be collected yet must not be tried for ever."""
STAMP_FILE = "reconciler.gc"


def due(repo: Path, *, now: float) -> bool:
    """Whether packs or loose objects have piled up, or the last time is a day ago. `now` as time.time()."""
    try:
        age = now - (repo / STAMP_FILE).stat().st_mtime
    except FileNotFoundError:
        return True
    if 0 <= age < PAUSE:
        return False
    packs = sum(1 for _ in (repo / "objects/pack").glob("*.pack"))
    loose = sum(1 for _ in (repo / "objects").glob("[0-9a-f][0-9a-f]/*"))
    return packs > MAX_PACKS or loose > MAX_LOOSE or not 0 <= age < DAY


def maintain(repo: Path, effects: Effects) -> bool:
    """Collect garbage if it is due; say whether it was. Raises BadRepository if git cannot.

    Safe beside a push: git locks against itself and keeps unreachable objects for two weeks (git-gc(1)).
    """
    if not due(repo, now=time.time()):
        return False
    effects.replace(repo / STAMP_FILE, b"")
    result = effects.run(git(repo, "gc", "--quiet"), timeout=600, cwd=Path("/"))
    if result.code:
        raise BadRepository(f"git gc on {repo} failed: {result.text}")
    return True
