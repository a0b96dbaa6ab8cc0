"""dnsmasq: that it reads what we write, and answers by it."""

import glob
import re
from collections.abc import Iterator
from pathlib import Path

from reconciler import tools
from reconciler.config import DnsmasqSettings
from reconciler.doctor import sockets
from reconciler.doctor.finding import Finding, broken, chapter, quoted, skipped, warning, well
from reconciler.doctor.node import Node
from reconciler.doctor.ports import serves_names
from reconciler.doctor.sockets import Process
from reconciler.manifest import ManifestStore
from reconciler.services.dnsmasq.folder import Folder
from reconciler.services.dnsmasq.render import CONF
from reconciler.services.dnsmasq.verify import Asker

_DEFAULT = "/etc/dnsmasq.conf"
_SETTING = re.compile(r"^\s*(?P<key>conf-file|conf-dir|dhcp-leasefile)\s*=\s*(?P<value>\S+)", re.MULTILINE)
_OPTIONS = {"-C": "conf-file", "--conf-file": "conf-file", "-7": "conf-dir", "--conf-dir": "conf-dir"}
_OPTIONS |= {"-l": "dhcp-leasefile", "--dhcp-leasefile": "dhcp-leasefile"}
_DEEPEST = 10
_LARGEST = 1 << 26
"""Bytes of one file: reservations of a large site are in them too."""
_NAMES = 5
_SLACK = 2.0
"""Seconds; the time of a process's start is known to one."""

Setting = tuple[str, str]


def configuration(node: Node) -> Iterator[Finding]:
    """That our dnsmasq.conf is sound, and the dnsmasq that runs was started with it as it is now."""
    settings = _dnsmasq(node)
    ours = settings.directory / CONF
    if not ours.is_file() or not ours.stat().st_size:
        yield well("nothing is deployed for dnsmasq")
        return
    found = [*_unsound(node, ours), *_closed(settings), *_not_as_started(node, ours)]
    yield from found
    if not found:
        yield well(f"dnsmasq reads {ours}")


def _unsound(node: Node, ours: Path) -> Iterator[Finding]:
    tested = tools.run(["dnsmasq", "--test", "-C", str(ours)], timeout=4)
    if tested.code:
        words = tested.text.splitlines()
        yield broken(
            f"{ours}: {words[-1] if words else 'dnsmasq --test failed'}: dnsmasq would not start with it",
            f"dnsmasq --test -C {ours}",
            node.command("apply"),
            chapter("dnsmasq does not start"),
        )


def _closed(settings: DnsmasqSettings) -> Iterator[Finding]:
    folder = Folder(settings.directory)
    closed = [path for path in folder.paths() if not (folder.root / path).stat().st_mode & 0o004]
    if closed:
        yield broken(
            f"{folder.root / closed[0]} cannot be read by everybody, so not by dnsmasq, which gives root's rights up"
            + (f"; so {len(closed) - 1} more" if len(closed) > 1 else ""),
            f"sudo chmod -R a+rX {settings.directory}",
            f"sudo systemctl restart {settings.unit}",
            chapter("Wrong owner or mode"),
        )


def _not_as_started(node: Node, ours: Path) -> Iterator[Finding]:
    settings = _dnsmasq(node)
    running = running_with(ours) or sockets.holder("dnsmasq", settings.address, settings.port)
    if running is None:
        yield broken(
            "no dnsmasq runs that reads our part",
            f"systemctl status {settings.unit}",
            *_include(settings),
            chapter("dnsmasq is down"),
        )
    elif str(ours) not in read_by(running):
        yield broken(
            f"dnsmasq (process {running.pid}) does not read {ours}: no conf-file or conf-dir of its leads there",
            *_include(settings),
            chapter("Installing on one node", "README.md"),
        )
    elif ours.stat().st_mtime > running.started + _SLACK:
        yield warning(
            f"{ours} was written after dnsmasq (process {running.pid}) had started: it goes by the one from before",
            f"sudo systemctl restart {settings.unit}",
            node.command("apply"),
            chapter("dnsmasq does not start"),
        )


def _include(settings: DnsmasqSettings) -> tuple[str, ...]:
    return (
        f"echo 'conf-file={settings.directory / CONF}' | sudo tee /etc/dnsmasq.d/reconciler.conf",
        f"sudo systemctl restart {settings.unit}",
    )


def running_with(ours: Path) -> Process | None:
    """The dnsmasq whose configuration leads to ours."""
    return next((item for item in sockets.processes("dnsmasq") if str(ours) in read_by(item)), None)


def read_by(process: Process) -> set[str]:
    """Files that a dnsmasq read at its start, as they lie there now."""
    found: set[str] = set()
    for _ in effective(process, found):
        pass
    return found


def effective(process: Process, files: set[str]) -> Iterator[Setting]:
    """Settings of its command line and of all files that it leads to, which are added to `files`."""
    given = list(_given(process.words[1:]))
    if not any(key == "conf-file" for key, _ in given):
        given.insert(0, ("conf-file", _DEFAULT))
    for key, value in given:
        yield from _follow(key, value, files, 0)


def _given(words: tuple[str, ...]) -> Iterator[Setting]:
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in _OPTIONS:
            yield _OPTIONS[name], value if equals else words[number + 1] if number + 1 < len(words) else ""
        elif word[:2] in _OPTIONS and len(word) > 2 and not word.startswith("--"):
            yield _OPTIONS[word[:2]], word[2:]


def _follow(key: str, value: str, files: set[str], depth: int) -> Iterator[Setting]:
    if key == "dhcp-leasefile":
        yield key, value
        return
    for path in [value] if key == "conf-file" else _inside(value):
        if path in files or depth > _DEEPEST:
            continue
        files.add(path)
        text = _text(Path(path))
        for match in _SETTING.finditer(text):
            yield from _follow(match["key"], match["value"], files, depth + 1)


def _text(path: Path) -> str:
    """What a configuration may be: whoever may call a program dnsmasq may name it any file."""
    try:
        readable = path.is_file() and 0 < path.stat().st_size <= _LARGEST
        return path.read_text(encoding="utf-8", errors="replace") if readable else ""
    except (OSError, ValueError):
        return ""


def _inside(value: str) -> list[str]:
    """Files of a conf-dir (dnsmasq(8)): `DIR,.END,…` leaves ends out, `DIR,*.END` takes only those."""
    folder, *ends = value.split(",")
    only = [end.removeprefix("*") for end in ends if end.startswith("*")]
    never = [end for end in ends if not end.startswith("*")]
    found = []
    for path in sorted(glob.glob(f"{glob.escape(folder)}/*")):  # noqa: PTH207  the same text as in the configuration
        if path.endswith("~") or any(path.endswith(end) for end in never):
            continue
        if not only or any(path.endswith(end) for end in only):
            found.append(path)
    return found


def answers(node: Node) -> Iterator[Finding]:
    """That it answers some names as deployed, as clients would ask."""
    settings = _dnsmasq(node)
    if not serves_names(Folder(settings.directory)):
        yield well("dnsmasq has no names to answer here")
        return
    asker = Asker(settings.address, settings.port)
    if not asker.alive():
        yield broken(
            f"dnsmasq does not answer at {settings.address} port {settings.port}",
            f"systemctl status {settings.unit}",
            f"sudo systemctl start {settings.unit}        # on a pair: on the primary",
            chapter("dnsmasq is down"),
        )
        return
    wanted = list(_some(node))
    if not wanted:
        yield skipped("no deployed zone has an address to ask for")
        return
    found = [finding for name, rdatas in wanted for finding in _answer(node, asker, name, rdatas)]
    yield from found
    if not found:
        yield well(f"answers as deployed ({len(wanted)} names asked)")


def _answer(node: Node, asker: Asker, name: str, rdatas: frozenset[str]) -> Iterator[Finding]:
    settings, got = _dnsmasq(node), asker.data(name, "A")
    if got is None or not rdatas <= got:
        yield broken(
            f"dnsmasq says of {name} A {', '.join(sorted(got or ())) or 'nothing'}; deployed is "
            f"{', '.join(sorted(rdatas))}",
            f"dig @{settings.address} -p {settings.port} {quoted(name)} A",
            node.command("apply"),
            f"sudo systemctl restart {settings.unit}",
            chapter("dnsmasq is down"),
        )


def _some(node: Node) -> Iterator[tuple[str, frozenset[str]]]:
    """A few names with their addresses, from static zones first: in others somebody else may have changed them."""
    left = _NAMES
    entries = [(name, first) for name, (first, *_) in ManifestStore(node.settings.state).outline().items()]
    for _, entry in sorted(entries, key=lambda pair: (pair[1].dynamic, pair[0])):
        for (owner, rtype), rrset in sorted(entry.content().rrsets.items()):
            if rtype == "A" and not owner.startswith("*"):
                yield owner, frozenset(rrset.rdatas)
                left -= 1
                if not left:
                    return


def _dnsmasq(node: Node) -> DnsmasqSettings:
    assert node.settings.dnsmasq is not None
    return node.settings.dnsmasq
