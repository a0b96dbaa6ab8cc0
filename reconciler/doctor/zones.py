"""Zones on the server, against what was deployed."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from reconciler import tools
from reconciler.config import BindSettings
from reconciler.dns import names, serials
from reconciler.dns.versions import name_of, shown
from reconciler.doctor.finding import Finding, broken, chapter, quoted, skipped, warning, well
from reconciler.doctor.node import Node
from reconciler.errors import BadName
from reconciler.manifest import Entry, ManifestStore
from reconciler.services.bind.keys import read_key_file
from reconciler.services.bind.query import Live, Presence
from reconciler.services.bind.rndc import Rndc
from reconciler.services.bind.servers import Servers
from reconciler.services.bind.service import OWN_KEY_FILE

_SECONDS = 4.0
_AGAIN = 0.7
"""Seconds until a second look: an apply may be at work."""
_SHOWN = 20
_NEWER = ": somebody else changed it"
_LISTED = re.compile(r"(?P<name>\S+) (?P<class>\S+) (?P<view>\S+) (?P<kind>\S+)")
_USUAL = frozenset({"localhost.", "127.in-addr.arpa.", "0.in-addr.arpa.", "255.in-addr.arpa."})
"""What Debian's named.conf.default-zones has (RFC 1912 section 4.1)."""


def deployed(node: Node) -> dict[str, Entry]:
    """Zones that named has by our doing, as they are deployed. Raises ManifestError."""
    outline = ManifestStore(node.settings.state).outline()
    return {name: first for name, (first, *_) in outline.items() if first.serial and not first.pending}


def served(node: Node) -> Iterator[Finding]:
    """That each deployed zone is served, with the serial that was deployed, or in a dynamic zone a later one."""
    settings = _bind(node)
    servers = Servers(settings.address, settings.port, lambda: read_key_file(settings.directory / OWN_KEY_FILE))
    known = deployed(node)

    def live(name: str) -> Live:
        return servers.at(known[name].home).live(name)

    if known and live(next(iter(known))).presence is Presence.DOWN:
        yield broken(
            f"named does not answer at {settings.address} port {settings.port}",
            "systemctl status named",
            "sudo systemctl start named        # on a pair: on the primary",
            chapter("named is down"),
        )
        return
    asked, late = _in_time(known, lambda name: _trouble(known[name], live(name)))
    if any(asked.values()):
        # Somebody may have been changing them.
        time.sleep(_AGAIN)
        known = deployed(node)
        again = [name for name, trouble in asked.items() if trouble and name in known]
        asked = {**dict.fromkeys(asked, ""), **{name: _trouble(known[name], live(name)) for name in again[:100]}}
    wrong = {name: trouble for name, trouble in asked.items() if trouble}
    for name, trouble in list(wrong.items())[:_SHOWN]:
        if trouble.endswith(_NEWER):
            yield warning(f"zone {shown(name)} {trouble}", node.command("status"), chapter("Drift"))
            continue
        yield broken(
            f"zone {shown(name)} {trouble}",
            "journalctl -u named -n 50",
            node.command("apply"),
            chapter("A zone gives SERVFAIL after a crash of named"),
        )
    yield from _sum(asked, wrong, late, "served as deployed")


def _trouble(entry: Entry, live: Live) -> str:
    if live.presence is not Presence.SERVED:
        return f"is not served: named says {live.words}"
    if live.serial == entry.serial or (entry.dynamic and serials.newer(live.serial, entry.serial)):
        return ""
    text = f"is served with serial {live.serial}, deployed is {entry.serial}"
    return text + _NEWER if serials.newer(live.serial, entry.serial) else text


def frozen(node: Node) -> Iterator[Finding]:
    """That dynamic zones take updates."""
    known = deployed(node)
    rndc = Rndc(_bind(node), node.effects, {name: entry.home for name, entry in known.items()})
    dynamic = [name for name, entry in known.items() if entry.dynamic]

    def is_frozen(name: str) -> str:
        return "frozen" if rndc.status(name, timeout=3.0).frozen else ""

    asked, late = _in_time(dynamic, is_frozen)
    if any(asked.values()):
        time.sleep(_AGAIN)
        asked = {name: is_frozen(name) if was else "" for name, was in asked.items()}
    wrong = {name: trouble for name, trouble in asked.items() if trouble}
    key = _bind(node)
    for name in list(wrong)[:_SHOWN]:
        place = f" IN {known[name].home}" if known[name].home else ""
        zone = f"{quoted(name_of(name).rstrip('.'))}{place}"
        yield broken(
            f"zone {shown(name)} is frozen: updates are refused",
            f"sudo rndc -k {key.rndc_key} -s {key.rndc_address} -p {key.rndc_port} thaw {zone}",
            chapter("A zone is frozen"),
        )
    yield from _sum(asked, wrong, late, "dynamic and taking updates")


def _in_time(zones: Iterable[str], ask: Callable[[str], str]) -> tuple[dict[str, str], int]:
    """What is wrong with each zone, "" for nothing; and how many could not be come to."""
    deadline = time.monotonic() + _SECONDS
    asked: dict[str, str] = {}
    wanted = list(zones)
    for name in wanted:
        if time.monotonic() > deadline:
            break
        asked[name] = ask(name)
    return asked, len(wanted) - len(asked)


def _sum(asked: Mapping[str, str], wrong: Mapping[str, str], late: int, good: str) -> Iterator[Finding]:
    if len(wrong) > _SHOWN:
        yield broken(f"and {len(wrong) - _SHOWN} zones more")
    if late:
        yield skipped(f"{late} zones more: asking all would take too long; {len(asked)} were asked")
    elif not wrong:
        yield well(f"{len(asked)} zones {good}" if len(asked) != 1 else f"1 zone {good}")


def strangers(node: Node) -> Iterator[Finding]:
    """Zones that named is told to serve and the state does not know."""
    settings = _bind(node)
    listed = tools.run(["named-checkconf", "-l", str(settings.named_conf)], timeout=4)
    if listed.code:
        yield skipped(f"named-checkconf -l {settings.named_conf}: {listed.text.splitlines()[0] if listed.text else ''}")
        return
    known = {*map(name_of, ManifestStore(node.settings.state).outline()), *_USUAL}
    found = sorted({name for name in _primaries(listed.stdout) if name not in known})
    for name in found[:_SHOWN]:
        yield warning(
            f"named serves zone {name}, which the state does not know: nobody raises its serial, checks it or has its "
            "history",
            f"grep -rnF {quoted(name.rstrip('.'))} {settings.named_conf.parent} {settings.directory}",
            "# put its content into zones/ of the state (README.md: import), then take it out of named's configuration",
            chapter("Drift"),
        )
    if len(found) > _SHOWN:
        yield warning(f"and {len(found) - _SHOWN} zones more that the state does not know")
    if not found:
        yield well("none")


def _primaries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        match = _LISTED.fullmatch(line.strip())
        if match and match["class"].upper() == "IN" and match["kind"] in ("master", "primary"):
            try:
                yield names.parse(match["name"], ".")
            except BadName:
                continue


def _bind(node: Node) -> BindSettings:
    assert node.settings.bind is not None
    return node.settings.bind
