"""Which zone files named would load: those that are as we wrote them, and those that its checkers take."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler import tools
from reconciler.dns.versions import name_of, split
from reconciler.dns.zone import Zone
from reconciler.errors import Temporary
from reconciler.services.bind import journal, zonefile
from reconciler.services.bind.render import zone_path
from reconciler.services.bind.syntax import quote

_CHECK = ("named-checkzone", "-q", "-i", "local", "-k", "fail", "-n", "fail")


@dataclass(frozen=True, slots=True)
class KnownZone:
    """What is known of a zone. name: its id.

    dynamic: it is, or was to become so. serial: the last that was confirmed, 0 for none; begun: those of applies whose
    end is not on record. digests: of files that we wrote. content: reads what the state and leases have in it; None
    where that is not known.
    """

    name: str
    dynamic: bool
    serial: int = 0
    begun: tuple[int, ...] = ()
    digests: frozenset[str] = frozenset()
    content: Callable[[], Zone] | None = None


class Judge:
    """Looks only. deadline: on the clock time.monotonic(); everything raises Temporary when it is over."""

    def __init__(self, directory: Path, *, deadline: float) -> None:
        self._directory = directory
        self._deadline = deadline
        self._good: set[str] = set()

    def check_together(self, zones: Iterable[KnownZone]) -> None:
        """Check files that are not as we wrote them with one program for all: starting one is most of the work.

        What is found good is not checked again by `trouble`, which finds out about the others. Raises Temporary.
        """
        unproven = {zone.name: zone_path(self._directory, zone.name) for zone in zones if self._is_unproven(zone)}
        if len(unproven) < 2:
            return
        clauses = "".join(_in_views(unproven))
        with tempfile.NamedTemporaryFile("w", prefix="reconciler-") as conf:
            conf.write(clauses)
            conf.flush()
            if tools.run(["named-checkconf", "-z", conf.name], timeout=self.remaining()).code == 0:
                self._good.update(unproven)

    def _is_unproven(self, zone: KnownZone) -> bool:
        path = zone_path(self._directory, zone.name)
        if not zonefile.is_regular(path) or self.ours(zone, path):
            return False
        jnl = zonefile.journal(path)
        if not os.path.lexists(jnl):
            return True
        span = journal.span_of(jnl) if zonefile.is_regular(jnl) else None
        return span is not None and span.last == zonefile.serial_in(path)

    def trouble(self, zone: KnownZone, path: Path) -> str:
        """Why named could not load the file; "" when it can."""
        if zone.name in self._good or self.ours(zone, path):
            return ""
        return self.run(*_CHECK, name_of(zone.name), str(path))

    def trouble_with_journal(self, zone: KnownZone, path: Path) -> str:
        """The same for the file with its journal."""
        return self.run(*_CHECK, "-j", name_of(zone.name), str(path))

    def ours(self, zone: KnownZone, path: Path) -> bool:
        """Whether the file is as we wrote it; it was checked then. Raises OSError for one that cannot be read.

        That is no judgement: to a checker such a file would look like a broken one.
        """
        with path.open("rb") as stream:
            return bool(zone.digests) and hashlib.file_digest(stream, "sha256").hexdigest() in zone.digests

    def run(self, *argv: str) -> str:
        """What a checker has to say; "" when all is well."""
        done = tools.run(argv, timeout=self.remaining())
        if done.code == 0:
            return ""
        # With -q it is silent about the reason too.
        said = tools.run([word for word in argv if word != "-q"], timeout=self.remaining()).text
        lines = [line.strip() for line in said.splitlines() if "not loaded due to errors" not in line]
        return f"cannot be loaded ({lines[0][:200] if lines else 'no reason given'})"

    def remaining(self) -> float:
        """Seconds. Raises Temporary when there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Temporary("the time for this was over")
        return left


def _in_views(zones: Mapping[str, Path]) -> Iterator[str]:
    """Clauses for zones by id; versions of one name have to stand in views of their own."""
    by_view: dict[str, list[str]] = {}
    for key, path in zones.items():
        name, view = split(key)
        clause = f"zone {quote(name.removesuffix('.') or '.')} {{ type primary; file {quote(str(path))}; }};\n"
        by_view.setdefault(view, []).append(clause)
    for view, clauses in by_view.items():
        # No view's name has a capital letter.
        yield f"view {quote(view or 'SHARED')} {{\n{''.join(clauses)}}};\n" if len(by_view) > 1 else "".join(clauses)
