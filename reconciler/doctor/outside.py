"""What this node publishes outside: ddclient and its cache."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconciler.doctor.finding import Finding, broken, chapter, skipped, warning, well
from reconciler.doctor.node import Node
from reconciler.doctor.repository import site_of
from reconciler.errors import Temporary
from reconciler.services.ddclient import cache, program, render
from reconciler.state.wan import WanPublish

_CHAPTER = chapter("The public address changed")


def ddclient(node: Node) -> Iterator[Finding]:
    """Where the state publishes an address: the program, and what it believes to have published."""
    site = site_of(node)
    if site is None:
        yield skipped("there is no state that can be read")
        return
    if site.wan is None or not site.wan.publish:
        yield well("the state publishes no address")
        return
    bad = False
    try:
        found = program.find()
    except Temporary as error:
        bad = True
        yield broken(str(error), "sudo apt-get install ddclient libio-socket-ssl-perl", _CHAPTER)
    folder = node.settings.state / "ddclient"
    records = _records(folder / "wan.json")
    for item in site.wan.publish:
        record = records.get(render.identity(item), {})
        for finding in _published(node, folder, item, record if isinstance(record, dict) else {}):
            bad = True
            yield finding
    if not bad:
        yield well(f"version {'.'.join(map(str, found.version))}, caches as published")


def _records(path: Path) -> dict[str, Any]:
    """By publication; what cannot be read is begun anew by the daemon."""
    try:
        records = json.loads(path.read_bytes())["records"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return records if isinstance(records, dict) else {}


def _published(node: Node, folder: Path, item: WanPublish, record: dict[str, Any]) -> Iterator[Finding]:
    names, name, sent = ", ".join(render.full_names(item)), render.identity(item), str(record.get("address", ""))
    again = node.command("wan", "publish")
    if record.get("outcome") in ("failed", "refused"):
        yield broken(f"{names}: {record.get('text') or 'not published'}", node.command("wan"), again, _CHAPTER)
        return
    if record.get("outcome") != "good":
        return
    found = sorted(folder.glob(f"{name}.*.cache"))
    if not found:
        yield warning(
            f"{names}: ddclient's cache is not in {folder}: what it has published it would send once more",
            again,
            _CHAPTER,
        )
    for path in found:
        entries = cache.parse(path.read_bytes())
        hosts = [host for host in entries if cache.status(entries[host], item.family)]
        known = cache.summary(entries, hosts, item.family)
        if not hosts:
            yield warning(f"{path} is cut or empty: ddclient would send once more", again, _CHAPTER)
        elif known.address != sent or not known.good:
            yield broken(
                f"{names}: ddclient believes in {known.address or 'several addresses'} ({path}), what was sent last is "
                f"{sent}",
                again,
                _CHAPTER,
            )
