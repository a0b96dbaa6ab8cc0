"""BIND's own configuration: where it listens, for whom it recurses, and the include of what is rendered later."""

from reconciler.bootstrap.facts import FORWARDED_PORT, Facts
from reconciler.bootstrap.text import NodeFile, block, commented, word

_DIRECTORY = "/var/cache/bind"
"""On the node's own disk: named does not start where it cannot write there."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """`named.conf.options` and `named.conf.local` of Debian's layout."""
    if not facts.has_bind:
        return {}
    options = _behind() if facts.bind_is_behind else _in_front(facts)
    include = f'include "{word(facts.bind_directory)}/named.conf.reconciler";'
    return {
        "etc/bind/named.conf.options": NodeFile(commented(options)),
        "etc/bind/named.conf.local": NodeFile(commented([include])),
    }


def _behind() -> list[str]:
    return _statement(
        "options",
        f'directory "{_DIRECTORY}";',
        "# dnsmasq has port 53, and asks here for the zones that BIND serves.",
        f"listen-on port {FORWARDED_PORT} {{ 127.0.0.1; }};",
        "listen-on-v6 { none; };",
        "recursion no;",
        "allow-transfer { none; };",
    )


def _in_front(facts: Facts) -> list[str]:
    prefixes = [str(prefix) for link in facts.links for prefix in link.prefixes]
    # A prefix that moves is known by the interface only.
    moving = ["localnets"] if any(link.network.delegated for link in facts.links) else []
    return [
        *_statement("acl reconciler-clients", *(f"{each};" for each in ("localhost", *moving, *prefixes))),
        "",
        *_statement(
            "options",
            f'directory "{_DIRECTORY}";',
            "listen-on { any; };",
            "listen-on-v6 { any; };",
            "# Our own zones are answered to everybody, all else to our networks alone.",
            "recursion yes;",
            "allow-recursion { reconciler-clients; };",
            "allow-query-cache { reconciler-clients; };",
            "allow-transfer { none; };",
            "dnssec-validation auto;",
        ),
    ]


def _statement(head: str, *body: str) -> list[str]:
    """A block as named ends it."""
    lines = block(head, *body)
    return [*lines[:-1], f"{lines[-1]};"]
