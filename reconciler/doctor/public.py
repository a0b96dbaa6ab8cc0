"""Public zones: whether the world's DNS leads to them."""

import time
from collections.abc import Iterator

from reconciler.delegation import expected
from reconciler.delegation.check import check
from reconciler.delegation.finding import Finding as Told
from reconciler.delegation.finding import Limits
from reconciler.doctor.finding import Finding, broken, chapter, skipped, warning, well
from reconciler.doctor.network import nameservers, online
from reconciler.doctor.node import Node
from reconciler.state.addresses import server_address

SECONDS = 30.0
"""For all zones together; asking goes over the world."""
_ONE = Limits(total=10.0, query=1.5)
_SLACK = 3.0
_OFFLINE = "are you on the network?"
"""In what is told where no resolver is any help."""
_CHAPTER = chapter("Doctor")


def delegation(node: Node) -> Iterator[Finding]:
    """What `reconciler delegation` finds wrong, of each public zone that is come to in time."""
    site = node.site()
    zones = expected.public(site) if site else []
    if site is None:
        yield skipped("nothing is deployed that could be looked at")
        return
    if not zones:
        yield well("no zone of this state is public")
        return
    if not online(node):
        yield skipped("this node has no route to anywhere else")
        return
    resolvers = [server_address(text) for text in nameservers(node)]
    deadline, bad = time.monotonic() + SECONDS - _SLACK, False
    for number, zone in enumerate(zones):
        left = deadline - time.monotonic()
        if left < _ONE.query:
            yield skipped(f"{len(zones) - number} zones more: asking all takes too long; `reconciler delegation` does")
            return
        limits = Limits(min(left, _ONE.total), _ONE.query)
        for told in check(expected.of(site, zone), resolvers=resolvers, limits=limits):
            if _OFFLINE in told.text:
                yield skipped(told.text)
                return
            if told.level != "ok":
                bad = True
                yield _finding(node, zone, told)
    if not bad:
        yield well(f"{', '.join(zones[:5])}{' and more' if len(zones) > 5 else ''}: delegated to us")


def _finding(node: Node, zone: str, told: Told) -> Finding:
    server = f"{told.server}: " if told.server else ""
    # On one line, whatever a server said: what comes after the end of a comment would be a command.
    remedy = [f"# {told.who or 'you'}: {' '.join(told.remedy.split())}"] if told.remedy else []
    tell = broken if told.level == "error" else warning
    return tell(f"{zone} {server}{told.text}", *remedy, node.command("delegation", zone.rstrip(".")), _CHAPTER)
