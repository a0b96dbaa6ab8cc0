"""Programs and Python packages that are needed, and their versions."""

import importlib
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

from reconciler import tools
from reconciler.doctor.finding import Finding, broken, chapter, warning, well
from reconciler.doctor.node import Node
from reconciler.errors import Temporary
from reconciler.services.dnsmasq.trial import program

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*>=\s*(?P<version>[\d.]+)(?:;\s*(?P<marker>.*))?")
_MODULES = {"dnspython": "dns", "gitpython": "git", "pyyaml": "yaml", "pyasyncore": "asyncore"}
_PYTHON_MARKER = re.compile(r"python_version >= ['\"]3\.(\d+)['\"]")


def python(_: Node | None = None) -> Iterator[Finding]:
    """That each Python package can be imported, in a version that is new enough."""
    wanted = [match for text in metadata.requires("reconciler") or () if (match := _REQUIREMENT.match(text))]
    bad = False
    for match in wanted:
        name = match["name"].lower()
        if not _applies(match["marker"]):
            continue
        trouble = _trouble(name, _numbers(match["version"]))
        if trouble:
            bad = True
            yield broken(
                f"Python package {name}: {trouble}",
                f"sudo {sys.executable} -m pip install '{name}>={match['version']}'",
            )
    if not bad:
        yield well(f"Python {sys.version.split()[0]}, packages as required")


def _applies(marker: str | None) -> bool:
    if not marker:
        return True
    newer = _PYTHON_MARKER.fullmatch(marker.strip())
    return newer is not None and sys.version_info >= (3, int(newer[1]))


def _trouble(name: str, least: tuple[int, ...]) -> str:
    try:
        importlib.import_module(_MODULES.get(name, name))
        found = metadata.version(name)
    except Exception as error:  # Whatever a broken package does while it is imported.
        return f"cannot be imported ({type(error).__name__}: {error})"
    return "" if _numbers(found) >= least else f"version {found} is too old"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


class _Needed(NamedTuple):
    """A program. ask: the option that tells its version, "" where it need not be known; seen: the oldest tried."""

    name: str
    package: str
    ask: str = ""
    seen: tuple[int, ...] = ()


_GIT = (_Needed("git", "git", "--version", (2, 39)),)
_BIND = (
    _Needed("named", "bind9", "-v", (9, 18)),
    _Needed("rndc", "bind9-utils"),
    _Needed("named-checkconf", "bind9-utils"),
    _Needed("named-checkzone", "bind9-utils"),
    _Needed("named-compilezone", "bind9-utils"),
    _Needed("named-journalprint", "bind9-utils"),
)
_DNSMASQ = (_Needed("dnsmasq", "dnsmasq", "--version", (2, 90)),)
_DRBD = (_Needed("drbdsetup", "drbd-utils"),)


def programs(node: Node) -> Iterator[Finding]:
    """That the programs are there which node.yaml makes necessary. ddclient is looked at with what it publishes."""
    settings, found, bad = node.settings, [], False
    wanted = [*_GIT, *(_BIND if settings.bind else ()), *(_DNSMASQ if settings.dnsmasq else ())]
    for needed in [*wanted, *(_DRBD if settings.drbd else ())]:
        path = program(needed.name)
        if path is None:
            bad = True
            yield broken(
                f"{needed.name} is not installed",
                f"sudo apt-get install {needed.package}",
                chapter("Installing on one node", "README.md"),
            )
        elif needed.ask:
            version = _version(path, needed.ask)
            found.append(f"{needed.name} {version or 'of unknown version'}")
            if _numbers(version) < needed.seen:
                bad = True
                yield warning(
                    f"{path} is version {version or 'unknown'}; the oldest that this was tried with is "
                    f"{'.'.join(map(str, needed.seen))}",
                    f"sudo apt-get update && sudo apt-get install {needed.package}",
                )
    if not bad:
        yield well(", ".join(found))


def _version(path: str, ask: str) -> str:
    try:
        said = tools.run([path, ask], timeout=3).text
    except Temporary:
        return ""
    match = re.search(r"\d+\.\d+(\.\d+)?", said)
    return match[0] if match else ""
