"""Zone files on disk: their serials, and their content as named reads it (named-compilezone)."""

import hashlib
import re
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

from reconciler import tools
from reconciler.dns import zonetext
from reconciler.dns.records import group
from reconciler.dns.versions import name_of, split
from reconciler.dns.zone import SOA, Zone
from reconciler.errors import ReconcilerError, Refused

MODE = 0o640
"""Mode of zone files; named reads them through the group of their folder (setgid)."""

_HEAD = 16384
_SERIAL = re.compile(rb"\sSOA\s+\S+\s+\S+\s+(?:\(\s*)?([0-9]{1,10})(?=\s)", re.IGNORECASE)
_COMPILE = ("named-compilezone", "-q", "-i", "none", "-k", "ignore", "-n", "ignore", "-s", "full")
_TIMEOUT = 300.0


class Content(NamedTuple):
    """A zone with the serial that stands in its SOA."""

    zone: Zone
    serial: int


def journal(path: Path) -> Path:
    """The journal that named keeps beside a zone file."""
    return path.with_name(f"{path.name}.jnl")


def is_regular(path: Path) -> bool:
    """Whether a regular file lies there; a link to one is none."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def serial_in(path: Path) -> int | None:
    """The SOA serial near the head of a zone file, as we and as named write it; None when none is found."""
    try:
        with path.open("rb") as stream:
            found = _SERIAL.search(stream.read(_HEAD))
    except OSError:
        return None
    return int(found[1]) if found else None


def with_serial(content: bytes, serial: int) -> bytes:
    """A zone file with another serial in its SOA, all else as it is. Raises Refused where no SOA is found."""
    found = _SERIAL.search(content[:_HEAD])
    if found is None:
        raise Refused("no SOA record is found near the head of the file")
    return content[: found.start(1)] + str(serial).encode() + content[found.end(1) :]


def digest(content: bytes) -> str:
    """SHA-256, as in the manifest."""
    return hashlib.sha256(content).hexdigest()


def is_zone(content: bytes, zone: Zone) -> bool:
    """Whether a file is what we write for `zone`, with whatever serial."""
    found = _SERIAL.search(content[:_HEAD])
    return found is not None and content == zone.text(int(found[1])).encode()


def read(zone: str, path: Path, *, with_journal: bool = False) -> Content:
    """Read the file of a zone (an id) as named would; `with_journal`: with the changes of its journal.

    Raises Refused with named-compilezone's words when it cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        output = Path(folder) / "zone"
        extra = ("-j",) if with_journal else ()
        argv = [*_COMPILE, *extra, "-o", str(output), name_of(zone), str(path)]
        done = tools.run(argv, timeout=_TIMEOUT)
        if done.code or not output.exists():
            words = done.text or _words(argv)
            raise Refused(f"named-compilezone: {path}: {words}")
        text = output.read_text(encoding="utf-8")
    return parse(zone, text)


def parse(zone: str, text: str) -> Content:
    """Content of a zone (an id) from text with one record a line. Raises ReconcilerError when it has no SOA."""
    name, view = split(zone)
    soa: str | None = None
    ttl = 0
    records = []
    for record in zonetext.parse_full(text):
        if record[2] == "SOA":
            ttl, soa = record[1], record[3]
        else:
            records.append(record)
    if soa is None:
        raise ReconcilerError(f"zone {name} has no SOA record")
    mname, rname, serial, refresh, retry, expire, minimum = soa.split()
    values = SOA(mname, rname, int(refresh), int(retry), int(expire), int(minimum), ttl)
    return Content(Zone(name, values, group(records), view), int(serial))


def _words(argv: list[str]) -> str:
    """What it says without -q, which hides also the reason of a failure."""
    return tools.run([word for word in argv if word != "-q"], timeout=_TIMEOUT).text
