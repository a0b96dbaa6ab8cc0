"""BIND's own configuration: where it listens, for whom it recurses, and the include of what is rendered later."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from reconciler.bootstrap import secondaries
from reconciler.bootstrap.facts import FORWARDED_PORT, Facts
from reconciler.bootstrap.text import NodeFile, block, commented, word

_DIRECTORY = "/var/cache/bind"
"""On the node's own disk: named does not start where it cannot write there."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """`named.conf.options` and `named.conf.local` of Debian's layout."""
    if not facts.has_bind:
        return {}
    options = _behind(facts) if facts.bind_is_behind else _in_front(facts)
    include = f'include "{word(facts.bind_directory)}/named.conf.reconciler";'
    return {
        "etc/bind/named.conf.options": NodeFile(commented(options)),
        "etc/bind/named.conf.local": NodeFile(commented([include])),
    }


def notes(facts: Facts) -> Iterator[str]:
    """What a person has to know of it, as sentences."""
    if facts.bind_is_behind or not facts.has_bind:
        return
    for name, view in facts.site.views.items():
        if view.recursion and any(map(_everybody, view.clients)):
            yield (
                f'View "{name}" has `recursion: yes` for anybody, which would make this server an open resolver: '
                "named.conf.options recurses for the site's networks alone. Who else is to be let in stands in its "
                "`reconciler-clients`."
            )


def _behind(facts: Facts) -> list[str]:
    copying = secondaries.allowed(facts)
    # Others have dnsmasq to ask.
    readers = [f"allow-query {{ {' '.join(('localhost;', *copying))} }};"] if copying else []
    return _statement(
        "options",
        f'directory "{_DIRECTORY}";',
        "# dnsmasq has port 53, and asks here for the zones that BIND serves.",
        *_listening(facts, {(4, FORWARDED_PORT): ["127.0.0.1"]}),
        "# It follows aliases from one zone into another for dnsmasq alone.",
        "recursion yes;",
        "allow-recursion { localhost; };",
        "allow-query-cache { localhost; };",
        "forward only;",
        f"forwarders {{ {' '.join(f'{address};' for address in facts.resolvers)} }};",
        *readers,
        "allow-transfer { none; };",
    )


def _in_front(facts: Facts) -> list[str]:
    return [
        *_statement("acl reconciler-clients", *(f"{each};" for each in _clients(facts))),
        "",
        *_statement(
            "options",
            f'directory "{_DIRECTORY}";',
            *_listening(facts, {(4, 53): ["any"], (6, 53): ["any"]}),
            "# Our own zones are answered to everybody, all else to our networks alone.",
            "recursion yes;",
            "allow-recursion { reconciler-clients; };",
            "allow-query-cache { reconciler-clients; };",
            "allow-transfer { none; };",
            "dnssec-validation auto;",
        ),
    ]


def _clients(facts: Facts) -> Iterator[str]:
    """Whom names of others are looked up for: this site's networks, and clients of views that say so."""
    yield "localhost"
    # A prefix that moves is known by the interface only.
    found = ["localnets"] if any(link.network.delegated for link in facts.links) else []
    found += [str(prefix) for link in facts.links for prefix in link.prefixes]
    for client in (client for view in facts.site.views.values() if view.recursion for client in view.clients):
        if client == "localnets" or (not isinstance(client, str) and not _everybody(client)):
            found.append(str(client))
    yield from dict.fromkeys(found)


def _everybody(client: IPv4Network | IPv6Network | str) -> bool:
    return client == "any" or (not isinstance(client, str) and client.prefixlen == 0)


def _listening(facts: Facts, always: dict[tuple[int, int], list[str]]) -> list[str]:
    """always: addresses, or `any`, by IP version and port. Added to them is where secondaries come."""
    found = {key: list(addresses) for key, addresses in always.items()}
    ways = secondaries.ways(facts)
    for _, _, (address, port) in ways:
        addresses = found.setdefault((address.version, port), [])
        if str(address) not in addresses:
            addresses.append(str(address))
    lines = ["# Secondaries copy zones at the addresses that this node has, or that move to it."] if ways else []
    for (version, port), addresses in found.items():
        statement = "listen-on" if version == 4 else "listen-on-v6"
        at = "" if port == 53 else f" port {port}"
        lines.append(f"{statement}{at} {{ {' '.join(f'{word(each)};' for each in addresses)} }};")
    return lines if any(version == 6 for version, _ in found) else [*lines, "listen-on-v6 { none; };"]


def _statement(head: str, *body: str) -> list[str]:
    """A block as named ends it."""
    lines = block(head, *body)
    return [*lines[:-1], f"{lines[-1]};"]
