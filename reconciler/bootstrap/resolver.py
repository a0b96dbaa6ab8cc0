"""Whom the node asks (resolv.conf(5), resolved.conf(5)): never its own servers, which are silent on a standby."""

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.text import NodeFile, commented, section

_MOST = 3
"""What the C library reads of resolv.conf."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """`resolv.conf`, and for machines with systemd-resolved the end of its stub on port 53."""
    lines = [f"nameserver {address}" for address in facts.resolvers[:_MOST]]
    resolved = section("Resolve", ("DNS", facts.resolvers), ("DNSStubListener", ("no",)))
    return {
        "etc/resolv.conf": NodeFile(commented(lines)),
        "etc/systemd/resolved.conf.d/reconciler.conf": NodeFile(commented(resolved)),
    }
