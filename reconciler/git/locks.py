"""What git leaves when it is killed or the node loses power: locks, quarantines (gitrepository-layout(5)).

git never takes a lock for stale: every push to that ref would be refused from then on, on either node. Of a
collection (gc.pid) that ran on the other node it believes for twelve hours that it goes on. A quarantine it keeps for
two weeks, and it may be as large as the largest push.
"""

from collections.abc import Callable
from pathlib import Path

from reconciler.effects import Effects
from reconciler.errors import Temporary

_QUARANTINES = "objects/tmp_objdir-*"
_PLACES = ("*.lock", "gc.pid", "refs/**/*.lock", "objects/info/**/*.lock", "objects/pack/*.lock")


def clear(repo: Path, busy: Callable[[], bool], effects: Effects) -> list[Path]:
    """Remove them; says which. busy: whether a git may be at work in `repo`.

    Raises Temporary then, where there is anything: nobody can tell whose it is.
    """
    # Looked for first: whoever made one of these is then still at work, or has left it.
    found = [path for pattern in (*_PLACES, _QUARANTINES) for path in repo.glob(pattern)]
    if not found:
        return []
    if busy():
        raise Temporary(f"{found[0]}: looked at again when no git is at work in {repo}")
    for path in found:
        if path.is_dir():
            effects.run(["rm", "-rf", "--", str(path)])
        else:
            effects.unlink(path)
    return found
