"""The firewall's rules as a table of nftables (nft(8))."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.firewall import Rule, rules
from reconciler.bootstrap.text import NodeFile, block, commented, word

TABLE = "inet reconciler"
OWN = "/etc/nftables.d/reconciler-input"
"""Folder for an administrator's own rules of the same chain."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """`/etc/nftables.d/reconciler.nft`: a table of its own, which lets in nothing but what it names."""
    chain = block(
        "chain input",
        "type filter hook input priority filter; policy drop;",
        "ct state established,related accept",
        "ct state invalid drop",
        'iif "lo" accept',
        "meta l4proto { icmp, ipv6-icmp } accept",
        f'include "{OWN}/*.nft"',
        *_lines(rules(facts)),
    )
    # Named first, so that the removal finds it the first time too.
    lines = [f"table {TABLE}", f"delete table {TABLE}", *block(f"table {TABLE}", chain)]
    about = f"Rules of your own: {OWN}/*.nft, such as `ip saddr 203.0.113.9 tcp dport 22 accept`."
    return {"etc/nftables.d/reconciler.nft": NodeFile(commented(lines, about))}


def _lines(found: Iterable[Rule]) -> Iterator[str]:
    for why, group in groupby(found, key=lambda rule: rule.why):
        yield f"# {why}"
        yield from map(_line, group)


def _line(rule: Rule) -> str:
    words = [] if rule.interface is None else [f'iifname "{word(rule.interface)}"']
    for value, side in ((rule.source, "saddr"), (rule.to, "daddr")):
        if value is not None:
            words.append(f"{'ip' if value.version == 4 else 'ip6'} {side} {word(value)}")
    if rule.protocol == "vrrp":
        words.append("meta l4proto 112")
    else:
        words.append(f"{word(rule.protocol)} dport {word(rule.port).replace(':', '-')}")
    return " ".join((*words, "accept" if rule.allow else "drop"))
