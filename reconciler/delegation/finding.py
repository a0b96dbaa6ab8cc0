"""What a check of a delegation finds."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "error"]
Who = Literal["", "you", "ISP"]


class Finding(NamedTuple):
    """One thing that was seen.

    server: whose answer it is from, "NAME (ADDRESS)", or "". remedy: what to do, "" where nothing is. who: has to do
    it; "ISP" is whoever runs the parent zone, a registrar for a forward zone.
    """

    level: Level
    server: str
    text: str
    remedy: str = ""
    who: Who = ""


class Limits(NamedTuple):
    """How long may be asked, in seconds: altogether, and for one answer (a question is put twice)."""

    total: float = 30.0
    query: float = 2.0
