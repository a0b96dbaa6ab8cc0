"""`python -m bench [NAME ...]`: run all measurements, or those named, from the root of the source tree."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import failover, idle, leases, phases, push, queries

MEASUREMENTS: dict[str, Callable[[Path], None]] = {
    "push": push.measure,
    "phases": phases.measure,
    "idle": idle.measure,
    "queries": queries.measure,
    "leases": leases.measure,
    "failover": failover.measure,
}


def main(names: Sequence[str]) -> int:
    """Run measurements by name; exit code 2 for a name that is none."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"no measurement called {', '.join(unknown)}; there are: {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    for name in names or MEASUREMENTS:
        with tempfile.TemporaryDirectory(prefix=f"reconciler-bench-{name}-") as folder:
            MEASUREMENTS[name](Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
