"""BIND's own checkers on scratch copies: named-checkzone for zones, named-checkconf for the configuration.

Neither looks at the network: named-checkzone's default `-i full` would ask resolvers about names outside the zone, so
it is always run with `-i local`, which is also what named itself checks when it loads a zone.
"""

import re
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from reconciler import tools
from reconciler.config import BindSettings
from reconciler.dns import versions
from reconciler.dns.zone import Zone
from reconciler.services.bind import conf, zonefile
from reconciler.services.bind.render import FRAGMENT, HATCH_END, HATCH_HEAD, KEYS

_CHECKZONE = ("named-checkzone", "-i", "local", "-k", "fail", "-n", "fail")
_AT_ONCE = 2
_REMEMBERED = 50_000
_SHOWN = 20
_PLACE = re.compile(r"\0(?P<name>[0-9]+\.conf):(?P<line>[0-9]+):")
_SECRET = re.compile(r'\bsecret "([^"]+)"')
_BARE_ZONES = (
    "the state makes BIND have views, so these zones cannot stand outside of one: remove them from this node's "
    "configuration (on Debian and Ubuntu the line that includes named.conf.default-zones in /etc/bind/named.conf; "
    "the root's name servers and empty reverse zones are built into named)"
)
_NOISE = ("not loaded due to errors.",)


class Checker:
    """Runs the checkers; remembers by content what was found good."""

    def __init__(self, settings: BindSettings) -> None:
        self._settings = settings
        self._good_zones: set[str] = set()
        self._good_conf = ""

    def zones(self, zones: Iterable[Zone]) -> list[str]:
        """Complaints about zones; several are checked at once."""
        todo = [zone for zone in zones if zone.digest not in self._good_zones]
        if len(todo) < 2:
            return [complaint for zone in todo for complaint in self.zone(zone)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [complaint for found in pool.map(self.zone, todo) for complaint in found]

    def zone(self, zone: Zone) -> list[str]:
        """Complaints about one zone."""
        if zone.digest in self._good_zones:
            return []
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            path = Path(folder) / versions.filename(zone.id)
            path.write_text(zone.text(1), encoding="utf-8")
            complaints = self.file(zone.id, path)
        if not complaints:
            self.trust(zone)
        return complaints

    def file(self, zone: str, path: Path) -> list[str]:
        """Complaints about the file of a zone (an id), as it lies there."""
        name = versions.name_of(zone)
        done = tools.run([*_CHECKZONE, name, str(path)], timeout=300)
        if done.code == 0:
            return []
        lines = [line.replace(str(path), f"zones/{path.name}") for line in done.text.splitlines()]
        telling = [line.strip() for line in lines if not line.endswith(_NOISE)] or lines
        return [f"named-checkzone: zone {name}: {line}" for line in telling[:_SHOWN]]

    def trust(self, zone: Zone) -> None:
        """Remember that a zone is good: it was checked, or is what is deployed."""
        if len(self._good_zones) > _REMEMBERED:
            self._good_zones.clear()
        self._good_zones.add(zone.digest)

    def conf(self, files: Mapping[str, str]) -> list[str]:
        """Complaints about the node's whole configuration, with our files (by name) replaced by these texts."""
        folder = self._settings.directory
        replaced = {folder / name: text for name, text in files.items()}
        with tempfile.TemporaryDirectory(prefix="reconciler-") as scratch:
            try:
                copies = conf.collect(self._settings.named_conf, replaced, scratch)
            except OSError:
                # Not all of it is ours to read; our own part can still be checked alone.
                copies = conf.collect(folder / FRAGMENT, replaced, scratch)
            if all(copy.origin != folder / FRAGMENT for copy in copies):
                return [
                    f"{self._settings.named_conf} does not include our part; "
                    f'add the line: include "{folder / FRAGMENT}";'
                ]
            text = "\0".join(copy.text for copy in copies).replace(scratch, "")
            digest = zonefile.digest(text.encode("utf-8", "surrogateescape"))
            if digest == self._good_conf:
                return []
            complaints = _checkconf(Path(scratch), copies)
        if complaints:
            return [_hide(line, files[KEYS]) for line in complaints]
        self._good_conf = digest
        return []

    def installed(self) -> list[str]:
        """Complaints about the configuration as it lies on disk, if it can be read."""
        done = tools.run(["named-checkconf", str(self._settings.named_conf)])
        if done.code == 0 or "permission denied" in done.text:
            return []
        return [f"named-checkconf: {line}" for line in done.text.splitlines()[:_SHOWN]]


def _checkconf(scratch: Path, copies: tuple[conf.Copy, ...]) -> list[str]:
    for copy in copies:
        (scratch / copy.name).write_bytes(copy.text.encode("utf-8", "surrogateescape"))
    done = tools.run(["named-checkconf", str(scratch / copies[-1].name)])
    if done.code == 0:
        return []
    text = done.text
    for copy in copies:
        text = _PLACE.sub(partial(_original, copy), text.replace(f"{scratch / copy.name}:", f"\0{copy.name}:"))
    lines = [f"named-checkconf: {line}" for line in text.splitlines()[:_SHOWN]]
    return [*lines, _BARE_ZONES] if "all zones must be in views" in text else lines


def _original(copy: conf.Copy, match: re.Match[str]) -> str:
    """The checker's place in the user's terms: of raw text at the end of our part, the file in the state repository."""
    line = int(match["line"])
    if copy.name != match["name"]:
        return match[0]
    if copy.origin.name == FRAGMENT:
        for number in range(line - 1, 0, -1):
            text = copy.text.split("\n")[number - 1]
            if text.startswith(HATCH_END):
                break
            found = HATCH_HEAD.fullmatch(text)
            if found:
                return f"{found[1]}:{line - number}:"
    return f"{copy.origin}:{line}:"


def _hide(line: str, secret_text: str) -> str:
    """The checker may quote what stands near a mistake; a secret must not be shown."""
    for secret in sorted(set(_SECRET.findall(secret_text)), key=len, reverse=True):
        line = line.replace(secret, "(secret)")
    return line
