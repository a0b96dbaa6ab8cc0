"""DRBD's resource (drbd.conf(5), as 8.4 reads it; 9 does too)."""

from ipaddress import IPv6Address

from reconciler.bootstrap import secret
from reconciler.bootstrap.facts import Address, Facts, Shared
from reconciler.bootstrap.text import SECRET, NodeFile, block, commented, word

EVENTS = ("split-brain", "initial-split-brain", "pri-lost-after-sb", "pri-on-incon-degr", "local-io-error")
_HANDLER = "/usr/lib/reconciler/reconciler-drbd-handler"
_LONGEST = 63
"""Characters of a shared secret (drbd.conf(5), shared-secret)."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """`/etc/drbd.d/RESOURCE.res`, the same on both nodes."""
    shared = facts.shared
    if shared is None:
        return {}
    drbd = shared.drbd
    nodes = {facts.node: facts.addresses[0], shared.peer.name: shared.peer.addresses[0]}
    lines = block(
        f"resource {word(drbd.resource)}",
        # Pacemaker's agent waits by itself.
        [] if shared.pair.manager == "pacemaker" else _waiting(),
        _net(facts, shared),
        block("disk", "on-io-error detach;"),
        block("handlers", *(f"{event:<19} {_quoted(f'{_HANDLER} {event}')};" for event in EVENTS)),
        *(_node(shared, name, nodes[name]) for name in sorted(nodes)),
    )
    path = f"etc/drbd.d/{word(drbd.resource)}.res"
    return {path: NodeFile(commented(lines, "The same on both nodes; drbd.conf(5)."), SECRET)}


def _waiting() -> list[str]:
    """At boot, seconds to wait for the peer; without these for ever."""
    return block("startup", "wfc-timeout 10;", "degr-wfc-timeout 10;", "outdated-wfc-timeout 10;")


def _net(facts: Facts, shared: Shared) -> list[str]:
    reference = shared.drbd.shared_secret
    handshake = []
    if reference is not None:
        known = secret.value(facts, reference, _LONGEST)
        # Unquoted it is no word of drbd.conf's, so that drbdadm stops there.
        text = secret.placeholder(reference) if known is None else _quoted(known)
        handshake = ["cram-hmac-alg sha256;", f"shared-secret {text};"]
    return block(
        "net",
        "protocol C;",
        *handshake,
        "# A peer that is gone is noticed after 3 to 6 seconds, before the manager's takeover.",
        "ping-int 3;",
        "connect-int 3;",
        "timeout 25;",
        "# After a split brain: what only one wrote wins, a secondary gives in; two that served wait for a person.",
        "after-sb-0pri discard-zero-changes;",
        "after-sb-1pri discard-secondary;",
        "after-sb-2pri disconnect;",
    )


def _node(shared: Shared, name: str, address: Address) -> list[str]:
    drbd = shared.drbd
    at = f"ipv6 [{address}]" if isinstance(address, IPv6Address) else str(address)
    return block(
        f"on {word(name)}",
        f"device {word(drbd.device)};",
        f"disk {_quoted(word(drbd.disks[name]))};",
        "meta-disk internal;",
        f"address {at}:{drbd.port};",
    )


def _quoted(text: str) -> str:
    """Text in quotes, which has none itself: handlers are ours, paths are words, secrets plain by `secret.value`."""
    assert '"' not in text and "\\" not in text and "\n" not in text
    return f'"{text}"'
