"""Where secondaries reach BIND on this node, other than at port 53: what it listens on, and who is let in. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.bootstrap.facts import Facts
from reconciler.services.bind.transfers import readers
from reconciler.state.addresses import ServerAddress
from reconciler.state.schema import Secondary

_DNS = 53


class Way(NamedTuple):
    """A secondary, and one of this node's addresses at which it finds BIND."""

    name: str
    item: Secondary
    at: ServerAddress


def ways(facts: Facts) -> list[Way]:
    """Of all secondaries; port 53 is not among them: either BIND has all of it, or dnsmasq."""
    if not facts.has_bind:
        return []
    return [
        Way(name, item, server)
        for name, item in facts.site.secondaries.items()
        for server in item.primary
        if server.port != _DNS and server.address in facts.answers_at
    ]


def allowed(facts: Facts) -> list[str]:
    """Those who may copy, as elements of an address match list of named.conf."""
    return list(dict.fromkeys(reader for item in facts.site.secondaries.values() for reader in readers(item)))


def notes(facts: Facts) -> Iterator[str]:
    """What a person has to see to, as sentences."""
    if not facts.has_bind:
        return
    if facts.bind_is_behind:
        for name, item in facts.site.secondaries.items():
            yield from _unreached(facts, name, item)
    for way in ways(facts):
        if way.item.key is not None:
            sources = ", ".join(str(each.address) for each in way.item.address)
            yield (
                f'Secondary "{way.name}" may copy from wherever it comes, by its key; the firewall lets it in to port '
                f"{way.at.port} of {way.at.address} from {sources} alone. Where addresses are translated on its way, "
                "let in the one that it shows here."
            )


def _unreached(facts: Facts, name: str, item: Secondary) -> Iterator[str]:
    """Of a secondary whose way ends at dnsmasq, or somewhere else."""
    if not item.primary:
        yield (
            f'It is not known where secondary "{name}" reaches BIND: port 53 is dnsmasq\'s. Write '
            "`primary: ADDRESS:PORT` at it in site.yaml, with a port of its own."
        )
    for server in item.primary:
        if server.address not in (*facts.answers_at, *facts.others):
            yield (
                f'Secondary "{name}" comes by {server}, which is none of these nodes\' addresses: what translates it '
                "has to lead to an address and port here. Name them in a `listen-on` of named.conf.options, and let "
                "the secondary in there."
            )
        elif server.port == _DNS:
            yield (
                f'Secondary "{name}" is to find BIND at {server.address}, where port 53 is dnsmasq\'s: write another '
                "port at its `primary:` in site.yaml."
            )
