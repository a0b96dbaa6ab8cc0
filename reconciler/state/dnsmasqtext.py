"""The allow-list for dnsmasq.d/*.conf, and a reader as strict as the server's own is lenient (dnsmasq(8)).

The server reads lines of at most 1024 octets and takes what is longer as a further line, even out of a
comment; it knows quotes with backslash escapes, and comments that begin a line or follow a blank.
"""

import difflib
import re
from collections.abc import Iterator
from functools import lru_cache

from reconciler.state.bounds import first
from reconciler.state.problem import Position, Problem
from reconciler.state.text import shown

MAX_LINE = 1000
"""Octets; the server's buffer takes 1024 with the line's end."""

# Left out on purpose is whatever names a file, folder, program, user, port or interface, or feeds
# the kernel's sets (ipset, nftset, conntrack), or sends clients' data elsewhere (add-mac, umbrella).
ALLOWED = frozenset(
    """
    address alias all-servers bogus-nxdomain bogus-priv bootp-dynamic caa-record cache-rr cache-size
    clear-on-reload cname dhcp-authoritative dhcp-boot dhcp-broadcast dhcp-circuitid dhcp-client-update
    dhcp-fqdn dhcp-generate-names dhcp-host dhcp-ignore dhcp-ignore-clid dhcp-ignore-names dhcp-lease-max
    dhcp-mac dhcp-match dhcp-name-match dhcp-no-override dhcp-option dhcp-option-force dhcp-proxy
    dhcp-pxe-vendor dhcp-range dhcp-rapid-commit dhcp-remoteid dhcp-reply-delay dhcp-sequential-ip
    dhcp-subscrid dhcp-ttl dhcp-userclass dhcp-vendorclass dns-forward-max dns-loop-detect dns-rr dnssec
    dnssec-check-unsigned dnssec-no-timecheck domain domain-needed edns-packet-max enable-ra expand-hosts
    fast-dns-retry filter-A filter-AAAA filter-rr filterwin2k host-record ignore-address local local-service
    local-ttl localise-queries localmx log-dhcp log-queries max-cache-ttl max-ttl min-cache-ttl mx-host
    mx-target naptr-record neg-ttl no-ident no-negcache no-ping no-resolv no-round-robin proxy-dnssec
    ptr-record pxe-prompt pxe-service quiet-dhcp quiet-dhcp6 quiet-ra rebind-domain-ok rebind-localhost-ok
    rev-server selfmx server shared-network srv-host stop-dns-rebind strict-order strip-mac strip-subnet
    synth-domain tag-if trust-anchor txt-record use-stale-cache
    """.split()  # noqa: SIM905
)

_DIRECTIVE = re.compile(r"([A-Za-z0-9-]+)[ \t]*(?:=(.*))?")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"(?:^|[ \t])#")


def check(path: str, text: str, allow: frozenset[str]) -> list[Problem]:
    """What in one file may not be there. The text has no control characters."""
    allowed = ALLOWED | allow
    return first(
        Problem(Position(path, number, column), what, fix)
        for number, line in enumerate(text.split("\n"), 1)
        for column, what, fix in _line(line, allowed)
    )


def _line(line: str, allowed: frozenset[str]) -> Iterator[tuple[int, str, str]]:
    """Column, sentence and advice for what is wrong in one line."""
    octets = len(line.encode())
    if octets > MAX_LINE:
        yield (
            1,
            f"the line has {octets} octets; the server takes what is over {MAX_LINE} as a new line",
            "split it",
        )
        return
    # Blanks stand for quoted text, so that columns stay.
    bare = _QUOTED.sub(lambda match: "." * len(match[0]), line)
    comment = _COMMENT.search(bare)
    bare = bare[: comment.start()] if comment else bare
    stripped = bare.strip()
    if not stripped:
        return
    column = len(bare) - len(bare.lstrip()) + 1
    quote = bare.find('"')
    if quote >= 0:
        yield quote + 1, "the quote that opens here is not closed", "close it in the same line"
        return
    match = _DIRECTIVE.fullmatch(stripped)
    if not match or line[column - 1] == '"':
        yield column, "not a directive", "write `directive` or `directive=value`, one in a line"
    elif match[1] not in allowed:
        yield column, f"directive {shown(match[1])} is not allowed", _advice(match[1], allowed)


@lru_cache(maxsize=4096)
def _advice(word: str, allowed: frozenset[str]) -> str:
    close = difflib.get_close_matches(word, sorted(allowed), n=1, cutoff=0.87)
    widen = f"the node's administrator can allow it: dnsmasq.allow: [{word}] in node.yaml"
    return f"did you mean {close[0]!r}? If not, {widen}" if close else widen
