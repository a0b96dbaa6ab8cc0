"""Talking to named's control channel with rndc(8), and judging what it says.

Its exit code is 0 or 1 whatever happened, and 0 often means no more than "I shall try": every success is proved
by asking the server afterwards. What the words mean was found by running BIND 9.18.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from reconciler.config import BindSettings
from reconciler.dns.versions import name_of
from reconciler.effects import Effects
from reconciler.errors import Refused, Temporary
from reconciler.services.bind.keys import read_key_file

_UNREACHED = re.compile(
    r"connect failed|connection refused|timed out|connection to remote host closed|was found$|end of file",
    re.MULTILINE,
)
_STATUS = re.compile(r"^([a-z ]+): (.*)$", re.MULTILINE)
_TIMEOUT = 60.0
_NO_VIEW = "_default"
_NO_VIEWS: Mapping[str, str] = MappingProxyType({})


class Answer(NamedTuple):
    """What rndc said: its exit code and its words, on one line."""

    code: int
    words: str

    @property
    def ok(self) -> bool:
        """Exit code 0, which proves little."""
        return self.code == 0

    @property
    def already_frozen(self) -> bool:
        """To freeze: somebody froze the zone before."""
        return "already frozen" in self.words

    @property
    def not_found(self) -> bool:
        """named has no such zone in this view."""
        return "not found" in self.words


class ZoneStatus(NamedTuple):
    """What `rndc zonestatus` says of a zone. loaded: named has content for it. file: where it has that from."""

    found: bool
    loaded: bool
    dynamic: bool
    frozen: bool
    file: str = ""


class Rndc:
    """Runs rndc for one named. Every method raises Temporary when named cannot be reached.

    homes: the view that named has each zone in now, by the zone's id; those without stand in none.
    """

    def __init__(self, settings: BindSettings, effects: Effects, homes: Mapping[str, str] = _NO_VIEWS) -> None:
        self._effects = effects
        self._homes = homes
        self._argv = [
            "rndc",
            *_key_arguments(settings),
            *("-s", settings.rndc_address, "-p", str(settings.rndc_port)),
        ]

    def freeze(self, zone: str) -> Answer:
        """Take no more updates. The dump of the zone to its file that this begins ends some time later."""
        return self._zone("freeze", zone)

    def thaw(self, zone: str) -> Answer:
        """Load the file if it is newer, and take updates again. Says 0 also when the zone stays frozen."""
        return self._zone("thaw", zone)

    def reload(self, zone: str) -> Answer:
        """Load the zone's file, if its mtime is newer than the last load. Does not wait for it."""
        return self._zone("reload", zone)

    def status(self, zone: str, *, timeout: float = _TIMEOUT) -> ZoneStatus:
        """How named sees the zone."""
        return self.status_in(zone, self._homes.get(zone, ""), timeout=timeout)

    def status_in(self, zone: str, view: str, *, timeout: float = _TIMEOUT) -> ZoneStatus:
        """How named sees what it has under the zone's name in this view."""
        answer = self._run("zonestatus", *_place(zone, view), timeout=timeout)
        if not answer.ok:
            return ZoneStatus(found=not answer.not_found, loaded=False, dynamic=False, frozen=False)
        fields = dict(_STATUS.findall(answer.words.replace(" | ", "\n")))
        file = fields.get("files", "").partition(", ")[0]
        return ZoneStatus(True, True, fields.get("dynamic") == "yes", fields.get("frozen") == "yes", file)

    def reconfig(self) -> Answer:
        """Read named.conf anew; load new zones, drop removed ones, leave all others alone."""
        return self._run("reconfig")

    def sync(self) -> Answer:
        """Write what dynamic zones got by updates from their journals into their files; the journals stay."""
        return self._run("sync")

    def server(self, *, timeout: float) -> Answer:
        """What named says of itself: that it can be reached, and lets us in."""
        return self._run("status", timeout=timeout)

    def _zone(self, verb: str, zone: str) -> Answer:
        return self._run(verb, *_place(zone, self._homes.get(zone, "")))

    def _run(self, *arguments: str, timeout: float = _TIMEOUT) -> Answer:
        done = self._effects.run([*self._argv, *arguments], timeout=timeout)
        words = " | ".join(line.strip() for line in done.text.splitlines()).removeprefix("rndc: ")
        if done.code and _UNREACHED.search(done.text):
            raise Temporary(f"rndc {arguments[0]}: {words}; is named running, and is rndc_key its key?")
        return Answer(done.code, words)


def _place(zone: str, view: str) -> tuple[str, str, str]:
    return (name_of(zone).removesuffix(".") or ".", "IN", view or _NO_VIEW)


def _key_arguments(settings: BindSettings) -> tuple[str, ...]:
    # -k is ignored, with a warning, where an rndc.conf exists; a file given with -c is always read.
    try:
        return ("-c", str(settings.rndc_key), "-y", read_key_file(settings.rndc_key).name)
    except Refused:
        return ("-k", str(settings.rndc_key))
